'use strict';
// What fetch and undici send: the copy that Node.js carries and any that the function brings along.
//
// Seen through undici's diagnostics channels, which every copy publishes to and which load nothing. They tell of bodies in
// newer versions only; so the two methods of undici's own Request through which the pieces pass are tapped, once for
// each copy, and the channels are used where a version has no such methods.

const channels = require('diagnostics_channel');
const { lines } = require('./call.cjs');

// HTTP/1's headers begin with a line that ends so; over HTTP/2 there are headers only.
const REQUEST_LINE = ' HTTP/1.1';

const { latin1Slice } = Buffer.prototype;
const { apply } = Reflect;

const tapped = new WeakSet(); // prototypes of undici's Requests
let prototype = null; // the last one that was tapped
let untapped = false; // a copy has no such methods

// attach gives what takes the messages of undici:request:create.
function attach(guard, calls, handler, { Known, address, peer }) {
  const api = handler.api && `http://${handler.api}`;
  // use gets what a message says something about, if that is known. Anybody may publish anything.
  const take = (use, message) => {
    const call = Known.get(message.request);
    if (call) use(call, message);
  };
  const on = (name, use) => channels.subscribe(`undici:${name}`, (message) => guard.run('undici', take, use, message));
  on('client:sendHeaders', (call, message) => sending(call, message, peer));
  on('request:headers', (call, { response }) => call.answered(response.statusCode, received(response.headers)));
  on('request:trailers', (call) => call.end());
  on('request:error', (call, { error }) => {
    call.fail(error);
    call.partial = call.status > 0;
    call.end();
  });
  const pieces = () => {
    untapped = true;
    on('request:bodyChunkSent', (call, { request, chunk }) => { if (!tapped.has(Object.getPrototypeOf(request))) call.sent(chunk); });
    on('request:bodyChunkReceived', (call, { request, chunk }) => { if (!tapped.has(Object.getPrototypeOf(request))) call.received(chunk); });
  };
  return ({ request }) => {
    const from = origin(request);
    if (api && from === api) return;
    if (Object.getPrototypeOf(request) !== prototype && !tapBodies(guard, Known, request) && !untapped) pieces();
    const call = calls.open('undici');
    Known.set(request, call);
    call.method = request.method;
    call.url = address(from, request.path);
    call.headers = given(request.headers);
    if (calls.parent !== null && typeof request.addHeader === 'function') propagate(calls, request, call);
    const { body } = request;
    if (typeof body === 'string' || body instanceof Uint8Array) call.whole(body);
    call.start();
  };
}

// propagate has a request name its call's span as parent, if it is one of those that are to.
function propagate(calls, request, call) {
  const parent = calls.parent(call);
  if (parent === '') return;
  request.addHeader('traceparent', parent);
  call.headers = given(request.headers);
}

// tapBodies taps the methods through which the pieces of bodies pass, and tells whether there are any.
function tapBodies(guard, Known, request) {
  const own = Object.getPrototypeOf(request);
  if (tapped.has(own)) return true;
  const { onBodySent, onData, onUpgrade } = own;
  if (typeof onBodySent !== 'function' || typeof onData !== 'function') return false;
  tapped.add(own);
  prototype = own;
  const tap = (name, original, see) => {
    own[name] = guard.tap('undici', original, (req, args) => {
      const call = Known.get(req);
      if (call) see(call, args[0], args[1]);
    });
  };
  tap('onBodySent', onBodySent, (call, chunk) => call.sent(chunk));
  tap('onData', onData, (call, chunk) => call.received(chunk));
  if (typeof onUpgrade === 'function') tap('onUpgrade', onUpgrade, upgraded);
  return true;
}

function origin(request) {
  const { origin } = request;
  return typeof origin === 'string' ? origin : String((origin && origin.origin) || '');
}

// given gives the lines of a request's headers. Old versions keep them rendered.
function given(headers) {
  if (Array.isArray(headers)) return lines(headers);
  return typeof headers === 'string' ? headers : '';
}

// received gives the lines of an answer's headers. They are views into what the socket read; if all of them stand there as they
// were sent, one piece of it is all the lines.
function received(headers) {
  if (!Array.isArray(headers) || headers.length < 2) return '';
  const first = headers[0];
  const last = headers[headers.length - 1];
  if (!(first instanceof Uint8Array) || !(last instanceof Uint8Array) || first.buffer !== last.buffer) return lines(headers);
  let size = headers.length / 2 * 4 - 2; // ": " and line ends, but for the last one
  for (let i = 0; i < headers.length; i++) size += headers[i].length;
  if (last.byteOffset + last.byteLength - first.byteOffset !== size) return lines(headers);
  return apply(latin1Slice, new Uint8Array(first.buffer, first.byteOffset, size), []) + '\r\n';
}

// sending takes what goes out. The request's own headers were told when it was made; undici adds some, and so do other
// listeners of the channel that tells of it, with a trace's id for example.
function sending(call, { headers, socket }, peer) {
  const end = typeof headers === 'string' ? headers.indexOf('\r\n') : -1;
  const line = end > 0 && headers.startsWith(REQUEST_LINE, end - REQUEST_LINE.length);
  call.proto = line ? 'HTTP/1.1' : 'HTTP/2';
  if (line) call.sentHeaders = headers.slice(end + 2);
  if (socket && typeof socket.remoteAddress === 'string') call.peer = peer(socket.remoteAddress, socket.remotePort);
}

function upgraded(call, status, headers) {
  call.answered(status, Array.isArray(headers) ? lines(headers) : '');
  call.end();
}

module.exports = { attach };
