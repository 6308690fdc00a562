'use strict';
// One call: what a story wants of it, and the libraries that it can be made with.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const https = require('https');
const { pathToFileURL } = require('url');
const { Readable } = require('stream');

class Unsupported extends Error {}

// complete fills in the arguments of the verb call.
function complete(args, event) {
  const secure = args.secure || false;
  const second = args.second || false; // HTTP/2
  const peer = second ? event.second : secure ? event.secure : event.peer;
  return {
    library: args.library || event.library || 'http',
    method: args.method || 'GET',
    secure,
    second,
    url: args.url || `${secure || second ? 'https' : 'http'}://${peer}${args.path || '/text'}`,
    headers: args.headers || [],
    body: args.body,
    read: args.read || 'all',
    timeout: args.timeoutMS,
    expect: args.expect || false,
    times: args.times || 1,
    retries: args.retries || 0,
  };
}

// bodyOf gives the body: a Buffer, or a stream of pieces.
function bodyOf(call) {
  if (!call.body) return undefined;
  let data;
  if (call.body.text !== undefined) data = Buffer.from(call.body.text);
  else if (call.body.binary !== undefined) data = Buffer.from(Array.from({ length: call.body.binary }, (_, i) => i % 256));
  else data = Buffer.alloc(call.body.size, 'x');
  switch (call.body.as || 'bytes') {
    case 'bytes': return data;
    case 'generator': return Readable.from((function* () { for (let i = 0; i < data.length; i += 1000) yield data.subarray(i, i + 1000); })());
    case 'file': fs.writeFileSync('/tmp/upload', data); return fs.createReadStream('/tmp/upload');
    default: throw new Unsupported(`a body as ${call.body.as}`);
  }
}

function told(status, data) {
  return { status, length: data.length, md5: crypto.createHash('md5').update(data).digest('hex') };
}

// take reads a stream as the story asks for, and says what came.
async function take(call, status, stream) {
  const chunks = [];
  switch (call.read) {
    case 'all': case 'pieces': for await (const chunk of stream) chunks.push(chunk); break;
    case 'some': for await (const chunk of stream) { chunks.push(chunk.subarray(0, 10)); break; } break;
    case 'none': stream.destroy(); break;
    default: throw new Unsupported(`to read ${call.read}`);
  }
  return told(status, Buffer.concat(chunks));
}

function only(call, ...fields) {
  for (const field of ['secure', 'second', 'expect', 'retries']) {
    if (call[field] && !fields.includes(field)) throw new Unsupported(field);
  }
}

async function byHTTP(call) {
  only(call, 'secure', 'expect');
  const agent = new (call.secure ? https : http).Agent({ keepAlive: call.times > 1, ca: call.secure ? fs.readFileSync(process.env.PEER_CA) : undefined });
  let result;
  for (let n = 0; n < call.times; n++) result = await once(call, agent);
  agent.destroy();
  return result;
}

function once(call, agent) {
  return new Promise((resolve, reject) => {
    const req = (call.secure ? https : http).request(call.url, { method: call.method, agent }, (res) => take(call, res.statusCode, res).then(resolve, reject));
    for (const [name, value] of call.headers) req.appendHeader(name, value);
    if (call.timeout) req.setTimeout(call.timeout, () => req.destroy(new Error('timed out')));
    req.on('error', reject);
    const body = bodyOf(call);
    if (call.expect) {
      req.setHeader('Expect', '100-continue');
      req.flushHeaders();
      req.once('continue', () => req.end(body));
    } else if (body instanceof Readable) body.pipe(req);
    else req.end(body);
  });
}

async function byFetch(call) {
  return byWeb(call, fetch);
}

async function byUndici(call) {
  return byWeb(call, require('undici').fetch);
}

