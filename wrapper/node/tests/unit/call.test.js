'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { fresh, settings } = require('./fresh.js');

// calls gives a recorder whose records can be looked at.
function calls(more) {
  const f = fresh();
  const guard = f.load('guard.cjs');
  const written = [];
  const lost = [];
  const spool = {
    write: (kind, invocation, fields, parts) => written.push([kind, JSON.parse(`{${fields.slice(1)}}`), (parts || []).map((p) => [p.of, String(p.data), p.size, p.truncated])]),
    lose: (...loss) => lost.push(loss),
  };
  const made = f.load('clients/call.cjs').create({ ...settings, ...more }, guard, spool, { invocation: () => 'id' });
  f.done();
  return { open: (to) => made.open('lib', to), written, lost };
}

test('a body at hand goes with the start', () => {
  const c = calls();
  const call = c.open();
  call.whole('grün');
  call.start();
  call.sent('not again');
  call.end();
  call.end();
  assert.deepStrictEqual(c.written.map(([kind, , parts]) => [kind, parts]), [['call.start', [['request', 'grün', 5, false]]], ['call.end', []]]);
});

test('a body in pieces goes with the end', () => {
  const c = calls();
  const call = c.open();
  call.start();
  call.sent('eins,');
  call.sent(Buffer.from('zwei,'));
  call.sent('ZHJlaQ==', 'base64');
  call.sent('x', 'no such encoding');
  call.sent(17);
  call.end();
  assert.deepStrictEqual(c.written[1][2], [['request', 'eins,zwei,drei', 14, false]]);
});

for (const [name, give] of [
  ['whole text', (call) => call.whole('ü'.repeat(100))],
  ['whole bytes', (call) => call.whole(Buffer.from('ü'.repeat(100)))],
  ['whole text in another encoding', (call) => call.whole('c3bc'.repeat(100), 'hex')],
  ['pieces of text', (call) => { for (let i = 0; i < 100; i++) call.sent('ü'); }],
  ['pieces of bytes', (call) => { for (let i = 0; i < 50; i++) call.sent(new Uint8Array([0xc3, 0xbc, 0xc3, 0xbc])); }],
]) {
  for (const [budget, kept] of [[0, 0], [20, 20], [199, 199], [200, 200], [1000, 200]]) {
    test(`${name}, ${budget} bytes are kept`, () => {
      const c = calls({ bodyBytes: budget });
      const call = c.open();
      give(call);
      call.start();
      call.end();
      const [part] = [...c.written[0][2], ...c.written[1][2]];
      assert.strictEqual(part[2], 200);
      assert.strictEqual(part[3], kept < 200);
      assert.strictEqual(part[1].replaceAll('\ufffd', '').length, Math.trunc(kept / 2));
    });
  }
}

test('a piece is kept as it was', () => {
  const c = calls();
  const call = c.open();
  const buffer = Buffer.from('before');
  call.start();
  call.sent(buffer);
  call.received(buffer);
  buffer.fill('x');
  call.answered(200, []);
  call.end();
  assert.deepStrictEqual(c.written[1][2].map((p) => p[1]), ['before', 'before']);
});

test('headers keep to their budget', () => {
  const c = calls({ headerBytes: 40 });
  const call = c.open();
  call.headers = ['A', '1', 'B', 'x'.repeat(20), 'C', '3', 'D', '4'];
  call.start();
  assert.deepStrictEqual(c.written[0][1].headers, [['A', '1'], ['B', 'x'.repeat(20)], ['C', '3']].slice(0, c.written[0][1].headers.length));
  assert.strictEqual(c.lost[0][0], 'headers');
  assert.strictEqual(c.written[0][1].headers.length + c.lost[0][1], 4);
});

test('headers as undici has them', () => {
  const c = calls();
  const call = c.open();
  call.headers = [Buffer.from('a'), Buffer.from([0xe4]), 'n', 17];
  Array.prototype.toJSON = () => 'bent';
  try {
    call.start();
  } finally {
    delete Array.prototype.toJSON;
  }
  assert.deepStrictEqual(c.written[0][1].headers, [['a', 'ä'], ['n', '17']]);
});

for (const [error, type, message] of [
  [Object.assign(new Error('m'), { code: 'ECODE' }), 'ECODE', 'm'],
  [new TypeError('m'), 'TypeError', 'm'],
  [new DOMException('m', 'AbortError'), 'AbortError', 'm'],
  ['text', 'string', 'text'],
  [undefined, 'undefined', ''],
  [Object.create(null), 'Error', ''],
  [{ get code() { throw new Error(); }, get message() { throw new Error(); } }, 'Error', ''],
]) {
  test(`a failure is told as ${type}`, () => {
    const c = calls();
    const call = c.open();
    call.start();
    call.fail(error);
    call.fail(new Error('later'));
    call.end();
    assert.deepStrictEqual(c.written[1][1].error, { type, message });
  });
}

test('a call that never started is not told', () => {
  const c = calls();
  c.open().end();
  assert.deepStrictEqual(c.written, []);
});

test('somebody else may look at a call', () => {
  const c = calls();
  const seen = [];
  const call = c.open({ budget: 3, started: (k) => seen.push(k.request.bytes().toString()), ended: (k) => seen.push(k.response.bytes().toString()) });
  call.whole('request');
  call.start();
  call.received('response');
  call.end();
  assert.deepStrictEqual([seen, c.written], [['req', 'res'], []]);
});

for (const [budget, kept, lost] of [[100, 'a: 1\r\nbb: 22\r\n', []], [14, 'a: 1\r\nbb: 22\r\n', []], [13, 'a: 1\r\n', [['headers', 1, 8]]], [5, '', [['headers', 2, 14]]]]) {
  test(`header lines as they were sent, ${budget} bytes of them`, () => {
    const c = calls({ headerBytes: budget });
    const call = c.open();
    call.start();
    call.sentHeaders = 'a: 1\r\nbb: 22\r\n';
    call.end();
    const [of, data] = c.written[1][2][0];
    assert.deepStrictEqual([of, data], ['sent', kept]);
    assert.deepStrictEqual(c.lost, lost);
  });
}

test('bodies of every size are kept as they passed, one after the other and side by side', () => {
  const c = calls({ bodyBytes: 100000 });
  const fill = (size, seed) => Buffer.from(Array.from({ length: size }, (_, i) => 97 + ((i + seed) % 26)));
  const open = [1, 100, 32768, 32769, 70000, 100000, 100001, 300000].map((size, seed) => {
    const call = c.open();
    call.start();
    return { call, body: fill(size, seed), at: 0 };
  });
  for (let left = true; left;) {
    left = false;
    for (const one of open) {
      const chunk = Buffer.from(one.body.subarray(one.at, one.at + 9000));
      if (chunk.length === 0) continue;
      left = true;
      one.at += chunk.length;
      one.call.received(chunk);
      chunk.fill(0); // whoever owns it uses its memory again
    }
  }
  for (const { call, body } of open) {
    call.end();
    assert.deepStrictEqual(c.written.at(-1)[2], [['response', body.toString('latin1', 0, 100000), body.length, body.length > 100000]]);
  }
  const again = c.open(); // in memory that was used
  again.start();
  again.received(Buffer.from('short'));
  again.end();
  assert.deepStrictEqual(c.written.at(-1)[2], [['response', 'short', 5, false]]);
});
