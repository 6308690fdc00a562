'use strict';
// The actor for Node.js: carries out the steps of stories. ../../README.md describes the verbs.
const fs = require('fs');
const http = require('http');
const { execFile, spawnSync } = require('child_process');
const { setTimeout: wait } = require('timers/promises');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const { Unsupported, complete, libraries } = require('./calls.js');

class Custom extends Error {
  constructor(one, { two, three }) {
    super(one);
    this.name = 'CustomError';
    this.two = two;
    this.three = three;
  }
}

class Odd extends Error {
  constructor(one, two) {
    if (two === undefined) throw new TypeError('two arguments, please');
    super(one);
  }

  get message() { return 'odd €'; }
}

function deep(n, message) {
  if (n === 0) throw new TypeError(message);
  return deep(n - 1, message);
}

const verbs = {
  async call(args, event) {
    const call = complete(args, event);
    if (!libraries[call.library]) throw new Unsupported(`the library ${call.library}`);
    try {
      return await libraries[call.library](call);
    } catch (error) {
      if (args.raise || error instanceof Unsupported) throw error;
      const cause = error.cause ? ` <- ${error.cause.name}: ${error.cause.message}` : '';
      return { error: `${error.name}: ${error.message}${cause}` };
    }
  },
  async parallel(args, event, context) {
    if ((args.with || 'async') === 'threads') throw new Unsupported('threads that share the event');
    return (await Promise.all(args.steps.map((step) => run([step], event, context)))).map((r) => r[0]);
  },
  thread(args, event) {
    return new Promise((resolve, reject) => {
      const worker = new Worker(__filename, { workerData: { ...event, steps: args.steps } });
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  },
  later(args, event, context) {
    setTimeout(() => run(args.steps, event, context), args.ms || 0);
  },
  subprocess(args, event) {
    return new Promise((resolve, reject) => {
      const child = execFile(process.execPath, [__filename], (error, out, err) => resolve({ code: child.exitCode, out, err }));
      child.once('error', reject);
      child.stdin.end(JSON.stringify({ ...event, steps: args.steps }));
    });
  },
  command(args) {
    const out = spawnSync(args.argv[0], args.argv.slice(1), { encoding: 'utf8' });
    return { code: out.status, out: out.stdout, err: out.stderr };
  },
  async raise(args) {
    const message = args.message || 'it went wrong';
    switch (args.kind || 'plain') {
      case 'plain': throw new TypeError(message);
      case 'custom': throw new Custom(message, { two: 2, three: 3 });
      case 'odd': throw new Odd(message, 2);
      case 'deep': return deep(50, message);
      case 'chained': throw new Error(message, { cause: new TypeError('the cause') });
      case 'async': await wait(1); throw new TypeError(message);
      case 'unhandled': Promise.reject(new TypeError(message)); await wait(5000); return undefined;
      case 'uncaught': setImmediate(() => { throw new TypeError(message); }); await wait(5000); return undefined;
      case 'stack': return deep(Infinity, message);
      case 'string': throw message; // eslint-disable-line no-throw-literal
      default: throw new Unsupported(`to raise ${args.kind}`);
    }
  },
  exit(args) { process.exit(args.code || 0); },
  abort() { process.abort(); },
  async kill(args) {
    process.kill(process.pid, `SIG${args.signal || 'KILL'}`);
    await wait(60000);
  },
  async sleep(args) { await wait(args.ms); },
  print(args) {
    for (let n = 0; n < (args.times || 1); n++) {
      const text = args.text || 'a line';
      if ((args.to || 'stdout') === 'stdout') process.stdout.write(`${text}\n`);
      else if (args.to === 'stderr') process.stderr.write(`${text}\n`);
      else console.warn(text);
    }
  },
  mutate(args, event) {
    event.steps = null;
    event.changed = true;
    delete event.pad;
  },
  patch() {
    const original = http.request;
    http.request = function request(...args) {
      const req = Reflect.apply(original, this, args);
      req.setHeader('X-Patched', 'yes');
      return req;
    };
    return original.name;
  },
  allocate(args) { return Buffer.alloc(args.mb << 20, 1).length; },
  environment(args) { return Object.fromEntries(args.names.map((name) => [name, process.env[name] === undefined ? null : process.env[name]])); },
  context(args, event, context) {
    return [context.awsRequestId, context.functionName, context.memoryLimitInMB, context.invokedFunctionArn, context.logStreamName !== ''];
  },
  async descriptors(args, event, context) {
    const taken = [];
    try {
      for (;;) taken.push(fs.openSync('/dev/null'));
    } catch {
      // all are taken
    }
    try {
      for (let n = 0; n < (args.left || 0); n++) fs.closeSync(taken.pop());
      return await run(args.steps, event, context);
    } finally {
      for (const fd of taken) fs.closeSync(fd);
    }
  },
  close() {
    fs.closeSync(1);
    fs.closeSync(2);
  },
  async pool(args, event, context) {
    return Promise.all(Array.from({ length: args.times }, () => run(args.steps, event, context)));
  },
  async generator(args, event, context) {
    async function* oneByOne() {
      for (const step of args.steps) yield (await run([step], event, context))[0];
    }
    const results = [];
    for await (const result of oneByOne()) results.push(result);
    return results;
  },
  again(args, event, context) { return exports.handler({ ...event, steps: args.steps }, context); },
  clock(args) {
    const real = Date.now;
    Date.now = () => real() + args.seconds * 1000;
  },
  return(args, event) {
    switch (args.kind || 'value') {
      case 'value': return args.value === undefined ? null : args.value;
      case 'size': return 'r'.repeat(args.size);
      case 'unicode': return `grüße, мир, 世界 \u2028 \u{1f980} ${'€'.repeat(1000)}`;
      case 'event': return event;
      case 'nothing': return undefined;
      case 'many': return Array.from({ length: args.size }, (_, n) => ({ n, text: 'é'.repeat(n % 10) }));
      case 'generator': return (function* () { yield 1; })();
      case 'proxy': return { statusCode: args.status || 200, headers: { 'X-A': '1' }, body: args.body || 'text' };
      case 'unserializable': return { big: 1n };
      default: throw new Unsupported(`to return ${args.kind}`);
    }
  },
};

async function run(steps, event, context) {
  const results = [];
  for (const step of steps) {
    const [[name, args]] = Object.entries(step);
    if (!Object.hasOwn(verbs, name)) throw new Unsupported(`the verb ${name}`);
    const result = await verbs[name](args, event, context);
    results.push(result === undefined ? null : result);
  }
  return results;
}

async function tell(event, context) {
  if (event === null || typeof event !== 'object' || !event.steps) return event;
  const { steps } = event;
  let results;
  try {
    await exports.loaded;
    results = await run(steps, event, context);
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message };
    throw error;
  }
  return 'return' in steps.at(-1) ? results.at(-1) : results;
}

exports.handler = async (event, context) => tell(event, context);

exports.callback = (event, context, callback) => {
  tell(event, context).then((result) => callback(null, result), callback);
};

// stream writes pieces and carries out steps in turn: {"write": "text"} is one of its own.
if (globalThis.awslambda) {
  exports.stream = awslambda.streamifyResponse(async (event, out, context) => {
    verbs.write = (args) => { out.write(args.text || 'w'.repeat(args.size)); };
    verbs.prelude = (args) => { out = awslambda.HttpResponseStream.from(out, args); };
    await run(event.steps, event, context);
    out.end();
  });
}

if (!isMainThread && workerData && workerData.steps) {
  run(workerData.steps, workerData).then((results) => parentPort.postMessage(results));
} else if (require.main === module) { // a child process
  tell(JSON.parse(fs.readFileSync(0, 'utf8'))).then((result) => process.stdout.write(JSON.stringify(result)));
} else if (process.env.STORY_INIT) {
  // CommonJS cannot wait at init: what takes time may still be going on when the first invocation comes, which waits for it, as many functions do.
  const event = JSON.parse(process.env.STORY_INIT);
  const [[name, args]] = Object.entries(event.steps[0]);
  if (name === 'raise' || name === 'exit') {
    if (name === 'exit') process.exit(args.code || 0);
    throw new TypeError(args.message || 'it went wrong');
  }
  exports.loaded = run(event.steps, event);
}
