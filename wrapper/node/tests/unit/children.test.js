'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { fresh } = require('./fresh.js');

const start = '/opt/afterglow/node/start.cjs';

// given gives what spawn gets of options once the hook is there: with Base in the place of ChildProcess, as Derived if somebody derives from it.
function given(options, derived = false) {
  class Base {
    spawn(got) { this.got = got; }
  }
  class Derived extends Base {
    spawn(got) {
      this.seen = got;
      super.spawn(got);
    }
  }
  const f = fresh();
  const handler = { concurrent: false, invocation: () => 'some-id' };
  const take = f.load('children.cjs').attach(f.load('guard.cjs'), { spoolDir: '/tmp/afterglow' }, handler, start);
  f.done();
  const child = derived ? new Derived() : new Base();
  take({ process: child });
  take({ process: new Base() });
  child.spawn(options);
  assert.deepStrictEqual(f.lines, []);
  if (derived) assert.strictEqual(child.seen, options);
  return child.got;
}

const plain = (more) => ({ __proto__: null, file: process.execPath, args: [process.execPath, 'program.js'], envPairs: ['A=1'], ...more });

// told gives what a child is told in its environment.
const told = (options) => JSON.parse(options.envPairs.at(-1).slice('AFTERGLOW_CHILD='.length));

for (const [name, envPairs, option, own] of [
  ['none', ['A=1'], `NODE_OPTIONS=--require "${start}"`, undefined],
  ['empty ones', ['A=1', 'NODE_OPTIONS='], `NODE_OPTIONS=--require "${start}"`, ''],
  ['some, which come after the hook', ['A=1', 'NODE_OPTIONS=-r ./x.js'], `NODE_OPTIONS=--require "${start}" -r ./x.js`, '-r ./x.js'],
]) {
  test(`a child gets the hook that has options of its own: ${name}`, () => {
    const options = plain({ envPairs: Object.freeze(envPairs) });
    const got = given(options);
    assert.deepStrictEqual(got.envPairs.slice(0, -1), ['A=1', option]);
    assert.strictEqual(told(got).options, own);
    assert.strictEqual(Object.getPrototypeOf(got), null);
    assert.strictEqual(options.envPairs, envPairs);
  });
}

test('a child gets the hook once, past a class derived from its own', () => {
  assert.deepStrictEqual(given(plain(), true).envPairs.slice(0, -1), ['A=1', `NODE_OPTIONS=--require "${start}"`]);
});

test('what a child is told passes by a toJSON of the function', () => {
  Object.prototype.toJSON = () => 'hijacked';
  try {
    assert.strictEqual(told(given(plain())).settings.spoolDir, '/tmp/afterglow');
  } finally {
    delete Object.prototype.toJSON;
  }
});

test('node in PATH gets the hook if it is this one', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'node-'));
  try {
    const named = plain({ file: 'node', envPairs: [`PATH=/not/there:${dir}`] });
    fs.writeFileSync(`${dir}/node`, '#!/bin/sh\n', { mode: 0o700 });
    assert.strictEqual(given(named), named);
    fs.unlinkSync(`${dir}/node`);
    fs.symlinkSync(process.execPath, `${dir}/node`);
    assert.notStrictEqual(given(named), named);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

for (const [name, options] of [
  ['another program', { file: '/bin/true' }],
  ['another user', { uid: 1000 }],
  ['node in PATH, of which there is none', { file: 'node' }],
  ['node in PATH, which begins in the working directory', { file: 'node', envPairs: [`PATH=:${path.dirname(process.execPath)}`] }],
  ['a long argument', { args: ['node', 'x'.repeat(40000)] }],
  ['a long environment', { envPairs: [`A=${'x'.repeat(20000)}`, `B=${'x'.repeat(20000)}`] }],
  ['an environment that has the hook', { envPairs: ['AFTERGLOW_CHILD={}'] }],
  ['options in quotes', { envPairs: ['NODE_OPTIONS="--permission"'] }],
  ...['--permission', '--experimental-permission', '--experimental_permission', '--experimental-policy=p.json', '--run', '--test', '--watch', '--watch-path=.',
    '--build-snapshot', '--snapshot-blob', '--env-file=.env', '--env-file-if-exists=.env', '--experimental-default-config-file', '--experimental-config-file=n.json']
    .flatMap((option) => [[option, { args: ['node', option] }], [`${option} in NODE_OPTIONS`, { envPairs: [`NODE_OPTIONS=--no-warnings ${option}`] }]]),
]) {
  test(`a child is left alone: ${name}`, () => {
    const all = plain(options);
    assert.strictEqual(given(all), all);
  });
}

test('options of somebody who calls spawn himself are left alone', () => {
  for (const options of [{ ...plain() }, Object.freeze(plain())]) assert.strictEqual(given(options), options);
});
