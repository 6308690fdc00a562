'use strict';
// Handlers of every style, and every way to fail. What they give and throw must not depend on who watches.

const http = require('http');

class OrderError extends Error {
  constructor(message, order) {
    super(message);
    this.name = 'OrderError';
    this.order = order;
  }
}

function inherited(object) {
  const names = [];
  for (const name in object) names.push(name);
  return names.sort();
}

function tricky() {
  const error = new Error('own getters');
  Object.defineProperty(error, 'name', { get: () => 'Computed', enumerable: true });
  return error;
}

function trap() {
  const error = new Error('never seen');
  Object.defineProperty(error, 'message', { get() { throw new Error('do not look'); } });
  return error;
}

async function deep(n) {
  if (n === 0) throw new RangeError('deep');
  await deep(n - 1);
}

const stories = {
  value: async () => ({ a: [1, 'zwei', null, { b: true }] }),
  nothing: () => undefined,
  text: async () => 'grüße ☃ \u{1F600}',
  number: async () => 17,
  proxy: async () => ({ statusCode: 404, headers: { 'x-a': 'b' }, body: 'no' }),
  large: async () => 'x'.repeat(300000),
  circular: async () => { const o = {}; o.o = o; return o; },
  bigint: async () => 1n,
  toJSON: async () => ({ toJSON: () => 'replaced' }),
  thenable: () => ({ then(resolve) { resolve('thenable'); } }),
  later: () => new Promise((resolve) => setTimeout(resolve, 5, 'later')),
  microtasks: async () => { const seen = []; queueMicrotask(() => seen.push('micro')); await null; seen.push('await'); process.nextTick(() => seen.push('tick')); await new Promise(setImmediate); return seen; },
  throws: () => { throw new TypeError('sync'); },
  rejects: async () => { throw new OrderError('rejected', 17); },
  deep: () => deep(12),
  string: async () => { throw 'just text'; },
  undefined: () => Promise.reject(),
  null: async () => { throw null; },
  object: async () => { throw { code: 5 }; },
  frozen: async () => { throw Object.freeze(new Error('frozen')); },
  stackless: async () => { const e = new Error('stackless'); delete e.stack; e.stack = undefined; throw e; },
  getters: async () => { throw tricky(); },
  trap: async () => { throw trap(); },
  aggregate: async () => { await Promise.any([Promise.reject(new Error('one')), Promise.reject(new Error('two'))]); },
  cause: async () => { throw new Error('outer', { cause: new Error('inner') }); },
  del: async () => { throw new Error('with \x7f in it'); },
  environment: async () => ({ env: Object.entries(process.env).sort(), argv: process.argv.slice(2), execArgv: process.execArgv }),
  surroundings: async () => ({
    handles: process.getActiveResourcesInfo().filter((name) => name !== 'FSReqCallback').sort(),
    globals: Reflect.ownKeys(globalThis).map(String).sort(),
    parse: [JSON.parse.name, JSON.parse.length, Object.getOwnPropertyDescriptor(JSON, 'parse').writable],
    addon: require('module')._extensions['.node'].toString().length,
    cache: Object.keys(require.cache).map((name) => name.split('/').pop()).sort(),
    listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort(),
    inherited: [inherited(http.ClientRequest.prototype), inherited(http.IncomingMessage.prototype), inherited(process)],
  }),
  mutates: async (event) => { event.story = { changed: true }; event.list.push(event); return 'mutated'; },
  context: async (event, context) => ({ id: context.awsRequestId, arn: context.invokedFunctionArn, tenant: context.tenantId, keys: Object.keys(context).sort(), left: context.getRemainingTimeInMillis() > 0 }),
  uncaught: () => new Promise(() => setTimeout(() => { throw new OrderError('from a timer', 1); }, 1)),
  unhandled: () => new Promise(() => { Promise.reject(new OrderError('nobody looks', 2)); }),
  exits: async () => { process.exit(3); },
  exitCode: () => new Promise(() => { process.exitCode = 4; setImmediate(() => process.exit()); }),
  kills: () => new Promise(() => process.kill(process.pid, 'SIGKILL')),
  survives: () => new Promise((resolve) => {
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => resolve(`survived ${error.message}`));
    setTimeout(() => { throw new Error('on purpose'); }, 1);
  }),
};


exports.handler = function (event, context) {
  return stories[event.story](event, context);
};
exports.nested = { inner: { handler: async () => 'nested' } };
exports.none = undefined;
exports.wrong = 17;

const callbacks = {
  success: (context, callback) => callback(null, 'called back'),
  failure: (context, callback) => callback(new OrderError('called back', 3)),
  text: (context, callback) => callback('only text'),
  late: (context, callback) => { setTimeout(callback, 5, null, 'late'); },
  waits: (context, callback) => { setTimeout(() => console.log('done before the response'), 20); callback(null, 'waited'); },
  hurries: (context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 50000).unref(); callback(null, 'hurried'); },
  succeed: (context) => context.succeed('succeeded'),
  fail: (context) => context.fail(new OrderError('failed', 4)),
  done: (context) => context.done(null, 'done'),
  never: () => {},
  twice: (context, callback) => { callback(null, 'first'); callback(null, 'second'); },
  throws: () => { throw new OrderError('before calling back', 5); },
  promise: async () => 'promise',
};
exports.callback = function (event, context, callback) {
  return callbacks[event.story](context, callback);
};
