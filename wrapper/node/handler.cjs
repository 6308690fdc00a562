'use strict';
// What is seen of the function's handler, without touching it.
//
// The runtime client takes every invocation from the Runtime API and hands every outcome to it through three functions of
// its native addon: next, done and error. Those are watched, so that the function's module is loaded and its handler called
// by AWS's own code alone: no handler of ours, no changed _HANDLER, no frame, no promise in between. What does not go
// through the addon goes through node:http, where clients/http.cjs asks exchange: a streamed response, an error of
// initialisation, and `next` in the client's alternative mode.
//
// On Managed Instances the client has worker threads, each of which takes several invocations at a time: it asks for the next
// one as soon as it has called the handler. There, an invocation is over when its outcome was posted, and whose a call is
// tells its context alone.

const { ticks, text, failure } = require('./spool.cjs');
const { Following } = require('./following.cjs');
const { apply } = Reflect;
const { then } = Promise.prototype;
const parse = JSON.parse;
const { keys } = Object;

const MOST_ERROR = 1048576; // longer error bodies are not taken apart; the longest that carries what is kept is far below
const MOST_STATUS = 65536; // longer responses are not searched for a status; the extension has what was kept of them
const SMALL_MESSAGE = 2048; // characters: see spool/FORMAT.md
const MOST_NAMES = 600; // members of an event: one of more is a batch itself
const MOST_COUNTED = 1048576; // counting the bytes of a string costs a millisecond for each megabyte
const INVOCATION = '/2018-06-01/runtime/invocation/';
const EXIT = 'Runtime.ExitError'; // Lambda's own word

let shorten = null;

function create(settings, guard, spool) {
  return new Handler(settings, guard, spool);
}

class Handler {
  constructor(settings, guard, spool) {
    this.settings = settings;
    this.guard = guard;
    this.spool = spool;
    this.api = process.env.AWS_LAMBDA_RUNTIME_API || '';
    this.name = process.env._HANDLER || '';
    this.concurrent = settings.thread > 0;
    this.last = 'init'; // the invocation that is running, or ran last; if several run, none of them
    this.run = null; // the one that is running
    this.runs = new Map(); // those that are running, by id, where there are several
    this.cold = true;
    this.adopted = false; // this is a child process
    this.fatal = null; // an uncaught exception, if the process dies of it
    this.follow = new Following(this.concurrent);
  }

  // attach watches the addon, and creates the file that tells the extension that a hook is alive.
  attach(addon) {
    const { next, done, error } = addon;
    if (typeof next !== 'function' || typeof done !== 'function' || typeof error !== 'function') {
      this.guard.say('warn', 'the runtime client is not as the hook knows it; invocations are not recorded');
      return;
    }
    const { guard } = this;
    const handler = this;
    // These three throw for wrong arguments only, which the client never passes: no stack trace can show them.
    addon.next = function () {
      guard.run('next', nextCalled, handler);
      const promise = apply(next, this, arguments);
      guard.run('next', watch, handler, promise);
      return promise;
    };
    addon.done = function (id, response) {
      guard.run('done', outcome, handler, id, 'response', response);
      const result = apply(done, this, arguments);
      if (handler.concurrent) guard.run('done', posted, handler, id);
      return result;
    };
    addon.error = function (id, body) {
      guard.run('error', outcome, handler, id, 'error', body);
      const result = apply(error, this, arguments);
      if (handler.concurrent) guard.run('error', posted, handler, id);
      return result;
    };
    this.spool.begin('init');
    this.spool.touch();
    this.watchExit();
  }

  // adopt has a child process of the function's write to the invocation that started it. Its file comes with its first call.
  adopt(invocation) {
    this.adopted = true;
    this.cold = false;
    this.last = invocation;
    this.spool.begin(invocation);
    this.watchExit();
  }

