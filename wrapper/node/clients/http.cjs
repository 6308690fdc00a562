'use strict';
// What node:http and node:https send, and everything that rides on them.
//
// Seen through four methods of Node.js' own classes, tapped where they are inherited from, so that no module's export
// changes and whoever imported http before sees the same functions:
//
//	ClientRequest  write, end   the request's body, piece by piece
//	               _send        the first one has the rendered headers: the request is about to go
//	               emit         response, upgrade, connect, error, close
//	IncomingMessage push        the response's body, piece by piece, and its end
//
// Most of the times when one of them is called, it has nothing to tell but that it is called, or what is told has been: see
// guard.shadow. No listener is added, no stream is read, no header is set.

const http = require('http');
const { lines } = require('./call.cjs');
// Taken now: mocks put classes of their own into node:http.
const { ClientRequest, IncomingMessage } = http;

const SLASH = 47;

// Known puts the Call on a ClientRequest or IncomingMessage, as a private field: nothing that looks at the object can see it,
// and it costs a fraction of what a WeakMap costs the garbage collector.
class Known extends function (object) { return object; } {
  #call;

  constructor(object, call) {
    super(object);
    this.#call = call;
  }

  static get(object) {
    return #call in object ? object.#call : undefined;
  }

  static set(object, call) {
    if (#call in object) object.#call = call;
    else new Known(object, call);
  }
}

function attach(guard, calls, handler) {
  const request = ClientRequest.prototype;
  const response = IncomingMessage.prototype;
  const methods = [[request, 'write'], [request, 'end'], [request, '_send'], [request, 'emit'], [response, 'push']];
  if (methods.some(([prototype, name]) => typeof prototype[name] !== 'function')) {
    guard.say('warn', 'http is not as the hook knows it; its requests are not recorded');
    return;
  }
  const outgoing = Object.getPrototypeOf(request);
  const readable = Object.getPrototypeOf(response);
  // Each has a function of its own that looks the method up: one for all would be slower.
  guard.shadow(request, 'write', (req, args) => sent(calls, handler, req, args, false), () => outgoing.write);
  guard.shadow(request, 'end', (req, args) => sent(calls, handler, req, args, true), () => outgoing.end);
  guard.shadow(request, '_send', (req) => going(calls, handler, req), () => outgoing._send, (req) => goes(calls, handler, req));
  guard.shadow(request, 'emit', (req, args) => told(req, args), () => outgoing.emit, tells);
  guard.shadow(response, 'push', (res, args) => received(res, args[0]), () => readable.push, ended);
}

// of gives a request's call, or null if nobody is to see it. It is made with the first thing that happens to the request.
function of(calls, handler, req) {
  let call = Known.get(req);
  if (call === undefined) {
    if (!(req instanceof ClientRequest) || typeof req.method !== 'string') return null; // somebody has borrowed the method, or made a request without its constructor
    const { host } = req;
    const given = req.getHeader('host');
    const to = handler.exchange(req, typeof given === 'string' ? given : '');
    call = to === null ? null : calls.open('http', to);
    if (call !== null) call.url = typeof given === 'string' && given !== '' ? given : host || '';
    Known.set(req, call);
  }
  return call;
}

function sent(calls, handler, req, args, last) {
  if (req.finished || req.destroyed) return; // Node.js refuses what comes now
  const call = of(calls, handler, req);
  if (call === null) return;
  const chunk = args[0];
  const encoding = typeof args[1] === 'string' ? args[1] : undefined;
  if (last && call.begun < 0 && !call.pending) call.whole(chunk, encoding);
  else call.sent(chunk, encoding);
}

// goes is going for a request that is known.
function goes(calls, handler, req) {
  const call = Known.get(req);
  if (call === undefined) return false;
  if (call !== null && call.begun < 0) going(calls, handler, req);
  return true;
}

function going(calls, handler, req) {
  const block = req._header;
  if (typeof block !== 'string') return;
  const call = of(calls, handler, req);
  if (call === null || call.begun >= 0) return;
  call.method = req.method;
  call.url = address((req.protocol || 'http:') + '//' + call.url, req.path);
  call.headers = block.slice(block.indexOf('\r\n') + 2, -2); // behind the request's line, without the empty one
  if (calls.parent !== null && !call.lasting) propagate(calls, req, call);
  call.start();
}

// propagate has a request name its call's span as parent, if it is one of those that are to. The function's own headers stay as they are.
function propagate(calls, req, call) {
  const parent = calls.parent(call);
  if (parent === '') return;
  const line = `traceparent: ${parent}\r\n`;
  req._header = req._header.slice(0, -2) + line + '\r\n';
  call.headers += line;
}

// address gives the URL as it is sent. A request through a proxy has it as its path, and CONNECT has a host.
function address(origin, path) {
  if (typeof path !== 'string') return origin + '/';
  if (path.charCodeAt(0) === SLASH) return origin + path;
  return /^https?:\/\//i.test(path) ? path : `${origin}/${path}`;
}

// tells is told for the two events that are seen by what Node.js has put on the request before: the answer, or that it is closed.
function tells(req) {
  const call = Known.get(req);
  if (call === undefined) return false;
  if (call === null || call.over) return true;
  if (call.status > 0) {
    if (req._closed !== true) return false;
    call.closed();
    return true;
  }
  const { res } = req;
  if (!(res instanceof IncomingMessage) || res.upgrade || req.aborted || req.destroyed) return false;
  responded(call, req, res);
  return true;
}

function told(req, args) {
  const event = args[0];
  if (event !== 'response' && event !== 'error' && event !== 'close' && event !== 'upgrade' && event !== 'connect') return;
  const call = Known.get(req);
  if (!call) return;
  switch (event) {
    case 'response':
      responded(call, req, args[1]);
      break;
    case 'upgrade': // from here on the socket is the function's
    case 'connect':
      answered(call, req, args[1]);
      call.end();
      break;
    case 'error':
      call.failed(args[1]);
      break;
    case 'close':
      call.closed();
      break;
  }
}

function responded(call, req, res) {
  if (call.status > 0 && Known.get(res) === call) return; // seen already
  answered(call, req, res);
  Known.set(res, call);
}

function answered(call, req, res) {
  call.answered(res.statusCode, lines(res.rawHeaders));
  call.proto = res.httpVersion === '1.1' ? 'HTTP/1.1' : `HTTP/${res.httpVersion}`;
  const socket = req.socket;
  if (socket && typeof socket.remoteAddress === 'string') call.peer = peer(socket.remoteAddress, socket.remotePort);
}

// peer gives an address as text: the same text for the same one, mostly.
function peer(host, port) {
  if (host !== last.host || port !== last.port) {
    last.host = host;
    last.port = port;
    last.text = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }
  return last.text;
}

const last = { host: '', port: 0, text: '' };

// ended is received for the end of an answer that has come to it: Node.js notes that first.
function ended(res) {
  const call = Known.get(res);
  if (call === undefined) return false;
  if (call === null || call.over) return true;
  if (res.complete !== true) return false;
  call.end();
  return true;
}

function received(res, chunk) {
  const call = Known.get(res);
  if (!call) return;
  if (chunk === null) {
    call.partial = !res.complete;
    call.end();
  } else {
    call.received(chunk);
  }
}

module.exports = { attach, Known, address, peer };
