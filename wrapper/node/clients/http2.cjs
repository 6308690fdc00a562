'use strict';
// What node:http2 sends: requests of client sessions, and everything that rides on them (grpc-js, AWS's SDK for event streams).
//
// Seen through four methods of the class of client streams, tapped where they are inherited from:
//
//	write, end   the request's body, piece by piece; the first of them, or `ready`, tells that the request is there
//	emit         ready, response, error, close
//	push         the response's body, piece by piece, and its end
//
// The class is exported by nobody and node:http2 is not loaded before the function loads it. But the constructor of every
// stream corks it before anybody else can have it, by Duplex's method: arm.cjs watches that one until the first client
// stream comes by, and hands its class to attach. No listener is added, nothing is read: either would start the flow.

const { lines } = require('./call.cjs');

const PSEUDO = 58; // ":", with which the names of HTTP/2's own headers begin

// attach taps the class of client streams.
function attach(guard, calls, prototype, { Known, peer }) {
  // of gives a stream's call, or null if nobody is to see it: what a server pushes has no request, and undici's
  // requests are seen as undici's own.
  const of = (stream) => {
    let call = Known.get(stream);
    if (call === undefined) {
      const headers = requested(stream);
      call = headers === null || ofUndici(stream.session) ? null : calls.open('http2');
      Known.set(stream, call);
      if (call !== null) describe(call, headers);
    }
    return call;
  };
  const parent = Object.getPrototypeOf(prototype);
  guard.shadow(prototype, 'write', (stream, args) => sent(of, stream, args, false), () => parent.write);
  guard.shadow(prototype, 'end', (stream, args) => sent(of, stream, args, true), () => parent.end);
  guard.shadow(prototype, 'emit', (stream, args) => told(of, peer, stream, args), () => parent.emit);
  guard.shadow(prototype, 'push', (stream, args) => received(Known.get(stream), stream, args[0]), () => parent.push);
}

// requested gives the request's headers as they are sent, or null if there are none. Sessions were once given objects only;
// a list is kept as it is, without what the session adds to it.
function requested(stream) {
  if (stream.sentHeaders) return flat(stream.sentHeaders);
  const raw = Object.getOwnPropertySymbols(stream).find((symbol) => symbol.description === 'raw-headers');
  return raw !== undefined && Array.isArray(stream[raw]) ? stream[raw] : null;
}

function flat(headers) {
  const list = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (Array.isArray(value)) for (const one of value) list.push(name, one);
    else if (value !== undefined && value !== null) list.push(name, value);
  }
  return list;
}

// ofUndici tells a session that undici made for itself: it puts a count of its own on it.
function ofUndici(session) {
  return session !== undefined && Object.getOwnPropertySymbols(session).some((symbol) => symbol.description === 'open streams');
}

function describe(call, headers) {
  const pseudo = { __proto__: null, ':method': 'GET', ':scheme': 'https', ':authority': '', ':path': '' };
  for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] in pseudo) pseudo[headers[i]] = String(headers[i + 1]);
  call.method = pseudo[':method'];
  const own = plain(headers);
  call.headers = lines(own);
  const host = pseudo[':authority'] || own[own.indexOf('host') + 1] || '';
  call.url = `${pseudo[':scheme']}://${host}${pseudo[':path']}`;
}

// plain leaves HTTP/2's own headers out: they are told otherwise.
function plain(headers) {
  const list = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (String(headers[i]).charCodeAt(0) !== PSEUDO) list.push(headers[i], headers[i + 1]);
  }
  return list;
}

function sent(of, stream, args, last) {
  if (stream.writableEnded || stream.destroyed) return; // Node.js refuses what comes now
  const call = of(stream);
  if (call === null) return;
  const chunk = typeof args[0] === 'function' ? undefined : args[0];
  const encoding = typeof args[1] === 'string' ? args[1] : undefined;
  if (last && !call.started) call.whole(chunk, encoding);
  else call.sent(chunk, encoding);
  if (!call.started) call.start();
}

function told(of, peer, stream, args) {
  const event = args[0];
  if (event !== 'ready' && event !== 'response' && event !== 'error' && event !== 'close') return;
  const call = of(stream);
  if (call === null) return;
  if (!call.started) call.start(); // a request whose body has not begun, or whose session is no more
  switch (event) {
    case 'response':
      call.answered(Number(args[1][':status']), lines(plain(Array.isArray(args[3]) ? args[3] : flat(args[1]))));
      call.proto = 'HTTP/2';
      call.peer = connected(stream, peer);
      if (call.complete) call.end();
      break;
    case 'error':
      call.failed(args[1]);
      break;
    case 'close':
      call.closed();
      break;
  }
}

function connected(stream, peer) {
  const { session } = stream;
  if (!session || session.destroyed) return ''; // it has no socket any more, and throws
  const { remoteAddress, remotePort } = session.socket;
  return typeof remoteAddress === 'string' ? peer(remoteAddress, remotePort) : '';
}

// received tells of a piece of the response. One that ends with its headers is over before they are told. A stream that is
// destroyed is ended by Node.js itself, and did not come to its end.
function received(call, stream, chunk) {
  if (!call) return;
  if (chunk !== null) call.received(chunk);
  else if (stream.destroyed) return;
  else if (call.status === 0) call.complete = true;
  else call.end();
}

module.exports = { attach };
