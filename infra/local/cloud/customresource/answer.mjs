// Handlers of custom resources, CloudFormation's own module and the CDK's, send their answer by https.request to host and path of
// ResponseURL, on port 443: on AWS it is an S3 address. Here it is one of the local AWS, which speaks HTTP on a port of its own.
// Only such answers are led there; any other request is made as it is.
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";

const answers = "/_ministack/cfn-response/";
const aws = new URL(process.env.AWS_ENDPOINT_URL);
const request = https.request;

https.request = function (...args) {
  const first = args[0];
  const wanted = typeof first === "string" || first instanceof URL ? new URL(first) : null;
  const options = { ...(wanted ? { method: "GET", path: wanted.pathname + wanted.search } : first) };
  const more = args.slice(1).find((arg) => arg && typeof arg === "object");
  Object.assign(options, more);
  if (!String(options.path).startsWith(answers)) return request.apply(https, args);
  const listener = args.find((arg) => typeof arg === "function");
  const { method, path, headers, timeout } = options;
  return http.request({ method, path, headers, timeout, hostname: aws.hostname, port: aws.port }, listener);
};
syncBuiltinESMExports();
