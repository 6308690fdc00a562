'use strict';
const test = require('node:test');
const assert = require('node:assert');
const path = require('path');
const { execFileSync } = require('child_process');
const { fresh, root } = require('./fresh.js');

const start = path.join(root, 'start.cjs');

// preloaded runs an expression in a process with the hook and gives its value.
function preloaded(expression, env = {}, args = ['--require', start]) {
  const script = `process.stdout.write(JSON.stringify(${expression}) ?? 'undefined')`;
  const out = execFileSync(process.execPath, [...args, '-e', script], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return out === 'undefined' ? undefined : JSON.parse(out);
}

const watching = "require('module')._extensions['.node'].toString().includes('arm(')";

for (const [value, on] of [[undefined, true], ['', true], ['false', true], ['0', true], ['yes', true], ['true', false], ['TRUE', false], ['1', false], [' True ', false]]) {
  test(`AFTERGLOW_DISABLED=${JSON.stringify(value)}`, () => {
    assert.strictEqual(preloaded(watching, value === undefined ? {} : { AFTERGLOW_DISABLED: value }), on);
  });
}

const option = `--require "${start}"`;
for (const [before, after] of [
  [option, undefined],
  [`--no-warnings ${option}`, '--no-warnings'],
  [`${option} --no-warnings`, ' --no-warnings'],
  ['--no-warnings', '--no-warnings'],
  [`--require "${path.join(root, 'tests', '..', 'start.cjs')}"`, undefined],
]) {
  test(`NODE_OPTIONS is given back: ${before.replaceAll(root, '')}`, () => {
    assert.strictEqual(preloaded('process.env.NODE_OPTIONS', { NODE_OPTIONS: before }), after);
  });
}

test('another file in NODE_OPTIONS stays', () => {
  const other = path.join(__dirname, 'fresh.js');
  assert.strictEqual(preloaded('process.env.NODE_OPTIONS', { NODE_OPTIONS: `--require "${other}" ${option}` }), `--require "${other}"`);
});

test('a worker thread is left alone', () => {
  const inWorker = `(new (require('worker_threads').Worker)('require("worker_threads").parentPort.postMessage(' + ${JSON.stringify(watching)} + ')', { eval: true }).on('message', (m) => process.stdout.write(JSON.stringify(m))), undefined)`;
  const out = execFileSync(process.execPath, ['--require', start, '-e', inWorker], { env: { PATH: process.env.PATH }, encoding: 'utf8' });
  assert.strictEqual(out, 'false');
});

test('a process that loads no runtime client gets nothing more', () => {
  const loaded = preloaded("[process.moduleLoadList.filter((m) => m === 'NativeModule http').length, require('http').ClientRequest.prototype.hasOwnProperty('emit')]");
  assert.deepStrictEqual(loaded, [0, false]);
});

test('an addon that is not the known one is said', () => {
  const f = fresh();
  const guard = f.load('guard.cjs');
  const handler = f.load('handler.cjs').create({ eventBytes: 100 }, guard, {});
  f.done();
  const addon = { next: 1 };
  handler.attach(addon);
  assert.deepStrictEqual(addon, { next: 1 });
  assert.match(f.lines.join(''), /^afterglow: node: the runtime client is not as the hook knows it; invocations are not recorded\n$/);
});

test('an http that is not the known one is said and left alone', () => {
  const http = require('http');
  const { _send } = http.OutgoingMessage.prototype;
  const f = fresh();
  const guard = f.load('guard.cjs');
  try {
    delete http.OutgoingMessage.prototype._send;
    f.load('clients/http.cjs').attach(guard, {}, {});
  } finally {
    http.OutgoingMessage.prototype._send = _send;
    f.done();
  }
  assert.strictEqual(Object.hasOwn(http.ClientRequest.prototype, 'emit'), false);
  assert.match(f.lines.join(''), /http is not as the hook knows it/);
});

test('whatever somebody publishes for undici throws nothing', () => {
  const { channel } = require('diagnostics_channel');
  const f = fresh();
  const guard = f.load('guard.cjs');
  const undici = f.load('clients/undici.cjs');
  const http = f.load('clients/http.cjs');
  f.done();
  const uncaught = [];
  const { nextTick } = process;
  process.nextTick = (report) => uncaught.push(report); // where diagnostics_channel throws what a subscriber has thrown
  try {
    undici.attach(guard, {}, { api: '' }, http);
    for (const message of [undefined, null, 17, {}, { request: 'text' }]) channel('undici:request:headers').publish(message);
  } finally {
    process.nextTick = nextTick;
  }
  assert.deepStrictEqual(uncaught, []);
});

for (const [path, url] of [['/a', 'http://proxy:1/a'], ['example.com:443', 'http://proxy:1/example.com:443'], ['http://example.com/a', 'http://example.com/a'], ['*', 'http://proxy:1/*']]) {
  test(`what undici sends to ${path} has an URL`, () => {
    const f = fresh();
    const guard = f.load('guard.cjs');
    const http = f.load('clients/http.cjs');
    const call = { whole() {}, start() {} };
    const take = f.load('clients/undici.cjs').attach(guard, { parent: null, open: () => call }, { api: '' }, http);
    f.done();
    take({ request: { origin: 'http://proxy:1', path, method: 'CONNECT', headers: [] } });
    assert.strictEqual(call.url, url);
  });
}
