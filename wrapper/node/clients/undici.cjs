'use strict';
// What fetch and undici send: the copy that Node.js carries and any that the function brings along.
//
// Seen through undici's diagnostics channels, which every copy publishes to and which load nothing. They tell of bodies in
// newer versions only; so the two methods of undici's own Request through which the pieces pass are tapped, once for
// each copy, and the channels are used where a version has no such methods.

const channels = require('diagnostics_channel');

// HTTP/1's headers begin with it; over HTTP/2 there are headers only.
const REQUEST_LINE = /^[^\r\n]* HTTP\/1\.1\r\n/;

const known = new WeakMap(); // undici's Request: its Call
const tapped = new WeakSet(); // prototypes of undici's Requests

// attach gives what takes the messages of undici:request:create.
function attach(guard, calls, handler, { peer }) {
  const api = handler.api && `http://${handler.api}`;
  const on = (name, use) => channels.subscribe(`undici:${name}`, (message) => guard.run('undici', use, message));
  const find = (message) => known.get(message.request);
  on('client:sendHeaders', (message) => sending(find(message), message, peer));
  on('request:bodyChunkSent', (message) => untapped(message) && find(message)?.sent(message.chunk));
  on('request:bodyChunkReceived', (message) => untapped(message) && find(message)?.received(message.chunk));
  on('request:headers', (message) => find(message)?.answered(message.response.statusCode, message.response.headers));
  on('request:trailers', (message) => find(message)?.end());
  on('request:error', (message) => {
    const call = find(message);
    if (!call) return;
    call.fail(message.error);
    call.partial = call.status > 0;
    call.end();
  });
  return ({ request }) => {
    if (api && origin(request) === api) return;
    tapBodies(guard, request);
    created(calls, request);
  };
}

function untapped(message) {
  return !tapped.has(Object.getPrototypeOf(message.request));
}

function tapBodies(guard, request) {
  const prototype = Object.getPrototypeOf(request);
  if (tapped.has(prototype)) return;
  const { onBodySent, onData, onUpgrade } = prototype;
  if (typeof onBodySent !== 'function' || typeof onData !== 'function') return;
  tapped.add(prototype);
  prototype.onBodySent = guard.tap('undici', onBodySent, (req, args) => known.get(req)?.sent(args[0]));
  prototype.onData = guard.tap('undici', onData, (req, args) => known.get(req)?.received(args[0]));
  if (typeof onUpgrade === 'function') prototype.onUpgrade = guard.tap('undici', onUpgrade, (req, args) => upgraded(known.get(req), args));
}

function created(calls, request) {
  const call = calls.open('undici');
  known.set(request, call);
  call.method = request.method;
  call.url = origin(request) + request.path;
  call.headers = list(request.headers);
  const { body } = request;
  if (typeof body === 'string' || body instanceof Uint8Array) call.whole(body);
  call.start();
}

function origin(request) {
  const { origin } = request;
  return typeof origin === 'string' ? origin : String((origin && origin.origin) || '');
}

// list gives headers as a flat list. Old versions keep them rendered.
function list(headers) {
  if (Array.isArray(headers)) return headers;
  if (typeof headers !== 'string') return null;
  const flat = [];
  for (const line of headers.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) flat.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return flat;
}

// sending takes what goes out. The request's own headers were told when it was made; undici adds some, and so do other
// listeners of the channel that tells of it, with a trace's id for example.
function sending(call, { headers, socket }, peer) {
  if (!call) return;
  const line = typeof headers === 'string' ? REQUEST_LINE.exec(headers) : null;
  call.proto = line ? 'HTTP/1.1' : 'HTTP/2';
  if (line) call.sentHeaders = headers.slice(line[0].length);
  if (socket && typeof socket.remoteAddress === 'string') call.peer = peer(socket.remoteAddress, socket.remotePort);
}

function upgraded(call, [status, headers]) {
  if (!call) return;
  call.answered(status, Array.isArray(headers) ? headers : null);
  call.end();
}

module.exports = { attach };
