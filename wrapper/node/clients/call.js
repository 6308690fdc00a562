'use strict';
// One outbound request, whatever library sends it: from the moment it is about to be sent to the moment nothing more comes.
//
// It takes what a client's file sees passing and gives two records. It keeps copies, bounded by the settings, and never
// reads, holds back or changes what passes.

const { ticks, text, failure, quote } = require('../spool');
const { pid } = process;

function create(settings, guard, spool, handler) {
  let count = 0;
  const recorder = {
    started(call) {
      call.id = `${pid}-${++count}`;
      call.invocation = handler.invocation();
      call.ready = call.ready && call.request.size > 0;
      const parts = call.ready ? [call.request.part('request')] : null;
      spool.write('call.start', call.invocation, `,"call":"${call.id}","lib":"${call.lib}","method":${text(call.method)},"url":${text(call.url)}` +
        headers(spool, settings.headerBytes, call.headers), parts);
    },
    ended(call) {
      const parts = [];
      if (!call.ready && call.request.size > 0) parts.push(call.request.part('request'));
      if (call.response.size > 0) parts.push(call.response.part('response'));
      const { error } = call;
      spool.write('call.end', call.invocation, `,"call":"${call.id}"${call.status ? `,"status":${call.status}` : ''}` +
        headers(spool, settings.headerBytes, call.answer) + `${call.proto ? `,"proto":${text(call.proto)}` : ''}` +
        `${call.peer ? `,"peer":${text(call.peer)}` : ''}${call.status ? `,"ttfb":${call.first - call.begun}` : ''}` +
        `,"dur":${ticks() - call.begun}${error ? failure(error.type, error.message, error.stack) : ''}${call.partial ? ',"partial":true' : ''}`, parts);
      call.request = call.response = NOTHING; // the function may keep its request for long
    },
  };
  return {
    // open makes a call whose request is about to be sent. to is a recorder of another kind for the runtime's own traffic.
    open(lib, to) {
      return new Call(lib, to || recorder, to ? to.budget : settings.bodyBytes);
    },
  };
}

class Call {
  constructor(lib, to, budget) {
    this.lib = lib;
    this.to = to;
    this.method = this.url = '';
    this.headers = null; // [name, value, name, value, …]
    this.request = new Body(budget);
    this.response = new Body(budget);
    this.ready = false; // the whole request body was at hand when the call started
    this.begun = -1;
    this.first = 0;
    this.status = 0;
    this.answer = null;
    this.proto = this.peer = '';
    this.error = null;
    this.partial = false;
    this.over = false;
  }

  // start tells that the request is about to be sent.
  start() {
    this.begun = ticks();
    this.to.started(this);
  }

  get started() {
    return this.begun >= 0;
  }

  // sent tells of a piece of the request's body. One that was at hand is known by then.
  sent(chunk, encoding) {
    if (!this.ready) this.request.add(chunk, encoding);
  }

  received(chunk) {
    this.response.add(chunk);
  }

  // answered tells that the response's headers are there.
  answered(status, headers) {
    this.first = ticks();
    this.status = status;
    this.answer = headers;
  }

  // end tells that nothing more will come. Only the first one counts.
  end() {
    if (this.over || !this.started) return;
    this.over = true;
    this.to.ended(this);
  }

  fail(error) {
    if (!this.error) this.error = inspect(error);
  }
}

// A Body keeps the first bytes of what passes, and counts the rest.
class Body {
  constructor(budget) {
    this.left = budget;
    this.size = 0;
    this.chunks = null;
  }

  add(chunk, encoding) {
    if (typeof chunk === 'string') {
      if (encoding && !Buffer.isEncoding(encoding)) return; // Node.js is about to refuse it
      this.size += Buffer.byteLength(chunk, encoding);
      // No encoding has more bytes than four for a character, and none fewer than half a byte.
      if (this.left > 0) this.keep(Buffer.from(chunk.length > 2 * this.left ? chunk.slice(0, 2 * this.left) : chunk, encoding));
      return;
    }
    if (!(chunk instanceof Uint8Array)) return;
    this.size += chunk.byteLength;
    // The copy is needed: whoever owns the chunk may use its memory again.
    if (this.left > 0) this.keep(Buffer.from(Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.byteLength, this.left))));
  }

  keep(bytes) {
    const some = bytes.length > this.left ? bytes.subarray(0, this.left) : bytes;
    this.left -= some.length;
    if (this.chunks === null) this.chunks = [some];
    else this.chunks.push(some);
  }

  bytes() {
    if (this.chunks === null) return Buffer.alloc(0);
    return this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
  }

  part(of) {
    const data = this.bytes();
    return { of, data, size: this.size, truncated: data.length < this.size };
  }
}

const NOTHING = new Body(0);

// headers gives the field of a flat list of names and values, as many as the budget holds.
function headers(spool, budget, list) {
  if (list === null || list.length === 0) return '';
  let json = '';
  let left = budget;
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = string(list[i]);
    const value = string(list[i + 1]);
    left -= name.length + value.length + 4; // ": " and the line end
    if (left < 0) {
      spool.lose('headers', (list.length - i) / 2, -left);
      break;
    }
    json += `${json && ','}[${quote(name)},${quote(value)}]`;
  }
  return `,"headers":[${json}]`;
}

// string gives a header's name or value: undici hands over bytes.
function string(value) {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}

// inspect takes what a request failed with apart. Node.js made nearly all of these errors, and the function's are looked at
// only where a field is a string of the error's own, so that no code of the function's runs.
function inspect(error) {
  if (typeof error !== 'object' || error === null) return { type: typeof error, message: typeof error === 'string' ? error : '' };
  if (error instanceof DOMException) return { type: error.name, message: error.message }; // an AbortSignal's, usually
  return { type: own(error, 'code') || own(error, 'name') || named(error), message: own(error, 'message') };
}

function own(object, name) {
  const field = Reflect.getOwnPropertyDescriptor(object, name);
  return field && typeof field.value === 'string' ? field.value : '';
}

function named(error) {
  const prototype = Reflect.getPrototypeOf(error);
  return (prototype && own(prototype, 'name')) || 'Error';
}

module.exports = { create };
