'use strict';
// Writes a spool of odd contents, for Go's reader to read, and prints what it wrote.
const path = require('path');
const root = path.join(__dirname, '..');
const guard = require(path.join(root, 'guard.cjs'));
const spool = require(path.join(root, 'spool.cjs'));

const [, , dir] = process.argv;
const s = spool.create({ spoolDir: dir, spoolDirBytes: 1 << 30, spoolInvocationBytes: 1 << 30 }, guard);
const texts = ['', 'plain', 'two\nlines\r\n', 'quotes " and \\', 'grün ☃ \u{1F600}', '\u2028\u2029', 'nul \0 and \x1f', 'lone \ud800 surrogate', 'x'.repeat(16384)];
const bodies = ['', 'text', '\n', '\n@', '@0123456789abcdef 0 {"kind":"process"}\n\n', '\0\xff\xfe', 'y'.repeat(100000)];
const written = [];

s.begin('6d68ca91-49c9-448d-89b8-7ca3e6dc66aa');
for (const text of texts) {
  for (const body of bodies) {
    const data = Buffer.from(body, 'latin1');
    // a body that holds the file's own mark cannot be drawn by chance
    s.write('call.start', 'id', `,"url":${spool.text(text)}`, [{ of: 'request', data, size: data.length }, { of: 'response', data: 'ü', size: -1, truncated: true }]);
    written.push({ url: text, body: data.toString('hex') });
  }
}
s.end();
process.stdout.write(JSON.stringify(written));
