'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { fresh } = require('./fresh.js');

const free = typeof require('async_hooks').AsyncLocalStorage.prototype._enable !== 'function';

// following gives one whose process has as much as active says between invocations.
function following(active) {
  const real = process.getActiveResourcesInfo;
  process.getActiveResourcesInfo = () => Array(active.shift()).fill('Timeout');
  const f = fresh();
  const { Following } = f.load('following.cjs');
  f.done();
  process.getActiveResourcesInfo = real;
  return new Following();
}

// turn plays the end of an invocation and the beginning of the next one, and says whether its work is followed.
function turn(follow, last, next) {
  const cell = follow.between(last);
  if (cell) cell.invocation = next;
  return cell !== null;
}

test('work is followed while something is left behind', { skip: free && 'it always is' }, () => {
  const follow = following([1, 1, 2, 2, 1, 1]);
  assert.deepStrictEqual(['init', 'a', 'b', 'c', 'd', 'e'].map((id, i) => turn(follow, id, 'abcdef'[i])), [false, false, true, true, false, false]);
});

test('what is not followed is of the invocation that left it', { skip: free && 'all is followed' }, () => {
  const follow = following([0, 1, 0]);
  turn(follow, 'init', 'a');
  assert.strictEqual(follow.invocation('a'), 'a');
  turn(follow, 'a', 'b');
  assert.strictEqual(follow.invocation('b'), 'b');
  assert.strictEqual(follow.storage.exit(() => follow.invocation('b')), 'a');
  turn(follow, 'b', 'c');
  assert.strictEqual(follow.storage.exit(() => follow.invocation('c')), 'c');
});

test('what stays and does nothing is not followed for ever', { skip: free && 'it is' }, () => {
  const follow = following([0, ...Array(20).fill(1)]);
  const on = Array.from({ length: 21 }, (_, i) => turn(follow, `${i}`, `${i + 1}`));
  assert.deepStrictEqual([on.indexOf(true), on.lastIndexOf(true)], [1, 8]);
  assert.strictEqual(on.at(-1), false);
});