  watchExit() {
    const { guard } = this;
    // No listeners: the function may count them, and Node.js warns of too many.
    const of = Object.getPrototypeOf(process);
    const parent = Object.getPrototypeOf(of);
    guard.shadow(of, 'emit', (emitter, [event, value]) => {
      if (emitter !== process) return;
      if (event === 'exit') this.exit(value);
      else if (event === 'uncaughtExceptionMonitor') this.fatal = inspect(value);
    }, () => parent.emit);
  }

  // invocation gives the request id of the invocation that started what is running now.
  invocation() {
    return this.follow.invocation(this.last);
  }

  // trace gives the X-Amzn-Trace-Id of an invocation that runs, '' if it is not known.
  trace(id) {
    const run = this.concurrent ? this.runs.get(id) : this.run;
    return run && run.id === id ? run.trace : '';
  }

  // writer gives what calls are written with: the spool, which goes to the right file first where there are several. What goes
  // on after its invocation has a file of its own there.
  writer() {
    const { spool, runs } = this;
    if (!this.concurrent) return spool;
    return {
      put: (kind, id, ...rest) => {
        spool.turn(id);
        const why = spool.put(kind, id, ...rest);
        if (!runs.has(id) && !(id === 'init' && this.cold)) spool.end();
        return why;
      },
      fits: (id, n) => {
        spool.turn(id);
        return spool.fits(id, n);
      },
      lose: (reason, records, bytes) => spool.lose(reason, records, bytes),
    };
  }

  // begin records the start, and gives the invocation's id. payload is the event as it arrived.
  begin(headers, payload) {
    const { spool } = this;
    const id = headers['lambda-runtime-aws-request-id'] || 'none';
    const run = { id, trace: headers['lambda-runtime-trace-id'] || '', begun: ticks(), start: this.facts(headers), outcome: null, body: '', stream: null, unhook: null };
    spool.anchor();
    if (this.concurrent) {
      if (this.cold) spool.begin(id);
      else spool.turn(id);
      spool.prune();
      this.runs.set(id, run);
    } else {
      spool.begin(id);
      this.last = id;
      this.run = run;
    }
    this.cold = false;
    this.fatal = null;
    const { eventBytes } = this.settings;
    if (payload.length <= eventBytes) {
      const size = Buffer.byteLength(payload);
      if (size <= eventBytes) {
        this.begun(run, [{ of: 'event', data: payload, size }]);
        return id;
      }
    }
    run.unhook = eventBytes > 0 ? intercept(this.guard, payload, (event) => this.shortened(run, payload, event)) : null;
    if (!run.unhook) this.begun(run, null);
    return id;
  }

  facts(headers) {
    const field = (name, value) => (value ? `,"${name}":${text(value)}` : '');
    const deadline = Number(headers['lambda-runtime-deadline-ms']);
    return field('arn', headers['lambda-runtime-invoked-function-arn']) + (deadline > 0 ? `,"deadline":${Math.trunc(deadline)}` : '') +
      field('trace', headers['lambda-runtime-trace-id']) + field('tenant', headers['lambda-runtime-aws-tenant-id']) +
      field('handler', this.name) + (this.cold ? ',"cold":true' : '');
  }

  begun(run, parts) {
    if (run.start === null) return;
    const { start } = run;
    run.start = null;
    run.begun = ticks();
    if (this.concurrent) this.spool.turn(run.id);
    this.spool.write('invocation.start', run.id, start, parts);
  }

  // shortened records the start with an event that is too large to be kept whole: its text, and what the client has just made of it.
  shortened(run, payload, event) {
    const budget = this.settings.eventBytes;
    if (small(event, payload.length)) {
      this.begun(run, [{ of: 'event', data: beginning(payload, budget), size: -1, truncated: true }]);
      return;
    }
    if (shorten === null) ({ shorten } = require('./shorten.cjs')); // most functions never need it
    const data = shorten(event, budget);
    this.begun(run, [{ of: 'event', data, size: -1, truncated: true, shortened: true }]);
  }

