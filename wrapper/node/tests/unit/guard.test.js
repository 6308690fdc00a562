'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { fresh } = require('./fresh.js');

function load() {
  const f = fresh();
  const guard = f.load('guard.cjs');
  f.done();
  // the guard took writeSync when it was loaded: its lines go on being collected
  return { guard, lines: f.lines };
}

test('run gives what the function gives', () => {
  const { guard, lines } = load();
  assert.strictEqual(guard.run('x', (a, b, c) => a + b + c, 1, 2, 3), 6);
  assert.deepStrictEqual(lines, []);
});

test('the first failure says one line, without the message', () => {
  const { guard, lines } = load();
  for (let i = 0; i < 3; i++) assert.strictEqual(guard.run('part', () => { throw new TypeError('card 4111'); }), undefined);
  assert.strictEqual(lines.length, 1);
  assert.match(lines[0], /^afterglow: node: the hook failed \(part: TypeError guard\.test\.js:\d+\); the function goes on without what it missed\n$/);
});

test('a code tells more than a name', () => {
  const { guard, lines } = load();
  guard.run('part', () => require('fs').readFileSync('/nowhere'));
  assert.match(lines[0], /part: ENOENT/);
});

test('after eight failures the hook is off', () => {
  const { guard, lines } = load();
  for (let i = 0; i < 8; i++) {
    assert.strictEqual(guard.off(), false);
    guard.run('part', () => { throw new Error(); });
  }
  assert.strictEqual(guard.off(), true);
  assert.strictEqual(lines.length, 2);
  assert.match(lines[1], /failed 8 times and is off/);
  let called = false;
  guard.run('part', () => { called = true; });
  const tapped = guard.tap('part', (x) => x, () => { called = true; });
  assert.strictEqual(tapped(5), 5);
  assert.strictEqual(called, false);
});

for (const thrown of [null, undefined, 'text', 17, {}, Object.create(null), { get stack() { throw new Error(); } }, new Proxy({}, { get() { throw new Error(); } })]) {
  test(`whatever is thrown is caught: ${typeof thrown}`, () => {
    const { guard } = load();
    assert.strictEqual(guard.run('part', () => { throw thrown; }), undefined);
  });
}

test('say keeps to the level', () => {
  const { guard, lines } = load();
  guard.say('info', 'no');
  guard.say('warn', 'yes');
  guard.level('off');
  guard.say('error', 'no');
  assert.deepStrictEqual(lines, ['afterglow: node: yes\n']);
});

test('a stderr that cannot be written is none of the function\'s troubles', () => {
  const fs = require('fs');
  const real = fs.writeSync;
  const f = fresh();
  fs.writeSync = () => { throw new Error('EPIPE'); };
  const guard = f.load('guard.cjs');
  f.done();
  fs.writeSync = real;
  guard.say('warn', 'x');
});

const environments = {
  'with WebAssembly': () => load().guard,
  'without WebAssembly': () => {
    const { WebAssembly } = globalThis;
    try {
      globalThis.WebAssembly = undefined;
      return load().guard;
    } finally {
      globalThis.WebAssembly = WebAssembly;
    }
  },
};
for (const [name, make] of Object.entries(environments)) {
  test(`${name}: a tap sees and becomes the original`, () => {
    const guard = make();
    const seen = [];
    function original(a, b) { return [this, a, b, arguments.length]; }
    original.property = 1;
    const tapped = guard.tap('x', original, (self, args) => seen.push([self, [...args]]));
    const self = {};
    assert.deepStrictEqual(tapped.call(self, 1), [self, 1, undefined, 1]);
    assert.strictEqual(tapped.call(self, 1)[0], self);
    assert.deepStrictEqual(seen, [[self, [1]], [self, [1]]]);
    assert.deepStrictEqual([tapped.name, tapped.length, tapped.property], ['original', 2, 1]);
  });

  test(`${name}: what the original throws passes as it is`, () => {
    const guard = make();
    const error = new Error('the function\'s');
    const tapped = guard.tap('x', () => { throw error; }, () => {});
    assert.throws(tapped, (e) => e === error);
  });

  test(`${name}: an observer that throws changes nothing`, () => {
    const guard = make();
    const tapped = guard.tap('x', (a) => a + 1, () => { throw new Error('ours'); });
    assert.strictEqual(tapped(1), 2);
  });

  test(`${name}: the method of the moment is called`, () => {
    const guard = make();
    let current = () => 'first';
    const tapped = guard.tap('x', current, () => {}, () => current);
    assert.strictEqual(tapped(), 'first');
    current = () => 'second';
    assert.strictEqual(tapped(), 'second');
    current = undefined;
    assert.strictEqual(tapped(), 'first');
  });

  test(`${name}: the stack may end anywhere`, () => {
    const guard = make();
    let depth = 0;
    const tapped = guard.tap('x', () => { depth++; return tapped(); }, () => JSON.stringify({ a: [1] }));
    assert.throws(tapped, RangeError);
    assert.ok(depth > 100);
  });
}

test('no frame of the hook is in a stack trace', () => {
  const guard = load().guard;
  function inner() { return new Error('here').stack; }
  const object = { method() { return inner(); } };
  const outer = () => object.method();
  const without = outer();
  object.method = guard.tap('x', object.method, () => {});
  const line = (s) => s.split('\n').map((l) => l.replace(/:\d+:\d+\)?$/, ''));
  assert.deepStrictEqual(line(outer()), line(without));
});

// shadowed gives a class whose method m is inherited and shadowed, with what is seen of it.
function shadowed(glance) {
  const { guard, lines } = load();
  class Parent { m(a) { return a; } }
  class Child extends Parent {}
  const seen = [];
  guard.shadow(Child.prototype, 'm', (self, args) => seen.push(args[0]), () => Parent.prototype.m, glance);
  return { Parent, Child, seen, lines };
}

test('who has glanced is not asked again', () => {
  const { Parent, Child, seen } = shadowed((self) => self.known === true);
  const known = Object.assign(new Child(), { known: true });
  assert.deepStrictEqual([new Child().m(1), known.m(2), Child.prototype.m(3)], [1, 2, 3]);
  assert.deepStrictEqual(seen, [1, 3]);
  assert.strictEqual(known.m, Parent.prototype.m);
  Parent.prototype.m = () => 'replaced';
  assert.deepStrictEqual([new Child().m(4), known.m(5)], ['replaced', 'replaced']);
});

test('a glance that throws leaves the tap', () => {
  const { Child, seen, lines } = shadowed(() => { throw new Error('ours'); });
  assert.strictEqual(new Child().m(1), 1);
  assert.deepStrictEqual([seen, lines.length], [[1], 1]);
});

test('who assigns to a method that is glanced at finds what he has assigned', () => {
  const { Child, seen } = shadowed(() => true);
  const object = new Child();
  const own = () => 'own';
  object.m = own;
  assert.deepStrictEqual(Object.getOwnPropertyDescriptor(object, 'm'), { configurable: true, enumerable: true, writable: true, value: own });
  assert.strictEqual(new Child().m(1), 1);
  const { m } = Child.prototype;
  Child.prototype.m = function (...args) { return ['wrapped', m.apply(this, args)]; };
  assert.deepStrictEqual(new Child().m(2), ['wrapped', 2]);
  Object.freeze(object);
  assert.strictEqual(object.m(), 'own');
  assert.deepStrictEqual(seen, []);
});
