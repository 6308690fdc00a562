'use strict';
// The hook's way in: exec-wrapper has Node.js --require start.cjs before Lambda's runtime client runs, and that requires this
// file. Node.js does not start with a --require that it cannot read or parse; so start.cjs is one line that lets anything of
// the hook's fail, and exec-wrapper compares that line. The files are called .cjs because they need no package.json beside
// them then, which is as fatal if it is broken.
//
// It takes nothing but the environment. It waits for the runtime client to load its native addon and arms the hook in
// that moment, before any code of the function ran: what happens there is what the function is seen through (handler.cjs).
// A process that loads no such addon (a tool, or whoever inherited NODE_OPTIONS) is left alone, unless its parent has the hook and
// says so (children.cjs); and so is every worker thread of the function's. It promises that whatever fails here, the runtime starts as if the hook were not there.

const START = `${__dirname}/start.cjs`;

// On Managed Instances the runtime client (aws-lambda-ric 4, worker-manager.js) loads the function in worker threads of its own,
// which it gives its environment and options of their own: Node.js reads NODE_OPTIONS for them again.
const CONCURRENT = process.env.AWS_LAMBDA_MAX_CONCURRENCY !== undefined;

const CHILD = 'AFTERGLOW_CHILD'; // what a parent tells: children.cjs

forget(); // in worker threads, too
const parent = child();
if (!disabled(process.env.AFTERGLOW_DISABLED)) {
  try {
    if (parent !== null) arm((handler) => handler.adopt(parent.invocation), parent.settings);
    else if (here()) watch();
  } catch {
    // Not even guard.cjs is loaded: there is nobody to tell, and nothing was changed.
  }
}

// The kill switch goes before everything, so it is read without help of any other file.
function disabled(value) {
  return /^\s*(true|1)\s*$/i.test(value || '');
}

// child takes back what the parent has put into the environment of its child, and gives what it tells: null if nobody did.
function child() {
  const told = process.env[CHILD];
  if (told === undefined || inWorker()) return null;
  delete process.env[CHILD];
  try {
    const parent = JSON.parse(told);
    if (parent.options === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = parent.options;
    return parent;
  } catch {
    return null; // somebody else's
  }
}

// here tells whether the runtime client may load its addon in this thread.
function here() {
  if (!CONCURRENT) {
    if (inWorker()) return false;
    takeBack();
    return true;
  }
  return inWorker() && takeBack(); // a thread of the function's finds nothing to take back
}

// Worker threads cannot change the directory, and Node.js marks the function that says so. Asking node:worker_threads
// would cost a process that never loads it more than a millisecond.
function inWorker() {
  return process.chdir.disabled === true;
}

// takeBack removes what exec-wrapper put into NODE_OPTIONS, and tells whether it was there: the function sees the variable as
// its owner wrote it, and a child process neither loads the hook nor fails for want of this file.
function takeBack() {
  const fs = require('fs');
  const value = process.env.NODE_OPTIONS || '';
  const rest = value.replace(/ ?--require "([^"]*)"/g, (option, file) => (same(fs, file) ? '' : option));
  if (rest === value) return false;
  if (rest === '') delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = rest;
  return true;
}

function same(fs, file) {
  try {
    return file === START || fs.realpathSync(file) === START;
  } catch {
    return false;
  }
}

// Both generations of AWS's client for Node.js are one bundled file whose inside cannot be reached, but both talk to the
// Runtime API through a native addon of this name, and load it before they load the function.
const ADDON = '/rapid-client.node';

function watch() {
  const extensions = module.constructor._extensions; // of node:module, without the cost of asking for it
  const load = extensions['.node'];
  if (typeof load !== 'function') return;
  const watching = function (module, filename) {
    const found = typeof filename === 'string' && filename.endsWith(ADDON);
    if (found && extensions['.node'] === watching) extensions['.node'] = load;
    const result = Reflect.apply(load, this, arguments);
    if (found) arm((handler) => handler.attach(module.exports));
    return result;
  };
  extensions['.node'] = watching;
}

// arm puts the hook together. attach tells the handler what it has to see, and settings are those of a parent, in its child.
function arm(attach, settings) {
  try {
    const load = loader();
    const guard = load('guard.cjs');
    guard.run('start', () => {
      if (settings === undefined) settings = read(guard);
      else guard.level('off'); // what a child prints is its parent's to read
      const spool = load('spool.cjs').create(settings, guard);
      const handler = load('handler.cjs').create(settings, guard, spool);
      attach(handler);
      const calls = load('clients/call.cjs').create(settings, guard, handler.writer(), handler);
      if (settings.propagationDomains !== '') calls.parent = load('clients/propagation.cjs').create(settings.propagationDomains, handler);
      // One line for each library that sends requests.
      const http = guard.run('http', () => load('clients/http.cjs'));
      guard.run('http', () => http.attach(guard, calls, handler));
      const channels = load('diagnostics_channel');
      guard.run('undici', () => subscribe(guard, channels, 'undici:request:create', () => load('clients/undici.cjs').attach(guard, calls, handler, http)));
      guard.run('child', () => subscribe(guard, channels, 'child_process', () => load('children.cjs').attach(guard, settings, handler, START)));
      guard.run('http2', () => firstStream(guard, (prototype) => load('clients/http2.cjs').attach(guard, calls, prototype, http)));
    });
  } catch {
    // guard.cjs itself could not be loaded: see above.
  }
}

