'use strict';
// Writes the records of the spool's vectors with the hook's own writer, for Go's reader to compare.
const fs = require('fs');
const path = require('path');
const root = path.join(__dirname, '..');
const guard = require(path.join(root, 'guard.cjs'));
const spool = require(path.join(root, 'spool.cjs'));

const [, , manifest, dir] = process.argv;
for (const vector of JSON.parse(fs.readFileSync(manifest, 'utf8'))) {
  const s = spool.create({ spoolDir: path.join(dir, vector.name), spoolDirBytes: 1 << 30, spoolInvocationBytes: 1 << 30 }, guard);
  s.begin('vector');
  for (const { header, body } of vector.records) {
    const { kind, inv, t, parts, ...fields } = header;
    const bytes = Buffer.from(body || '', 'base64');
    let at = 0;
    const pieces = (parts || []).map(({ len, size, ...part }) => ({ ...part, data: bytes.subarray(at, (at += len)), size: size === undefined ? -1 : size }));
    const text = Object.entries(fields).map(([name, value]) => `,"${name}":${JSON.stringify(value)}`).join('');
    s.write(kind, inv, text, pieces.length > 0 ? pieces : null);
  }
  s.end();
}