async function byWeb(call, send) {
  only(call);
  let result;
  for (let n = 0; n < call.times; n++) {
    const options = { method: call.method, headers: call.headers, body: bodyOf(call), duplex: 'half' };
    if (call.timeout) options.signal = AbortSignal.timeout(call.timeout);
    const res = await send(call.url, options);
    if (call.read === 'all') result = told(res.status, Buffer.from(await res.arrayBuffer()));
    else if (call.read === 'none') { result = told(res.status, Buffer.alloc(0)); if (res.body) await res.body.cancel(); }
    else result = await take(call, res.status, res.body ? Readable.fromWeb(res.body) : Readable.from([]));
  }
  return result;
}

// axios rides on http, with follow-redirects between the two.
async function byAxios(call) {
  only(call);
  const { default: axios } = load('axios');
  let result;
  for (let n = 0; n < call.times; n++) {
    const res = await axios.request({
      url: call.url, method: call.method, headers: Object.fromEntries(call.headers), data: bodyOf(call), timeout: call.timeout, responseType: 'stream', validateStatus: () => true,
      proxy: false, httpAgent: call.times > 1 ? agent() : undefined,
    });
    result = await take(call, res.status, res.data);
  }
  return result;
}

let kept;
function agent() {
  kept = kept || new http.Agent({ keepAlive: true });
  return kept;
}

// got and node-fetch are ES modules: a layer's are found by require only.
async function byGot(call) {
  only(call, 'retries');
  const { default: got } = await module_('got');
  let result;
  for (let n = 0; n < call.times; n++) {
    const body = bodyOf(call);
    const options = {
      method: call.method, headers: Object.fromEntries(call.headers), body, throwHttpErrors: false, retry: { limit: call.retries, calculateDelay: ({ computedValue }) => (computedValue > 0 ? 1 : 0) },
      timeout: call.timeout ? { request: call.timeout } : undefined, agent: call.times > 1 ? { http: agent() } : undefined,
    };
    if (call.read === 'all') {
      const res = await got(call.url, { ...options, responseType: 'buffer' });
      result = told(res.statusCode, res.body);
      continue;
    }
    const stream = got.stream(call.url, options);
    const res = await new Promise((resolve, reject) => { stream.once('response', resolve); stream.once('error', reject); });
    result = await take(call, res.statusCode, stream);
  }
  return result;
}

async function byNodeFetch(call) {
  only(call);
  const { default: send } = await module_('node-fetch');
  let result;
  for (let n = 0; n < call.times; n++) {
    const options = { method: call.method, headers: call.headers, body: bodyOf(call), agent: call.times > 1 ? agent() : undefined };
    if (call.timeout) options.signal = AbortSignal.timeout(call.timeout);
    const res = await send(call.url, options);
    result = call.read === 'all' ? told(res.status, Buffer.from(await res.arrayBuffer())) : await take(call, res.status, res.body);
  }
  return result;
}

async function byHTTP2(call) {
  only(call, 'second');
  if (!call.second) throw new Unsupported('HTTP/1.1');
  const session = http2.connect(new URL(call.url).origin, { ca: fs.readFileSync(process.env.PEER_CA) });
  try {
    let result;
    for (let n = 0; n < call.times; n++) result = await stream2(call, session);
    return result;
  } finally {
    session.close();
  }
}

function stream2(call, session) {
  return new Promise((resolve, reject) => {
    const url = new URL(call.url);
    session.on('error', reject);
    const req = session.request({ ...Object.fromEntries(call.headers), ':method': call.method, ':path': url.pathname + url.search });
    req.on('error', reject);
    req.on('response', (headers) => take(call, headers[':status'], req).then(resolve, reject));
    const body = bodyOf(call);
    if (body instanceof Readable) body.pipe(req);
    else req.end(body);
  });
}

// load finds what a layer has, which require does by NODE_PATH.
function load(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') throw new Unsupported(`no ${name} here`);
    throw error;
  }
}

const module_ = (name) => import(pathToFileURL(require.resolve(name)));

const libraries = { http: byHTTP, fetch: byFetch, undici: byUndici, axios: byAxios, got: byGot, 'node-fetch': byNodeFetch, http2: byHTTP2 };

module.exports = { Unsupported, complete, libraries };
