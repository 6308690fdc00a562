'use strict';
// A function that leaves work behind.
const http = require('http');
const { once } = require('events');

async function get(path) {
  const req = http.get(`http://${process.env.PEER}${path}`);
  const [res] = await once(req, 'response');
  for await (const chunk of res) String(chunk);
  return res.statusCode;
}

if (process.env.OWN_STORAGE) new (require('async_hooks').AsyncLocalStorage)().enterWith('something of its own');
let release;
let left;
const early = get('/text?from=init');
const stories = {
  first: async () => {
    await early;
    left = new Promise((resolve) => { release = resolve; }).then(() => get('/text?from=first'));
    return get('/text?in=first');
  },
  second: async () => {
    release();
    return [await left, await get('/text?in=second')];
  },
  starts: async () => { left = get('/slow?from=starts'); await new Promise(setImmediate); await new Promise(setImmediate); return 1; },
  ends: async () => left,
};
exports.handler = async (event) => stories[event.story]();
