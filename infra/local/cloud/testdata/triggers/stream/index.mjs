// A function that streams: two pieces, the second one when the first has arrived and somebody has said so.
import { existsSync } from "node:fs";

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, {
    statusCode: 203, headers: { "content-type": "text/plain", "x-own": "a" }, cookies: ["a=1"],
  });
  out.write("one ");
  while (!existsSync(event.rawPath)) await new Promise((done) => setTimeout(done, 5));
  out.write("two");
  out.end();
});
