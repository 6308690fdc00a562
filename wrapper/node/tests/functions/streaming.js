'use strict';
/* global awslambda */
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');

const stories = {
  text: async (stream) => { stream.setContentType('text/plain'); stream.write('one '); await new Promise(setImmediate); stream.end('two'); },
  piped: async (stream) => { await pipeline(Readable.from(['a', Buffer.from([0, 1, 255]), 'c'].map((c) => Buffer.from(c))), stream); },
  http: async (stream) => { const s = awslambda.HttpResponseStream.from(stream, { statusCode: 418, headers: { 'x-a': 'b' } }); s.write('teapot'); s.end(); },
  large: async (stream) => { for (let i = 0; i < 40; i++) if (!stream.write('y'.repeat(10000))) await new Promise((resolve) => stream.once('drain', resolve)); stream.end(); },
  throws: async (stream) => { stream.write('half'); throw new TypeError('in the middle'); },
  empty: async (stream) => { stream.end(); },
  returns: async (stream) => { stream.end('x'); return 17; },
  sync: (stream) => { stream.end('x'); },
  late: async (stream) => { stream.write('first'); await new Promise((resolve) => setTimeout(resolve, 20)); stream.end(' last'); },
};
exports.handler = awslambda.streamifyResponse((event, stream) => stories[event.story](stream));
exports.wide = awslambda.streamifyResponse(async (event, stream, context) => { stream.end(context.awsRequestId); }, { highWaterMark: 1024 });
