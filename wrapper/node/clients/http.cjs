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
// No listener is added, no stream is read, no header is set.

const http = require('http');

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
  const request = http.ClientRequest.prototype;
  const response = http.IncomingMessage.prototype;
  const watched = [
    [request, 'write', (req, args) => sent(calls, handler, req, args, false)],
    [request, 'end', (req, args) => sent(calls, handler, req, args, true)],
    [request, '_send', (req) => going(calls, handler, req)],
    [request, 'emit', (req, args) => told(req, args)],
    [response, 'push', (res, args) => received(res, args[0])],
  ];
  if (watched.some(([prototype, name]) => typeof prototype[name] !== 'function')) {
    guard.say('warn', 'http is not as the hook knows it; its requests are not recorded');
    return;
  }
  for (const [prototype, name, observe] of watched) shadow(guard, prototype, name, observe);
}

// shadow puts a tap before an inherited method. The method is looked up with each call, so that whoever replaces it where it
// is inherited from, as node:domain does with emit, is still asked.
function shadow(guard, prototype, name, observe) {
  const parent = Object.getPrototypeOf(prototype);
  const current = Object.hasOwn(prototype, name) ? undefined : () => parent[name];
  const value = guard.tap(name, prototype[name], observe, current);
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
}

// of gives a request's call, or null if nobody is to see it. It is made with the first thing that happens to the request.
function of(calls, handler, req) {
  let call = Known.get(req);
  if (call === undefined) {
    const to = handler.exchange(req, header(req, 'host'), String(req.path));
    call = to === null ? null : calls.open('http', to);
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
  if (last && !call.started && call.request.size === 0) call.whole(chunk, encoding);
  else call.sent(chunk, encoding);
}

function going(calls, handler, req) {
  if (typeof req._header !== 'string') return;
  const call = of(calls, handler, req);
  if (call === null || call.started) return;
  call.method = req.method;
  call.url = address(req, header(req, 'host') || req.host || '');
  call.headers = rendered(req._header);
  call.start();
}

function header(req, name) {
  const value = req.getHeader(name);
  return typeof value === 'string' ? value : '';
}

// address gives the URL as it is sent. A request through a proxy has it as its path.
function address(req, host) {
  const path = typeof req.path === 'string' ? req.path : '/';
  if (/^https?:\/\//i.test(path)) return path;
  return `${req.protocol || 'http:'}//${host}${path.startsWith('/') ? '' : '/'}${path}`;
}

// rendered takes the header block apart that Node.js is about to send.
function rendered(block) {
  const list = [];
  let at = block.indexOf('\r\n') + 2;
  for (let end = block.indexOf('\r\n', at); end > at; end = block.indexOf('\r\n', at)) {
    const colon = block.indexOf(':', at);
    if (colon < 0 || colon > end) break;
    list.push(block.slice(at, colon), block.slice(colon + 2, end));
    at = end + 2;
  }
  return list;
}

function told(req, args) {
  const event = args[0];
  if (event !== 'response' && event !== 'error' && event !== 'close' && event !== 'upgrade' && event !== 'connect') return;
  const call = Known.get(req);
  if (!call) return;
  switch (event) {
    case 'response':
      answered(call, req, args[1]);
      Known.set(args[1], call);
      break;
    case 'upgrade': // from here on the socket is the function's
    case 'connect':
      answered(call, req, args[1]);
      call.end();
      break;
    case 'error':
      call.fail(args[1]);
      if (!call.status) call.end();
      break;
    case 'close':
      call.partial = true;
      call.end();
      break;
  }
}

function answered(call, req, res) {
  call.answered(res.statusCode, res.rawHeaders);
  call.proto = `HTTP/${res.httpVersion}`;
  const socket = req.socket;
  if (socket && typeof socket.remoteAddress === 'string') call.peer = peer(socket.remoteAddress, socket.remotePort);
}

function peer(host, port) {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
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

module.exports = { attach, Known, shadow, peer };