// loader gives a function that loads the hook's files. Node.js' own require would, besides, put each of them where the function can see
// it, and tell whoever watches what is required: tracers and compilers of the function's own do.
function loader() {
  const { readFileSync } = require('fs');
  const { compileFunction } = require('vm');
  const loaded = { __proto__: null };
  const from = (folder) => (name) => {
    if (!name.endsWith('.cjs')) return load(name);
    return load(name.startsWith('../') ? name.slice('../'.length) : folder + (name.startsWith('./') ? name.slice('./'.length) : name));
  };
  const load = (name) => {
    if (name in loaded) return loaded[name];
    if (!name.endsWith('.cjs')) return (loaded[name] = require(name)); // a part of Node.js, seldom one not loaded before
    const filename = `${__dirname}/${name}`;
    const module = { exports: {} };
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    compileFunction(readFileSync(filename, 'utf8'), ['module', 'require', '__filename'], { filename })(module, from(folder), filename);
    loaded[name] = module.exports;
    return module.exports;
  };
  return load;
}

// subscribe has the first message of a channel load what takes the messages: many functions never send one.
function subscribe(guard, channels, channel, load) {
  let take;
  channels.subscribe(channel, (message) => guard.run(channel, () => {
    if (take === undefined) take = load();
    take(message);
  }));
}

// firstStream has the first client stream of HTTP/2 hand over its class, which nothing exports: see clients/http2.cjs. Sockets
// are corked as well, with every request: they are told apart by a comparison, where the method is looked up.
function firstStream(guard, use) {
  const { prototype } = require('stream').Duplex;
  const plain = Object.getOwnPropertyDescriptor(prototype, 'cork');
  let other = prototype; // what was seen last and is none
  const see = (stream) => {
    const own = Reflect.getPrototypeOf(stream);
    if (own === other) return;
    other = own;
    if (own === null || !Object.hasOwn(own, 'constructor') || own.constructor.name !== 'ClientHttp2Stream') return;
    Object.defineProperty(prototype, 'cork', plain);
    use(own);
  };
  const tapped = guard.tap('http2', plain.value, see); // for whoever wraps the method
  guard.accessor(prototype, 'cork', (stream) => {
    if (stream === prototype) return tapped;
    guard.run('http2', see, stream);
    return plain.value;
  });
}

// forget takes the two files that Node.js has loaded out of its cache of modules: the function's view of that is its own.
function forget() {
  delete require.cache[START];
  delete require.cache[module.filename];
}

// read gives the settings that the hook needs; their meaning and bounds are settings/table.go's.
function read(guard) {
  guard.level(choice(guard, 'AFTERGLOW_LOG_LEVEL', 'warn', ['debug', 'info', 'warn', 'error', 'off'])); // for what comes below
  return {
    thread: CONCURRENT ? require('worker_threads').threadId : 0, // the main one is 0
    spoolDir: path(guard, 'AFTERGLOW_SPOOL_DIR', '/tmp/afterglow'),
    spoolDirBytes: bytes(guard, 'AFTERGLOW_SPOOL_DIR_BYTES', 67108864, 1 << 20, 2 ** 33),
    spoolInvocationBytes: bytes(guard, 'AFTERGLOW_SPOOL_INVOCATION_BYTES', 16777216, 1 << 16, 1 << 30),
    bodyBytes: bytes(guard, 'AFTERGLOW_CAPTURE_BODY_BYTES', 32768, 0, 1 << 20),
    eventBytes: bytes(guard, 'AFTERGLOW_CAPTURE_EVENT_BYTES', 65536, 0, 1 << 20),
    headerBytes: bytes(guard, 'AFTERGLOW_CAPTURE_HEADER_BYTES', 16384, 0, 1 << 16),
    propagationDomains: process.env.AFTERGLOW_PROPAGATION_DOMAINS || '',
  };
}

function choice(guard, name, preset, values) {
  const value = (process.env[name] || '').trim().toLowerCase();
  if (value === '' || values.includes(value)) return value || preset;
  guard.say('warn', `${name} is not one of ${values.join(', ')}; ${preset} is used`);
  return preset;
}

function path(guard, name, preset) {
  const value = process.env[name] || '';
  if (value === '' || (value.startsWith('/') && !value.includes('\0'))) return value || preset;
  guard.say('warn', `${name} is not an absolute path; ${preset} is used`);
  return preset;
}

function bytes(guard, name, preset, least, most) {
  const value = (process.env[name] || '').trim();
  if (value === '') return preset;
  const n = Number(value);
  if (/^[+-]?\d+$/.test(value) && n >= least && n <= most) return n;
  guard.say('warn', `${name} is not a whole number from ${least} to ${most}; ${preset} is used`);
  return preset;
}