  // finish records the end. The outcome was posted: nobody waits for what is done here.
  finish(run, error) {
    const { spool } = this;
    if (!run) return;
    if (this.concurrent) {
      if (!this.runs.delete(run.id)) return;
      spool.turn(run.id);
    }
    this.run = null;
    if (run.unhook) run.unhook();
    if (run.start !== null) spool.write('invocation.start', run.id, run.start, null);
    const end = run.stream ? streamed(run.stream) : answered(run, this.settings.eventBytes);
    const failed = error || end.error;
    spool.write('invocation.end', run.id, `,"dur":${(run.outcome ? run.ended : ticks()) - run.begun}` +
      `${failed ? failure(failed.type, failed.message, failed.stack) : ''}${end.status ? `,"status":${end.status}` : ''}` +
      `${run.stream ? ',"streaming":true' : ''}`, end.parts);
    spool.tellLosses(run.id);
    spool.end();
  }

  // exit records what a process or thread leaves that ends with an invocation still running, and closes its file.
  exit(code) {
    for (const run of this.concurrent ? [...this.runs.values()] : [this.run]) {
      this.finish(run, run && run.outcome === null ? this.fatal || { type: EXIT, message: `the process exited with code ${code}` } : null);
    }
    if (this.concurrent) this.spool.turn('init');
    if (this.adopted) this.spool.tellLosses(this.last);
    this.spool.end();
  }

  // of gives the running invocation of an id, as it stands in an URL.
  of(id) {
    return this.concurrent ? this.runs.get(decodeURIComponent(id)) : this.run;
  }

  // exchange tells clients/http.cjs what a request to the host is: undefined for one of the function's, null for one that
  // nobody is to see, and a recorder for one of the runtime client's that has something to tell.
  exchange(req, host) {
    if (this.api === '' || host !== this.api) return undefined;
    const path = String(req.path);
    const budget = this.settings.eventBytes;
    if (!path.startsWith('/2018-06-01/runtime/')) return null;
    if (path.endsWith('/response')) {
      const run = this.of(path.slice(INVOCATION.length, -'/response'.length));
      return { budget, started: (call) => { if (run) run.stream = { call, req }; }, ended: () => { if (this.concurrent) this.finish(run, null); } };
    }
    if (path.endsWith('/init/error')) {
      return { budget, started: (call) => this.initFailed(call.request.bytes()), ended() {} };
    }
    if (path.endsWith('/invocation/next')) {
      return { budget, started: () => { if (!this.concurrent) this.finish(this.run, null); }, ended: (call) => this.arrived(call) };
    }
    return null;
  }

  initFailed(body) {
    const error = reported(body.toString());
    if (error) this.spool.write('init.error', 'init', failure(error.type, error.message, error.stack));
  }

  // arrived is begin for an event that came by node:http.
  arrived(call) {
    if (call.partial || !call.answer) return;
    const headers = {};
    for (const line of call.answer.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2);
    }
    const part = call.response.part('event');
    if (!part.truncated) this.begin(headers, part.data.toString());
    else {
      this.begin(headers, '');
      this.begun(this.of(headers['lambda-runtime-aws-request-id']), [part]);
    }
  }
}

function nextCalled(handler) {
  if (!handler.concurrent) handler.finish(handler.run, null);
  handler.cell = handler.follow.between(handler.last);
}

function watch(handler, promise) {
  const { cell } = handler;
  // Our reaction is the first one, so it runs before the client goes on.
  apply(then, promise, [(taken) => handler.guard.run('begin', () => {
    handler.follow.look();
    const id = handler.begin(taken.headers, taken.bodyJson);
    if (cell) cell.invocation = id;
  }), () => {}]);
}

function outcome(handler, id, kind, body) {
  const run = handler.of(id);
  if (!run) return;
  run.outcome = kind;
  run.body = body;
  run.ended = ticks();
}

