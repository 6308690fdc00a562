'use strict';
const test = require('node:test');
const assert = require('node:assert');
const path = require('path');
const { execFileSync } = require('child_process');
const { root } = require('./fresh.js');

const free = typeof require('async_hooks').AsyncLocalStorage.prototype._enable !== 'function';

// follows tells, in a process of its own, whether work is followed after before ran.
function follows(before, always, early) {
  const script = `const { Following } = require(${JSON.stringify(path.join(root, 'following.cjs'))}); const follow = new Following(${always}); ${before};
    const first = ${early} && follow.between('id') !== null;
    require('fs').promises.stat('/').then(() => { follow.look(); console.log(first, follow.between('id') !== null); });`;
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim();
}

for (const [name, before, always, want] of [
  ['nobody does', '', false, free],
  ['the function does', "new (require('async_hooks').AsyncLocalStorage)().enterWith(1)", false, true],
  ['the runtime client does', '', true, true],
]) {
  test(`work is followed where that changes nothing: ${name}`, () => {
    assert.strictEqual(follows(before, always, true), `${want} ${want}`);
    assert.strictEqual(follows(before, always, false), `false ${want}`);
  });
}
