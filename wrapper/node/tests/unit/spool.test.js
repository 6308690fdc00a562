'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { fresh, settings, temporary } = require('./fresh.js');

// open makes a spool in a directory of its own.
function open(t, replace, more) {
  const dir = temporary(t);
  const f = fresh(replace);
  const guard = f.load('guard.cjs');
  const module = f.load('spool.cjs');
  const spool = module.create({ ...settings, spoolDir: path.join(dir, 'spool'), ...more }, guard);
  f.done();
  return { spool, lines: f.lines, dir: path.join(dir, 'spool'), names: () => fs.readdirSync(path.join(dir, 'spool')).sort(), module };
}

function kinds(dir, name) {
  return fs.readFileSync(path.join(dir, name), 'latin1').match(/(?<=\{"kind":")[^"]*/g);
}

test('an invocation is a file, its end a rename', (t) => {
  const { spool, dir, names } = open(t);
  spool.begin('id-1');
  assert.strictEqual(fs.existsSync(dir), false);
  spool.write('invocation.start', 'id-1', ',"cold":true');
  assert.deepStrictEqual(names(), [`id-1.${process.pid}.1.open`]);
  spool.end();
  spool.end();
  assert.deepStrictEqual(names(), [`id-1.${process.pid}.1.done`]);
  assert.deepStrictEqual(kinds(dir, names()[0]), ['process', 'invocation.start']);
});

test('what comes after the end gets a file of its own', (t) => {
  const { spool, names } = open(t);
  spool.begin('id-1');
  spool.touch();
  spool.end();
  spool.write('call.end', 'id-1', '');
  spool.begin('id-2');
  spool.touch();
  assert.deepStrictEqual(names(), [1, 2].map((n) => `id-1.${process.pid}.${n}.done`).concat(`id-2.${process.pid}.3.open`));
});

for (const odd of ['', 'a/b', 'x'.repeat(65), 'ü', '..']) {
  test(`an id that is no name is none: ${JSON.stringify(odd.slice(0, 5))}`, (t) => {
    const { spool, names } = open(t);
    spool.begin(odd);
    spool.touch();
    assert.deepStrictEqual(names(), [`none.${process.pid}.1.open`]);
  });
}

test('names that are taken are passed over', (t) => {
  const { spool, dir, names } = open(t);
  fs.mkdirSync(dir);
  for (let n = 1; n < 4; n++) fs.writeFileSync(path.join(dir, `id.${process.pid}.${n}.open`), '');
  spool.begin('id');
  spool.touch();
  assert.ok(names().includes(`id.${process.pid}.4.open`));
});

test('what an earlier process of the same id left is not renamed over', (t) => {
  const { spool, dir, names } = open(t);
  fs.mkdirSync(dir);
  const earlier = `init.${process.pid}.1.done`;
  fs.writeFileSync(path.join(dir, earlier), 'not collected yet');
  fs.writeFileSync(path.join(dir, `init.${process.pid}1.7.done`), 'of another process');
  spool.begin('init');
  spool.touch();
  spool.end();
  assert.strictEqual(fs.readFileSync(path.join(dir, earlier), 'utf8'), 'not collected yet');
  assert.ok(names().includes(`init.${process.pid}.2.done`));
});

test('too many names that are taken are given up', (t) => {
  const { spool, dir } = open(t);
  spool.begin('id');
  spool.touch();
  spool.end();
  for (let n = 2; n < 100; n++) fs.writeFileSync(path.join(dir, `id.${process.pid}.${n}.open`), '');
  spool.begin('id');
  assert.strictEqual(spool.write('call.start', 'id', ''), 'write-failed');
});

test('a file that cannot be opened is told once and counted', (t) => {
  let broken = true;
  const { openSync } = fs;
  const { spool, lines, dir, names } = open(t, { openSync: (file, ...rest) => {
    if (broken && String(file).includes('/spool/')) throw Object.assign(new Error('too many'), { code: 'EMFILE' });
    return openSync(file, ...rest);
  } });
  spool.begin('id');
  assert.strictEqual(spool.write('call.start', 'id', ''), 'write-failed');
  assert.strictEqual(spool.write('call.end', 'id', ''), 'write-failed');
  assert.strictEqual(lines.length, 1);
  assert.match(lines[0], /the spool cannot be written \(EMFILE\)/);
  broken = false;
  assert.strictEqual(spool.write('invocation.end', 'id', ''), '');
  spool.tellLosses('id');
  spool.tellLosses('id');
  spool.end();
  assert.deepStrictEqual(kinds(dir, names()[0]), ['process', 'invocation.end', 'loss']);
  assert.match(fs.readFileSync(path.join(dir, names()[0]), 'latin1'), /"reason":"write-failed","records":2,"bytes":\d+/);
});

for (const [name, writeSync] of [['short', () => 3], ['failed', () => { throw Object.assign(new Error(), { code: 'ENOSPC' }); }]]) {
  test(`a ${name} write is not repeated`, (t) => {
    let calls = 0;
    const real = fs.writeSync;
    let broken = false;
    const { spool, lines } = open(t, { writeSync: (...args) => { calls++; return broken ? writeSync() : real(...args); } });
    spool.begin('id');
    spool.touch();
    broken = true;
    calls = 0;
    assert.strictEqual(spool.write('call.start', 'id', ''), 'write-failed');
    assert.strictEqual(calls, 1);
    assert.deepStrictEqual(Object.keys(spool.lost), ['write-failed']);
    spool.tellLosses('id');
    assert.strictEqual(spool.lost['write-failed'].records, 1);
    assert.match(lines[0], /records lost so far: 1;/);
  });
}

test('the end is recorded when there is no room for calls', (t) => {
  const { spool, dir, names } = open(t, {}, { spoolInvocationBytes: 2000 });
  spool.begin('id');
  for (let i = 0; i < 10; i++) spool.write('call.start', 'id', `,"url":"${'x'.repeat(400)}"`);
  assert.strictEqual(spool.write('invocation.end', 'id', ''), '');
  spool.tellLosses('id');
  spool.end();
  const all = kinds(dir, names()[0]);
  assert.ok(fs.statSync(path.join(dir, names()[0])).size < 2000 + 300);
  assert.deepStrictEqual(all.slice(-2), ['invocation.end', 'loss']);
});

test('a full spool is left alone until it is collected', (t) => {
  const { spool, dir, names } = open(t, {}, { spoolDirBytes: 1500 });
  for (let i = 0; i < 10; i++) {
    spool.begin(`id-${i}`);
    spool.write('invocation.start', `id-${i}`, '');
  }
  spool.end();
  const before = names().length;
  assert.ok(before < 9);
  for (const name of names()) fs.unlinkSync(path.join(dir, name));
  for (let i = 0; i < 4; i++) spool.begin('later'); // a few files are looked for each time
  assert.strictEqual(spool.write('invocation.start', 'later', ''), '');
  assert.ok(spool.lost['spool-full'].records >= 10 - before);
});

test('a header that a reader would refuse is not written', (t) => {
  const { spool } = open(t);
  spool.begin('id');
  assert.strictEqual(spool.write('call.start', 'id', `,"x":"${'y'.repeat(300000)}"`), 'too-large');
  assert.strictEqual(spool.write('call.start', 'id', `,"x":"${'y'.repeat(200000)}"`), '');
});

test('marks differ, with and without a random device', (t) => {
  for (const replace of [{}, { readSync: () => 0 }, { readSync: () => { throw new Error(); } }]) {
    const { spool } = open(t, replace);
    const marks = new Set(Array.from({ length: 200 }, () => spool.mark()));
    assert.strictEqual(marks.size, 200);
    for (const mark of marks) assert.match(mark, /^[0-9a-f]{16}$/);
  }
});

test('the clock is the one of the time when the hook was loaded', (t) => {
  const { spool } = open(t);
  const { now } = Date;
  const { hrtime } = process;
  try {
    Date.now = () => 0;
    process.hrtime = () => [0, 0];
    spool.anchor();
    assert.ok(Math.abs(spool.now() / 1000 - now()) < 1000);
  } finally {
    Date.now = now;
    process.hrtime = hrtime;
  }
});

test('a file that was deleted or closed by others ends all the same', (t) => {
  const { spool, dir } = open(t);
  spool.begin('id');
  spool.touch();
  fs.rmSync(dir, { recursive: true });
  fs.closeSync(spool.file.fd);
  spool.end();
  spool.begin('next');
  spool.touch();
  assert.deepStrictEqual(fs.readdirSync(dir), [`next.${process.pid}.2.open`]);
});

test('no file that was opened under our descriptor is written into or closed', (t) => {
  const { spool, dir, names } = open(t);
  spool.begin('id');
  spool.touch();
  const { fd } = spool.file;
  const theirs = path.join(dir, 'theirs');
  fs.closeSync(fd);
  assert.strictEqual(fs.openSync(theirs, 'w'), fd);
  assert.strictEqual(spool.write('call.start', 'id', ''), '');
  fs.closeSync(spool.file.fd);
  fs.openSync(theirs, 'a');
  spool.end();
  fs.writeSync(fd, 'theirs');
  assert.strictEqual(fs.readFileSync(theirs, 'utf8'), 'theirs');
  assert.deepStrictEqual(kinds(dir, names()[0]), ['process', 'call.start']);
  fs.closeSync(fd);
});

test('a file that is deleted and whose descriptor is closed is begun anew', (t) => {
  const { spool, dir, names } = open(t);
  spool.begin('id');
  spool.write('call.start', 'id', '');
  fs.closeSync(spool.file.fd);
  fs.unlinkSync(path.join(dir, names()[0]));
  assert.strictEqual(spool.write('call.end', 'id', ''), '');
  assert.deepStrictEqual(kinds(dir, names()[0]), ['process', 'call.end']);
  assert.strictEqual(spool.lost.deleted.records, 1);
});

test('texts are cut', (t) => {
  const { module } = open(t);
  assert.strictEqual(module.text('x'.repeat(20000)).length, 16384 + 2);
  assert.strictEqual(module.text(17), '"17"');
  assert.deepStrictEqual(JSON.parse(`{${module.failure(undefined, 'm', 's').slice(1)}}`), { error: { type: '', message: 'm', stack: 's' } });
});

// Where a call's record is put together depends on where its bodies stand and how large they are.
const bodies = {
  none: () => null,
  empty: (Body) => new Body(0),
  nothing: (Body) => fill(new Body(0), 'add', [9]),
  text: (Body) => fill(new Body(100000), 'refer', ['plain']),
  unicode: (Body) => fill(new Body(100000), 'refer', ['gr\u00fcn \u2603']),
  bytes: (Body) => fill(new Body(3), 'refer', [Buffer.from('bytes')]),
  small: (Body) => fill(new Body(100000), 'add', [100, 2000]),
  much: (Body) => fill(new Body(100000), 'add', [60000, 30000]),
  large: (Body) => fill(new Body(100000), 'pass', [10, 20000, 20, 20000, 30]),
};

function fill(body, method, chunks) {
  for (const chunk of chunks) body[method](typeof chunk === 'number' ? Buffer.alloc(chunk, 97 + (chunk % 26)) : chunk);
  return body;
}

function tail(file, from) {
  const fd = fs.openSync(file, 'r');
  const bytes = Buffer.alloc(fs.fstatSync(fd).size - from);
  fs.readSync(fd, bytes, 0, bytes.length, from);
  fs.closeSync(fd);
  return bytes;
}

for (const lines of ['', 'a: \xe4\r\n', `long: ${'x'.repeat(9000)}\r\n`]) {
  test(`a call's record holds its lines and bodies, ${lines.length} characters of lines`, (t) => {
    const { spool, dir, names } = open(t);
    const { Body } = require('../../clients/body.cjs');
    spool.begin('id');
    spool.touch();
    for (const [one, makeOne] of Object.entries(bodies)) {
      for (const [two, makeTwo] of Object.entries(bodies)) {
        const before = fs.statSync(path.join(dir, names()[0])).size;
        const first = makeOne(Body);
        const second = makeTwo(Body);
        const want = Buffer.concat([Buffer.from(lines, 'latin1'), ...[first, second].map((b) => Buffer.from(b === null || b.kept === 0 ? '' : b.bytes()))]);
        assert.strictEqual(spool.put('call.end', 'id', 17, ',"x":1', '{"of":"x"}', lines, first, second, true), '');
        const record = tail(path.join(dir, names()[0]), before);
        const at = record.indexOf('\n') + 1;
        assert.match(record.toString('latin1', 0, at), new RegExp(`^@[0-9a-f]{16} ${want.length} \\{"kind":"call.end","inv":"id","t":\\d+,"x":1,"parts":\\[\\{"of":"x"\\}\\]\\}\n$`), `${one} and ${two}`);
        assert.ok(record.subarray(at).equals(Buffer.concat([want, Buffer.from('\n')])), `${one} and ${two}`);
        assert.strictEqual(spool.file.bytes, before + record.length);
      }
    }
  });
}

for (const [wall, digits] of [[1763889000000, '1763889000000000'], [1763889000007, '1763889000007000'], [1763889000999, '1763889000999000'], [7, '7000'], [0, '0'], [-1500, '-1500000']]) {
  test(`the wall clock at ${wall} ms, in microseconds`, (t) => {
    const { spool } = open(t);
    spool.wall = wall * 1000;
    assert.strictEqual(spool.time(spool.ticks), digits);
  });
}