function posted(handler, id) {
  handler.finish(handler.of(id), null);
}

// intercept has use look at the value of text when the client parses it, which is the next thing that happens to it: parsing
// a large event a second time would cost as much as the first. It gives what takes the interception back, or null.
function intercept(guard, source, use) {
  const original = JSON.parse;
  const undo = () => {
    if (JSON.parse === once) JSON.parse = original;
  };
  function once(given) {
    if (given !== source) return apply(original, this, arguments);
    undo();
    let value;
    try {
      value = apply(original, this, arguments);
    } catch (error) {
      guard.run('parse', withoutFrame, error);
      throw error;
    }
    guard.run('event', use, value);
    return value;
  }
  try {
    JSON.parse = once;
  } catch {
    return null; // the function froze JSON
  }
  return undo;
}

// small tells whether an event of so many characters is a batch of small messages: as it begins, it holds about as many as if it
// were shortened, which takes a walk.
function small(event, length) {
  if (typeof event !== 'object' || event === null) return false;
  if (Array.isArray(event)) return length <= SMALL_MESSAGE * event.length;
  const names = keys(event);
  if (names.length > MOST_NAMES) return true;
  for (const name of names) if (Array.isArray(event[name]) && length <= SMALL_MESSAGE * event[name].length) return true;
  return false;
}

function beginning(text, budget) {
  return Buffer.from(text.slice(0, budget)).subarray(0, budget);
}

function withoutFrame(error) {
  error.stack = error.stack.split('\n').filter((line) => !line.includes(__filename)).join('\n');
}

// answered tells what the addon was given.
function answered(run, budget) {
  if (run.outcome === 'error') return { error: reported(run.body) };
  if (run.outcome !== 'response' || typeof run.body !== 'string') return {};
  const { body } = run;
  const size = body.length <= MOST_COUNTED ? Buffer.byteLength(body) : -1;
  const whole = size >= 0 && size <= budget;
  const data = whole ? body : beginning(body, budget);
  return { status: status(body), parts: budget > 0 ? [{ of: 'response', data, size, truncated: !whole }] : null };
}

// streamed tells what went through a response stream: an HTTP response carries its status in a prelude, an error comes as a trailer.
function streamed({ call, req }) {
  const part = call.request.part('response');
  const trailer = /Lambda-Runtime-Function-Error-Body: ([A-Za-z0-9+/=]+)/i.exec(req._trailer || '');
  let prelude;
  if (/\/vnd\.awslambda\.http-integration-response/.test(req.getHeader('content-type') || '')) {
    const end = part.data.indexOf(Buffer.alloc(8));
    if (end > 0) prelude = status(part.data.toString('utf8', 0, end));
  }
  return { status: prelude, parts: part.size > 0 ? [part] : null, error: trailer ? reported(Buffer.from(trailer[1], 'base64').toString()) : undefined };
}

// status gives the statusCode of a proxy response.
function status(body) {
  if (body.length > MOST_STATUS || !body.includes('"statusCode"')) return undefined;
  try {
    const code = Number(parse(body).statusCode);
    return Number.isInteger(code) && code >= 100 && code <= 999 ? code : undefined;
  } catch {
    return undefined; // not JSON, or null
  }
}

// reported takes apart the error as the client reports it.
function reported(body) {
  if (typeof body !== 'string' || body.length > MOST_ERROR) return { type: 'Error', message: '' };
  try {
    const { errorType, errorMessage, trace } = parse(body);
    return { type: errorType, message: errorMessage, stack: Array.isArray(trace) ? trace.join('\n') : '' };
  } catch {
    return { type: 'Error', message: '' };
  }
}

function inspect(error) {
  if (error instanceof Error) return { type: String(error.name), message: String(error.message), stack: String(error.stack || '') };
  return { type: typeof error, message: typeof error === 'object' || typeof error === 'function' ? '' : String(error) };
}

module.exports = { create };
