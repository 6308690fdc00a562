'use strict';
// Loads the hook's files anew, so that each test has a guard that never failed, and hears what it says.
const fs = require('fs');
const os = require('os');
const path = require('path');

const root = path.join(__dirname, '..', '..');

// fresh gives a require for the hook's files with nothing loaded yet. replace holds functions of fs that the files get to see
// instead of the real ones; lines collects what is written to stderr.
function fresh(replace = {}) {
  const lines = [];
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(root) && !file.includes('/tests/')) delete require.cache[file];
  }
  const { writeSync } = fs;
  const fakes = {
    writeSync(fd, data, ...rest) {
      if (fd === 2) return lines.push(String(data));
      return (replace.writeSync || writeSync)(fd, data, ...rest);
    },
  };
  const real = {};
  for (const [name, fake] of Object.entries({ ...replace, ...fakes })) {
    real[name] = fs[name];
    fs[name] = fake;
  }
  return {
    lines,
    load: (file) => require(path.join(root, file)),
    // done puts fs back; the files have taken what they need when they were loaded.
    done: () => Object.assign(fs, real),
  };
}

const settings = {
  spoolDirBytes: 1 << 26, spoolInvocationBytes: 1 << 24, bodyBytes: 100, eventBytes: 100, headerBytes: 100,
};

function temporary(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'spool-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

module.exports = { fresh, root, settings, temporary };
