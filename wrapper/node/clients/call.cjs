'use strict';
// One outbound request, whatever library sends it: from the moment it is about to be sent to the moment nothing more comes.
//
// It takes what a client's file sees passing and gives two records. It keeps copies, bounded by the settings, and never
// reads, holds back or changes what passes.

const { ticks, text, failure } = require('../spool.cjs');
const { Body } = require('./body.cjs');
const { pid } = process;

// A Quoted has the last text as JSON text: methods, addresses and versions come again and again, and looking at one costs more than comparing.
class Quoted {
  constructor() {
    this.of = '';
    this.as = '""';
  }

  text(value) {
    if (value !== this.of) {
      this.of = value;
      this.as = text(value);
    }
    return this.as;
  }
}

const methods = new Quoted();
const urls = new Quoted();
const peers = new Quoted();
const protocols = new Quoted();

const SMALL = 2 ** 31;
const MOST_FIELDS = 512; // what a record takes beside what is counted: names of fields, times, lengths

function create(settings, guard, spool, handler) {
  let count = 0;
  const thread = settings.thread ? `${settings.thread}-` : '';
  const recorder = {
    started(call) {
      call.id = pid + '-' + thread + ++count;
      call.invocation = handler.invocation();
      const lines = within(spool, settings.headerBytes, call.headers);
      const body = call.ready ? call.request : null;
      call.unwritten = spool.put('call.start', call.invocation, call.begun, ',"call":"' + call.id + '","lib":"' + call.lib + '","method":' + methods.text(call.method) +
        ',"url":' + urls.text(call.url) + (call.span === '' ? '' : ',"span":"' + call.span + '"'), join(head('headers', lines), body === null ? '' : body.told('request', body.kept)), lines, body, null, false);
      call.headers = '';
    },
    ended(call) {
      if (call.unwritten === '') end(settings, spool, call);
      else spool.lose(call.unwritten, 1, 0); // the end of what nobody knows of
      if (call.request !== null) call.request.release();
      if (call.response !== null) call.response.release();
      call.request = call.response = null; // the function may keep its request for long
      call.answer = call.sentHeaders = '';
    },
  };
  return {
    parent: null, // gives a request's traceparent, where the setting asks for it: clients/propagation.cjs
    // open makes a call whose request is about to be sent. to is a recorder of another kind for the runtime's own traffic.
    open(lib, to) {
      return to ? new Call(lib, to, to.budget, true) : new Call(lib, recorder, settings.bodyBytes, false);
    },
  };
}

function end(settings, spool, call) {
  const sent = within(spool, settings.headerBytes, call.sentHeaders);
  const lines = within(spool, settings.headerBytes, call.answer);
  const request = call.ready || call.request === null || call.request.size === 0 ? null : call.request;
  const response = call.response === null || call.response.size === 0 ? null : call.response.checked();
  const { error, status } = call;
  const now = ticks();
  const fields = ',"call":"' + call.id + (status > 0 ? '","status":' + status : '"') + (call.proto === '' ? '' : ',"proto":' + protocols.text(call.proto)) +
    (call.peer === '' ? '' : ',"peer":' + peers.text(call.peer)) + (status > 0 ? ',"ttfb":' + whole(call.first - call.begun) : '') + ',"dur":' + whole(now - call.begun) +
    (error === null ? '' : failure(error.type, error.message, error.stack)) + (call.partial ? ',"partial":true' : '');
  const kept = (request === null ? 0 : request.kept) + (response === null ? 0 : response.kept);
  if (spool.fits(call.invocation, kept + sent.length + lines.length + fields.length + MOST_FIELDS)) {
    const parts = join(join(head('sent', sent), head('headers', lines)),
      join(request === null ? '' : request.told('request', request.kept), response === null ? '' : response.told('response', response.kept)));
    spool.put('call.end', call.invocation, now, fields, parts, sent + lines, request, response, false);
  } else { // past the cap an end is told without what passed
    const parts = join(request === null ? '' : request.told('request', 0), response === null ? '' : response.told('response', 0));
    spool.put('call.end', call.invocation, now, fields, parts, '', null, null, true);
  }
}

class Call {
  constructor(lib, to, budget, lasting) {
    this.lib = lib;
    this.to = to;
    this.budget = budget;
    this.lasting = lasting; // to looks at bodies and headers later than start and end
    this.id = this.invocation = '';
    this.unwritten = ''; // why the start was not
    this.method = this.url = '';
    this.headers = ''; // lines, as
    this.span = ''; // that its request names as its parent
    this.sentHeaders = ''; // these, where headers were not all there were
    this.request = lasting ? new Body(budget) : null;
    this.response = lasting ? new Body(budget) : null;
    this.ready = false; // the whole request body was at hand when the call started
    this.begun = -1;
    this.first = 0;
    this.status = 0;
    this.answer = ''; // lines
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
    if (chunk === undefined || chunk === null) return;
    if (this.lasting) {
      this.sent(chunk, encoding);
      return;
    }
    const body = new Body(this.budget);
    body.refer(chunk, encoding);
    if (body.size === 0) return;
    this.request = body;
    this.ready = true;
  }

  // sent tells of a piece of the request's body.
  sent(chunk, encoding) {
    if (this.ready || this.over || chunk === undefined || chunk === null) return;
    if (this.request === null) this.request = new Body(this.budget);
    this.request.add(chunk, encoding);
  }

  // pending tells whether pieces of the request's body have passed.
  get pending() {
    return this.request !== null && this.request.size > 0;
  }

  received(chunk) {
    if (this.over) return;
    if (this.response === null) this.response = new Body(this.budget);
    this.response.pass(chunk);
  }

  // answered tells that the response's headers are there: lines, of names and values as they passed.
  answered(status, lines) {
    this.first = ticks();
    this.status = status;
    this.answer = lines;
  }

  // end tells that nothing more will come. Only the first one counts.
  end() {
    if (this.over || this.begun < 0) return;
    this.over = true;
    this.to.ended(this);
  }

  fail(error) {
    if (this.error === null) this.error = inspect(error);
  }

  // failed and closed are what streams say. One that says neither that its answer came to its end was not read to it.
  failed(error) {
    this.fail(error);
    if (this.status === 0) this.end();
  }

  closed() {
    this.partial = true;
    this.end();
  }
}

// whole gives a whole number as one that costs little to make text of, if it is small enough.
function whole(n) {
  return n < SMALL ? n | 0 : n;
}

function join(a, b) {
  return a === '' ? b : b === '' ? a : a + ',' + b;
}

function head(of, lines) {
  return lines === '' ? '' : '{"of":"' + of + '","len":' + lines.length + '}';
}

// within gives as many of a head's lines as the budget holds. The others are counted.
function within(spool, budget, lines) {
  if (lines.length <= budget) return lines;
  let at = lines.lastIndexOf('\r\n', budget - 2) + 2;
  if (at < 2 || budget < 2) at = 0;
  spool.lose('headers', lines.slice(at).split('\r\n').length - 1, lines.length - at);
  return lines.slice(0, at);
}

// lines makes those of a head of a flat list of names and values. undici hands over bytes, and strings among them; a function
// may have put anything into a list that it can reach.
function lines(list) {
  let all = '';
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i];
    const value = list[i + 1];
    all += (typeof name === 'string' ? name : string(name)) + ': ' + (typeof value === 'string' ? value : string(value)) + '\r\n';
  }
  return all;
}

function string(value) {
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

module.exports = { create, lines };
