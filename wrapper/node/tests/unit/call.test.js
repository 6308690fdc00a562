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
  let full = false;
  const spool = {
    fits: () => !full,
    put: (kind, invocation, at, fields, parts, lines, ...bodies) => {
      const told = JSON.parse(`[${parts}]`);
      const bytes = Buffer.concat([Buffer.from(lines, 'latin1'), ...bodies.slice(0, 2).map((b) => Buffer.from(b === null ? '' : b.bytes()))]);
      let at0 = 0;
      const pieces = told.map((p) => [p.of, String(bytes.subarray(at0, at0 += p.len)), p.size, p.truncated === true]);
      assert.strictEqual(at0, bytes.length);
      written.push([kind, JSON.parse(`{${fields.slice(1)}}`), pieces.filter(([of]) => of !== 'headers'), pieces.filter(([of]) => of === 'headers').map((p) => p[1]).join()]);
      return full && kind === 'call.start' ? 'invocation-full' : '';
    },
    lose: (...loss) => lost.push(loss),
  };
  const made = f.load('clients/call.cjs').create({ ...settings, ...more }, guard, spool, { invocation: () => 'id' });
  f.done();
  return { open: (to) => made.open('lib', to), written, lost, lines: f.load('clients/call.cjs').lines, fill: () => { full = true; } };
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
  call.answered(200, '');
  call.end();
  assert.deepStrictEqual(c.written[1][2].map((p) => p[1]), ['before', 'before']);
});

for (const [budget, kept] of [[100, 4], [40, 3], [38, 3], [37, 2], [8, 1], [7, 1], [6, 1], [5, 0], [1, 0], [0, 0]]) {
  test(`headers keep to their budget of ${budget} bytes`, () => {
    const c = calls({ headerBytes: budget });
    const call = c.open();
    const all = ['A: 1\r\n', `B: ${'x'.repeat(21)}\r\n`, 'C: 3\r\n', 'D: 4\r\n'];
    call.headers = all.join('');
    call.start();
    assert.strictEqual(c.written[0][3], all.slice(0, kept).join(''));
    assert.deepStrictEqual(c.lost, kept === 4 ? [] : [['headers', 4 - kept, all.slice(kept).join('').length]]);
  });
}

test('headers as undici has them', () => {
  const c = calls();
  Array.prototype.toJSON = () => 'bent';
  try {
    assert.strictEqual(c.lines([Buffer.from('a'), Buffer.from([0xe4]), 'n', 17, 'odd']), 'a: ä\r\nn: 17\r\n');
  } finally {
    delete Array.prototype.toJSON;
  }
});

test('a call without room is counted, and so is its end', () => {
  const c = calls();
  c.fill();
  const call = c.open();
  call.start();
  call.end();
  assert.deepStrictEqual([c.written.map(([kind]) => kind), c.lost], [['call.start'], [['invocation-full', 1, 0]]]);
});

test('a call that was begun tells its end, though there is no room', () => {
  const c = calls();
  const call = c.open();
  call.start();
  call.sent('request');
  call.answered(200, 'a: 1\r\n');
  call.received(Buffer.from('response'));
  c.fill();
  call.end();
  const [, end] = c.written;
  assert.deepStrictEqual([end[1].status, end[2], end[3]], [200, [['request', '', 7, true], ['response', '', 8, true]], '']);
});

test('a piece whose memory the function gave away is left out', () => {
  const c = calls({ bodyBytes: 100000 });
  const call = c.open();
  call.start();
  const pieces = [10, 20000, 30000, 40].map((size, i) => Buffer.from(new ArrayBuffer(size)).fill(97 + i));
  for (const piece of pieces) call.received(piece);
  structuredClone(pieces[2].buffer, { transfer: [pieces[2].buffer] });
  call.end();
  assert.deepStrictEqual(c.written[1][2], [['response', 'a'.repeat(10) + 'b'.repeat(20000), 50050, true]]);
});

test('large pieces of an answer are kept where they are, between small ones', () => {
  const c = calls({ bodyBytes: 100000 });
  const call = c.open();
  call.start();
  const pieces = [10, 20000, 10, 10, 30000, 40, 16384, 16383, 20000, 5].map((size, i) => Buffer.alloc(size, 97 + i));
  for (const piece of pieces) call.received(piece);
  call.end();
  const all = Buffer.concat(pieces);
  assert.deepStrictEqual(c.written[1][2], [['response', all.toString('latin1', 0, 100000), all.length, true]]);
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
    assert.deepStrictEqual(c.written[1][2].map(([of, data]) => [of, data]), kept === '' ? [] : [['sent', kept]]);
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
