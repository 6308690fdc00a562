'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { fresh } = require('./fresh.js');

const f = fresh();
const { shorten } = f.load('shorten.cjs');
f.done();

const batch = (n, body) => ({ Records: Array.from({ length: n }, (_, i) => ({ messageId: `message-${i}`, body, attributes: { SentTimestamp: '17' } })) });

const events = {
  'long bodies': batch(10, 'x'.repeat(100000)),
  'long bodies that are not ASCII': batch(10, '☃'.repeat(100000)),
  'characters of two units': batch(10, '\u{1F600}'.repeat(100000)),
  'quotes': batch(10, '"\\'.repeat(100000)),
  'many messages': batch(10000, 'short'),
  'a long list': Array.from({ length: 100000 }, (_, i) => i),
  'a long object': Object.fromEntries(Array.from({ length: 10000 }, (_, i) => [`key ${i}`, i])),
  'a long key': { ['k'.repeat(100000)]: 1 },
  'deep': JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`),
  'a text': 'x'.repeat(1e6),
  'a number': 17,
  'null': null,
  'toJSON': { toJSON: 'a field', __proto__: { inherited: 1 } },
};
for (const [name, event] of Object.entries(events)) {
  for (const budget of [1, 2, 100, 65536]) {
    test(`${name} in ${budget} bytes`, () => {
      const text = shorten(event, budget);
      assert.ok(Buffer.byteLength(text) <= budget, `${Buffer.byteLength(text)} bytes`);
      JSON.parse(text);
    });
  }
}

test('no code of the function is asked what JSON it would like to be', () => {
  let asked = 0;
  Object.prototype.toJSON = () => { asked++; };
  try {
    assert.strictEqual(shorten(batch(10, 'x'), 1000), '0');
  } finally {
    delete Object.prototype.toJSON;
  }
  assert.strictEqual(asked, 0);
  assert.strictEqual(shorten(JSON.parse('{"__proto__":{"toJSON":1},"a":1}'), 1000), '{"a":1}');
});

test('ids of all messages survive', () => {
  for (const n of [10, 100]) {
    const { Records } = JSON.parse(shorten(batch(n, 'x'.repeat(10000)), 65536));
    assert.strictEqual(Records.length, n);
    assert.strictEqual(Records[n - 1].messageId, `message-${n - 1}`);
    assert.strictEqual(Records[n - 1].attributes.SentTimestamp, '17');
  }
});

test('the work does not grow with the event', () => {
  const visited = (n) => {
    let count = 0;
    const list = new Proxy(Array.from({ length: n }, () => 1), { get: (target, key) => { count++; return target[key]; } });
    shorten(list, 65536);
    return count;
  };
  assert.strictEqual(visited(1e6), visited(1e5));
});
