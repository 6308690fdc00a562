'use strict';
// Requests of every kind, to the server that PEER names. Each story gives what the function saw.
const http = require('http');
const https = require('https');
const { once } = require('events');
const { pipeline } = require('stream/promises');
const { Readable, PassThrough } = require('stream');
const zlib = require('zlib');

const peer = `http://${process.env.PEER}`;
const secure = `https://${process.env.SECURE_PEER}`;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function send(path, options = {}, body) {
  return new Promise((resolve, reject) => {
    const req = http.request(peer + path, options, resolve);
    req.on('error', reject);
    if (typeof body === 'function') body(req);
    else req.end(body);
  });
}

async function read(res) {
  const chunks = [];
  for await (const chunk of res) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  return [res.statusCode, all.length, all.length > 200 ? all.subarray(0, 20).toString('latin1') : all.toString('latin1')];
}

// shape tells an error without what differs between two runs.
function shape(error) {
  return [error.name, error.code, error.message, (error.stack || '').split('\n').slice(1), error.cause && shape(error.cause)];
}

async function failing(promise) {
  try {
    return ['no error', await promise];
  } catch (error) {
    return shape(error);
  }
}

const stories = {
  get: async () => read(await send('/text')),
  getter: () => new Promise((resolve) => http.get(`${peer}/text?q=%20x`, { headers: { 'X-One': '1', 'x-two': ['a', 'b'] } }, (res) => resolve(read(res)))),
  end: async () => read(await send('/echo', { method: 'POST' }, '{"q":"grüße"}')),
  length: async () => read(await send('/echo', { method: 'PUT', headers: { 'Content-Length': 6 } }, Buffer.from('abcdef'))),
  writes: async () => read(await send('/echo', { method: 'POST' }, (req) => { req.write('one,'); req.write(Buffer.from('two,')); req.write('746872656521', 'hex', () => req.end(new Uint8Array([44, 33]))); })),
  piped: async () => read(await send('/echo', { method: 'POST' }, (req) => { pipeline(Readable.from(['a', 'b', 'c']), req); })),
  big: async () => read(await send('/echo', { method: 'POST' }, 'z'.repeat(100000))),
  arrayHeaders: async () => read(await send('/echo', { method: 'POST', headers: ['Host', process.env.PEER, 'X-A', '1', 'X-a', '2', 'Content-Length', '2'] }, 'hi')),
  continue: async () => read(await send('/echo', { method: 'POST', headers: { Expect: '100-continue' } }, (req) => { req.flushHeaders(); req.once('continue', () => req.end('go on')); })),
  chunked: async () => read(await send('/chunked')),
  gzip: async () => { const res = await send('/gzip'); const out = res.pipe(zlib.createGunzip()); const chunks = []; for await (const c of out) chunks.push(c); return Buffer.concat(chunks).toString(); },
  large: async () => read(await send('/large?n=200000')),
  head: async () => read(await send('/text', { method: 'HEAD' })),
  noContent: async () => read(await send('/status?code=204')),
  notModified: async () => read(await send('/status?code=304')),
  serverError: async () => read(await send('/status?code=500')),
  encoded: async () => { const res = await send('/chunked'); res.setEncoding('utf8'); let all = ''; res.on('data', (chunk) => { all += typeof chunk + chunk; }); await once(res, 'end'); return all.replaceAll('string', ''); },
  readable: async () => { const res = await send('/slow'); let all = ''; await once(res, 'readable'); await new Promise(setImmediate); res.on('readable', () => { for (let c = res.read(); c !== null; c = res.read()) all += c; }); await once(res, 'end'); return all; },
  onceReadable: async () => { const res = await send('/text'); await once(res, 'readable'); await new Promise((resolve) => setTimeout(resolve, 10)); const first = res.read(4); const flowing = res.readableFlowing; return [String(first), flowing, await read(res)]; },
  paused: async () => { const res = await send('/slow'); const seen = []; res.on('data', (c) => { seen.push(String(c)); res.pause(); setTimeout(() => res.resume(), 2); }); await once(res, 'end'); return seen.join(''); },
  unread: async () => { const res = await send('/text'); await new Promise((resolve) => setTimeout(resolve, 10)); return [res.readableFlowing, res.readableLength, res.listenerCount('data'), res.listenerCount('end'), await read(res)]; },
  listeners: async () => { const seen = []; const res = await send('/text', {}, (req) => { seen.push(req.eventNames().map(String), req.listenerCount('error')); req.end(); }); seen.push(res.eventNames().map(String).sort(), Object.keys(res).sort(), Object.keys(res.req).sort()); res.resume(); await once(res, 'end'); return seen; },
  dropped: async () => { const res = await send('/trickle'); res.on('error', () => {}); await once(res, 'data'); res.destroy(); await once(res, 'close'); return res.complete; },
  returned: async () => { const res = await send('/trickle'); for await (const chunk of res) return String(chunk).length > 0; },
  aborted: async () => failing(send('/never', { signal: AbortSignal.timeout(30) })),
  controller: async () => { const c = new AbortController(); setTimeout(() => c.abort(new Error('my reason')), 20); return failing(send('/never', { signal: c.signal })); },
  timeout: async () => failing(send('/never', { timeout: 20 }, (req) => { req.on('timeout', () => req.destroy(new Error('too slow'))); req.end(); })),
  refused: async () => failing(new Promise((resolve, reject) => http.get('http://127.0.0.1:2/', resolve).on('error', reject))),
  hangup: async () => failing(send('/hangup')),
  cut: async () => failing(send('/cut').then(read)),
  garbage: async () => failing(send('/garbage')),
  badUrl: () => failing((async () => http.request('not an url'))()),
  badHeader: () => failing((async () => http.request(peer, { headers: { 'x y': '1' } }))()),
  badWrite: () => failing((async () => { const req = http.request(`${peer}/echo`, { method: 'POST' }); req.on('error', () => {}); try { req.write(17); } finally { req.destroy(); } })()),
  writeAfterEnd: async () => { let failure; await new Promise((resolve) => { const req = http.request(`${peer}/echo`, { method: 'POST' }, (res) => res.resume().on('end', resolve)); req.on('error', (e) => { failure = shape(e); }); req.end('x'); req.write('y'); }); return failure; },
  badEncoding: async () => failing(send('/echo', { method: 'POST' }, (req) => { req.write('a', 'latin1'); req.end('ÿ', 'binary'); }).then(read)),
  listenerStack: async () => { const res = await send('/slow'); const stacks = []; res.on('data', () => stacks.push(new Error('here').stack)); await once(res, 'end'); return stacks; },
  responseStack: () => new Promise((resolve) => http.get(`${peer}/text`, (res) => { const { stack } = new Error('here'); res.resume().on('end', () => resolve(stack)); })),
  socketStack: () => new Promise((resolve) => { let stack; const req = http.get(`${peer}/text`, (res) => res.resume().on('end', () => resolve(stack))); req.on('socket', () => { ({ stack } = new Error('here')); }); }),
  agentStack: () => new Promise((resolve) => { let stack; const a = new http.Agent(); a.createConnection = (...args) => { ({ stack } = new Error('here')); return http.Agent.prototype.createConnection.apply(a, args); }; http.get(`${peer}/text`, { agent: a }, (res) => res.resume().on('end', () => resolve(stack))); }),
  unhandledError: () => failing((async () => { const req = http.request(`${peer}/text`); req.end(); const res = await once(req, 'response').then((a) => a[0]); res.resume(); try { req.emit('error', new Error('thrown by emit')); } catch (e) { return shape(e); } })()),
  keepAlive: async () => { const seen = []; for (let i = 0; i < 3; i++) seen.push(await read(await send(`/text?i=${i}`, { agent }))); return seen; },
  parallel: async () => Promise.all([1, 2, 3].map(async (i) => read(await send(`/echo?i=${i}`, { method: 'POST', agent }, `body ${i}`)))),
  upgrade: () => new Promise((resolve) => { const req = http.request(`${peer}/upgrade`, { headers: { Connection: 'Upgrade', Upgrade: 'test' } }); req.on('upgrade', (res, socket, head) => { const chunks = [head]; socket.on('data', (c) => chunks.push(c)); socket.on('end', () => { socket.destroy(); resolve([res.statusCode, Buffer.concat(chunks).toString()]); }); socket.write('ping'); }); req.end(); }),
  connect: () => new Promise((resolve) => { const req = http.request({ host: process.env.PEER.split(':')[0], port: process.env.PEER.split(':')[1], method: 'CONNECT', path: 'example.com:443' }); req.on('connect', (res, socket) => { let all = ''; socket.on('data', (c) => { all += c; }); socket.on('end', () => { socket.destroy(); resolve([res.statusCode, all]); }); socket.write('tunnelled'); }); req.end(); }),
  wrapped: async () => read(await send('/echo', { method: 'POST' }, (req) => { const { write } = req; const seen = []; req.write = function (...args) { seen.push(args[0]); return write.apply(this, args); }; req.write('through a wrapper'); req.end(); })),
  patched: async () => { const { EventEmitter } = require('events'); const { emit } = EventEmitter.prototype; let seen = 0; EventEmitter.prototype.emit = function (...args) { if (this instanceof http.ClientRequest && args[0] === 'response') seen++; return emit.apply(this, args); }; try { return [await read(await send('/text')), seen]; } finally { EventEmitter.prototype.emit = emit; } },
  mocked: async () => { const Real = http.ClientRequest; http.ClientRequest = function (...args) { return new Real(...args); }; try { return await read(await send('/text')); } finally { http.ClientRequest = Real; } },
  unmade: async () => { for (let i = 0; i < 9; i++) try { Object.create(http.ClientRequest.prototype).write('x'); } catch (error) { return shape(error); } return read(await send('/text')); },
  secure: () => new Promise((resolve, reject) => https.get(`${secure}/text`, (res) => resolve(read(res))).on('error', reject)),
  through: async () => { const res = await send('/slow'); const pass = new PassThrough(); res.pipe(pass); return read(Object.assign(pass, { statusCode: res.statusCode })); },
  warnings: async () => { const seen = []; process.on('warning', (w) => seen.push(w.name)); await Promise.all(Array.from({ length: 15 }, async () => read(await send('/text')))); await new Promise(setImmediate); process.removeAllListeners('warning'); return seen; },

  fetch: async () => { const res = await fetch(`${peer}/text`); return [res.status, await res.text(), [...res.headers.keys()]]; },
  fetchPost: async () => (await fetch(`${peer}/echo?x=1`, { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json', 'X-A': 'b' } })).text(),
  fetchBytes: async () => (await fetch(`${peer}/echo`, { method: 'PUT', body: new Uint8Array([1, 2, 3]) })).arrayBuffer().then((b) => b.byteLength),
  fetchStream: async () => (await fetch(`${peer}/echo`, { method: 'POST', duplex: 'half', body: new ReadableStream({ start(c) { c.enqueue(Buffer.from('one ')); c.enqueue(Buffer.from('two')); c.close(); } }) })).text(),
  fetchGzip: async () => (await fetch(`${peer}/gzip`)).text(),
  fetchLarge: async () => (await (await fetch(`${peer}/large?n=200000`)).text()).length,
  fetchRedirect: async () => { const res = await fetch(`${peer}/redirect`); return [res.redirected, await res.text()]; },
  fetchAbort: async () => failing(fetch(`${peer}/never`, { signal: AbortSignal.timeout(30) })),
  fetchCancel: async () => { const res = await fetch(`${peer}/trickle`); const reader = res.body.getReader(); const { value } = await reader.read(); await reader.cancel(); return value.length > 0; },
  fetchRefused: async () => failing(fetch('http://127.0.0.1:2/')),
  fetchCut: async () => failing(fetch(`${peer}/cut`).then((res) => res.text())),
  fetchBody: async () => { const res = await fetch(`${peer}/slow`); let all = ''; for await (const chunk of res.body) all += Buffer.from(chunk); return all; },
  fetchHead: async () => (await fetch(`${peer}/text`, { method: 'HEAD' })).status,
  fetchSecure: async () => (await fetch(`${secure}/text`)).text(),
};

exports.handler = async (event) => stories[event.story]();
exports.stories = Object.keys(stories);
