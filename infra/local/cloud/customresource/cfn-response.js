// What CloudFormation lays beside inline code: send() answers the event of a custom resource, and ends the invocation.
const http = require("http");
const https = require("https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const answer = JSON.stringify({
    Status: responseStatus,
    Reason: "See the log of " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(answer) };
  return new Promise((resolve) => {
    const end = (result) => {
      if (context.done) context.done(); // newer runtimes have none: there the promise is waited for
      resolve(result);
    };
    const request = (url.protocol === "http:" ? http : https).request(url, { method: "PUT", headers }, (response) => {
      response.resume();
      end(response.statusCode);
    });
    request.on("error", (error) => {
      console.log("CloudFormation could not be answered:", error.message);
      end(error);
    });
    request.end(answer);
  });
};
