'use strict';
// One outbound request, whatever library sends it: from the moment it is about to be sent to the moment nothing more comes.
//
// It takes what a client's file sees passing and gives two records. It keeps copies, bounded by the settings, and never
// reads, holds back or changes what passes.

const { ticks, text, failure, quote } = require('../spool.cjs');
const { pid } = process;
const { apply } = Reflect;
const { set } = Uint8Array.prototype;

function create(settings, guard, spool, handler) {
  let count = 0;
  const thread = settings.thread ? `${settings.thread}-` : '';
  const recorder = {
    started(call) {
      call.id = `${pid}-${thread}${++count}`;
      call.invocation = handler.invocation();
      const parts = call.ready ? [call.request.part('request')] : null;
      spool.write('call.start', call.invocation, `,"call":"${call.id}","lib":"${call.lib}","method":${text(call.method)},"url":${text(call.url)}` +
        headers(spool, settings.headerBytes, call.headers), parts);
    },
    ended(call) {
      const parts = [];
      if (call.sentHeaders !== '' && settings.headerBytes > 0) parts.push(head(spool, settings.headerBytes, call.sentHeaders));
      if (!call.ready && call.request.size > 0) parts.push(call.request.part('request'));
      if (call.response.size > 0) parts.push(call.response.part('response'));
      const { error } = call;
      spool.write('call.end', call.invocation, `,"call":"${call.id}"${call.status ? `,"status":${call.status}` : ''}` +
        headers(spool, settings.headerBytes, call.answer) + `${call.proto ? `,"proto":${text(call.proto)}` : ''}` +
        `${call.peer ? `,"peer":${text(call.peer)}` : ''}${call.status ? `,"ttfb":${call.first - call.begun}` : ''}` +
        `,"dur":${ticks() - call.begun}${error ? failure(error.type, error.message, error.stack) : ''}${call.partial ? ',"partial":true' : ''}`, parts);
      call.request.release();
      call.response.release();
      call.request = call.response = NOTHING; // the function may keep its request for long
    },
  };
  return {
    // open makes a call whose request is about to be sent. to is a recorder of another kind for the runtime's own traffic.
    open(lib, to) {
      return to ? new Call(lib, to, to.budget, true) : new Call(lib, recorder, settings.bodyBytes, false);
    },
  };
}

class Call {
  constructor(lib, to, budget, lasting) {
    this.lib = lib;
    this.to = to;
    this.lasting = lasting; // to looks at bodies later than start and end
    this.method = this.url = '';
    this.headers = null; // [name, value, name, value, …]
    this.sentHeaders = ''; // lines, where headers were not all there were
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
    this.complete = false; // nothing more comes, and the answer's headers are not told yet
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

  // whole tells that chunk is all of the request's body, and that start comes before anybody can change it.
  whole(chunk, encoding) {
    if (this.lasting) {
      this.sent(chunk, encoding);
      return;
    }
    this.request.refer(chunk, encoding);
    this.ready = this.request.size > 0;
  }

  // sent tells of a piece of the request's body.
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
    this.budget = budget;
    this.kept = 0;
    this.size = 0;
    this.given = null; // a string or Buffer as it was given, or
    this.slab = null; // room, of which the first bytes are kept ones
  }

  // refer takes a chunk as it is, which is right if it is written down before anything else happens.
  refer(chunk, encoding) {
    if (typeof chunk === 'string') {
      if (encoding === undefined && chunk.length <= this.budget) {
        const size = Buffer.byteLength(chunk);
        if (size <= this.budget) {
          this.size = this.kept = size;
          this.given = chunk;
          return;
        }
      }
      this.add(chunk, encoding);
    } else if (chunk instanceof Uint8Array) {
      this.size = chunk.byteLength;
      this.given = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.byteLength, this.budget));
      this.kept = this.given.length;
    }
  }

  // add takes a copy: whoever owns the chunk may use its memory again.
  add(chunk, encoding) {
    const left = this.budget - this.kept;
    if (typeof chunk === 'string') {
      if (encoding && !Buffer.isEncoding(encoding)) return; // Node.js is about to refuse it
      this.size += Buffer.byteLength(chunk, encoding);
      // No encoding makes less than half a byte of a character.
      if (left > 0) this.keep(Buffer.from(chunk.length > 2 * left ? chunk.slice(0, 2 * left) : chunk, encoding));
    } else if (chunk instanceof Uint8Array) {
      this.size += chunk.byteLength;
      if (left > 0) this.keep(chunk);
    }
  }

  keep(chunk) {
    const n = Math.min(chunk.byteLength, this.budget - this.kept);
    if (this.slab === null || this.slab.length < this.kept + n) this.grow(this.kept + n);
    apply(set, this.slab, [n === chunk.byteLength ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, n), this.kept]);
    this.kept += n;
  }

  grow(most) {
    const old = this.slab;
    this.slab = take(most <= FIRST_SLAB ? Math.min(FIRST_SLAB, this.budget) : this.budget);
    if (old === null) return;
    old.copy(this.slab, 0, 0, this.kept);
    giveBack(old);
  }

  bytes() {
    if (this.given !== null) return this.given;
    return this.slab === null ? Buffer.alloc(0) : this.slab.subarray(0, this.kept);
  }

  part(of) {
    return { of, data: this.bytes(), size: this.size, truncated: this.kept < this.size };
  }

  // release tells that nobody will look at what was kept.
  release() {
    if (this.slab !== null) giveBack(this.slab);
  }
}

const NOTHING = new Body(0);

// Slabs are used again: memory that was never touched costs more than the copy into it, at 1 MB twice as much.
const FIRST_SLAB = 32768; // the default budget: most bodies never need another one
const MOST_SPARE = 2097152; // bytes
const spare = [];
let spareBytes = 0;

function take(size) {
  for (let i = spare.length - 1; i >= 0; i--) {
    if (spare[i].length !== size) continue;
    const slab = spare[i];
    spare[i] = spare[spare.length - 1];
    spare.pop();
    spareBytes -= size;
    return slab;
  }
  return Buffer.allocUnsafeSlow(size);
}

function giveBack(slab) {
  if (spareBytes + slab.length > MOST_SPARE) return;
  spare.push(slab);
  spareBytes += slab.length;
}

// What JSON has to escape, and what is not ASCII.
const ODD = /["\\\x00-\x1f\x7f-\uffff]/;

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
      let bytes = 0;
      for (let j = i; j < list.length; j++) bytes += string(list[j]).length;
      spool.lose('headers', (list.length - i) / 2, bytes);
      break;
    }
    // Nearly every header is plain; asking JSON for each costs more than all the rest of a record.
    json += (json === '' ? '[' : ',[') + (ODD.test(name) ? quote(name) : '"' + name + '"') + ',' + (ODD.test(value) ? quote(value) : '"' + value + '"') + ']';
  }
  return ',"headers":[' + json + ']';
}

// head gives the part of a request's header lines, as many as the budget holds.
function head(spool, budget, lines) {
  let end = lines.length;
  if (end > budget) {
    end = lines.lastIndexOf('\r\n', budget - 2) + 2;
    if (end < 2) end = 0;
    spool.lose('headers', lines.slice(end).split('\r\n').length - 1, lines.length - end);
  }
  return { of: 'sent', data: Buffer.from(end < lines.length ? lines.slice(0, end) : lines, 'latin1'), size: -1 };
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
