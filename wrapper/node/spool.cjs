'use strict';
// The writer of spool files, as spool/FORMAT.md has them: one file for each invocation, one write(2) for each record.
//
// It takes records as JSON text and pieces of body, and gives them to the extension. It promises to throw nothing that the
// file system does to it: what could not be written is counted and told with the next record that can be. Everything it
// uses is taken when the hook is loaded, so that a function which replaces fs, Date or JSON changes nothing here.

const fs = require('fs');
const { openSync, writeSync, writevSync, closeSync, renameSync, mkdirSync, readSync, statSync, fstatSync, readdirSync } = fs;
const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = fs.constants;
const wall = Date.now;
const monotonic = process.hrtime;
const stringify = JSON.stringify; // of strings only: an object's toJSON could be the function's
const { pid, ppid } = process;

const HOOK_VERSION = '0.1.0';
const HEAD = 'afterglow-spool 1 ';
const MOST_TEXT = 16384; // of a message, a stack, an URL: FORMAT.md's limit for the first two
const MOST_HEADER = 262144; // FORMAT.md: a reader refuses longer ones
const MOST_BODY = 16777216; // and larger ones
const PLAIN = /^[ !#-[\]-~]*$/; // what JSON text holds as it is
const NOT_ASCII = /[^\x00-\x7e]/g;
const LINE_FEED = 10;
const SECOND = 1000000; // microseconds
const LINE_END = Buffer.from('\n');
const NAME = /^[A-Za-z0-9-]{1,64}$/;
const MARK_BYTES = 8;
const MARKS = 64; // drawn at once: one read of the random device lasts for as many files
const FIRST_SCRATCH = 65536; // a call with two full bodies fits; grows to what a larger one needs
const LARGE = 65536; // larger bodies are not copied once more, but handed over in pieces with one writev(2): far fewer than it takes (IOV_MAX)
const MOST_TRIES = 64; // names that an earlier process of the same id left behind
const NUMBERS = 1000000; // a thread's files have numbers of their own: they have one process id
const MOST_CHECKS = 4; // files looked for at the end of an invocation, so that its cost stays the same

// What Lambda hides from an extension; FORMAT.md allows nothing else of the environment.
const ENVIRONMENT = ['AWS_EXECUTION_ENV', 'AWS_LAMBDA_LOG_GROUP_NAME', 'AWS_LAMBDA_LOG_STREAM_NAME', 'AWS_LAMBDA_INITIALIZATION_TYPE', '_HANDLER'];

function create(settings, guard) {
  return new Spool(settings, guard);
}

class Spool {
  constructor(settings, guard) {
    this.guard = guard;
    this.dir = settings.spoolDir;
    this.mostFile = settings.spoolInvocationBytes;
    this.mostAll = settings.spoolDirBytes;
    this.invocation = 'none';
    this.named = ''; // an invocation, and
    this.opening = ''; // what stands in a header behind the kind, up to the time
    this.second = -1; // of the last record's time, and
    this.seconds = ''; // its digits
    this.why = ''; // the last record was not written
    this.length = this.size = 0; // of its bodies, and of all of it
    this.file = null; // the one that is being written
    this.others = new Map(); // open files of other invocations that run at the same time
    this.first = (settings.thread || 0) * NUMBERS; // numbers of a thread's files begin above it
    this.number = 0;
    this.lost = { __proto__: null }; // reason: { records, bytes }, not told yet
    this.complained = 0; // records
    this.kept = []; // own files that the extension may not have collected yet, oldest first: { path, bytes }
    this.keptBytes = 0;
    this.scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH);
    this.random = Buffer.allocUnsafeSlow(MARK_BYTES * MARKS);
    this.drawn = MARKS;
    this.process = processRecord();
    this.anchor();
  }

  // anchor ties the monotonic clock to the wall clock. Done for each invocation: the machine sleeps in between.
  anchor() {
    this.wall = wall() * 1000;
    this.ticks = ticks();
  }

  // now gives the time in microseconds since the Unix epoch.
  now() {
    return this.wall + (ticks() - this.ticks);
  }

  // begin starts an invocation. Its file comes with its first record; what was open before is closed and renamed.
  begin(invocation) {
    this.end();
    this.prune();
    this.invocation = invocation;
  }

  // turn goes to the file of another invocation, where several run at the same time.
  turn(invocation) {
    if (invocation === this.invocation) return;
    if (this.file) this.others.set(this.invocation, this.file);
    this.invocation = invocation;
    this.file = this.others.get(invocation) || null;
    this.others.delete(invocation);
  }

  // touch makes sure that there is a file. Work that goes on after the end of an invocation gets one of its own.
  touch() {
    if (this.file || this.keptBytes >= this.mostAll) return;
    this.file = this.open(NAME.test(this.invocation) ? this.invocation : 'none');
    if (this.file) this.write('process', this.invocation, this.process);
  }

  open(invocation) {
    if (this.number === 0) this.number = this.first + this.highest();
    for (let tries = 0, made = false; tries < MOST_TRIES; tries++) {
      const stem = `${this.dir}/${invocation}.${pid}.${++this.number}`;
      try {
        // libuv adds O_CLOEXEC
        const fd = openSync(`${stem}.open`, O_APPEND | O_CREAT | O_EXCL | O_WRONLY, 0o600);
        const { dev, ino } = fstatSync(fd);
        const mark = this.mark();
        return { fd, dev, ino, stem, head: HEAD + mark + '\n', start: '@' + mark + ' ', bytes: 0, records: -1 }; // the first one is the process' description
      } catch (error) {
        if (error.code === 'ENOENT' && !made) {
          made = true;
          this.number--;
          this.makeDir();
        } else if (error.code !== 'EEXIST') {
          this.refused(error);
          return null;
        }
      }
    }
    return null;
  }

  // regain opens the file again, whose descriptor is no longer ours, or else a new one.
  regain() {
    const { file } = this;
    try {
      file.fd = openSync(`${file.stem}.open`, O_APPEND | O_WRONLY);
      if (holds(file)) return;
      closeSync(file.fd); // somebody has put another one in its place
    } catch {
      // It was deleted, or there is no descriptor left.
    }
    file.fd = -1;
    this.end();
    this.touch();
  }

  // highest gives the highest number among the files that an earlier process of the same id left: after a reset they may not
  // be collected yet, and a rename would replace one that is done.
  highest() {
    const ours = new RegExp(`^[A-Za-z0-9-]+\\.${pid}\\.([1-9][0-9]{0,8})\\.(?:open|done)$`);
    let highest = 0;
    try {
      for (const name of readdirSync(this.dir)) {
        const match = ours.exec(name);
        const number = match ? Number(match[1]) - this.first : 0;
        if (number > highest && number < NUMBERS) highest = number;
      }
    } catch {
      // No directory yet, or none that can be read: open will tell.
    }
    return highest;
  }

  // makeDir makes the directory and what is missing above it. Node.js' own way to do so never ends where a file system
  // says ENOENT to everything, as /proc does.
  makeDir() {
    if (mkdir(this.dir)) return;
    for (let at = this.dir.indexOf('/', 1); at > 0; at = this.dir.indexOf('/', at + 1)) mkdir(this.dir.slice(0, at));
    mkdir(this.dir);
  }

  // refused tells once that the spool is not to be had; every record that it costs is counted.
  refused(error) {
    if (!this.told) this.guard.say('warn', `the spool cannot be written (${error.code || 'unknown error'}); this function is not recorded`);
    this.told = true;
  }

  mark() {
    if (this.drawn === MARKS) {
      this.drawn = 0;
      draw(this.random);
    }
    const at = MARK_BYTES * this.drawn++;
    return this.random.toString('hex', at, at + MARK_BYTES);
  }

  // end closes the file and renames it, which tells the extension that the invocation ended in this process.
  end() {
    const file = this.file;
    if (!file) return;
    this.file = null;
    try {
      renameSync(`${file.stem}.open`, `${file.stem}.done`);
    } catch (error) {
      // Under our hands: the extension falls back on the platform's word. In any other case it will find the file as it is.
      const gone = error.code === 'ENOENT' || error.code === 'ENOTDIR';
      if (gone && file.records > 0) this.lose('deleted', file.records, file.bytes);
    }
    try {
      if (holds(file)) closeSync(file.fd);
    } catch {
      // Nothing to be done.
    }
    this.kept.push({ path: `${file.stem}.done`, bytes: file.bytes });
    this.keptBytes += file.bytes;
  }

  // prune forgets files that the extension has collected. It looks at a few, and at others the next time, so that one which
  // stays for long does not hide the rest.
  prune() {
    for (let i = Math.min(MOST_CHECKS, this.kept.length); i > 0; i--) {
      const file = this.kept.shift();
      if (statSync(file.path, { throwIfNoEntry: false })) this.kept.push(file);
      else this.keptBytes -= file.bytes;
    }
  }

  // write appends a record of any kind. fields is the rest of its header as JSON text, starting with a comma unless it is empty;
  // parts are { of, data, size, truncated, shortened }, where data is a Buffer or a string. It gives why the record was not
  // written, or ''.
  write(kind, invocation, fields, parts) {
    const text = this.head(kind, invocation, ticks(), ascii(fields), describe(parts), '', parts ? total(parts) : 0, !kind.startsWith('call'));
    if (text === '') return this.why;
    const pieces = [];
    if (parts) for (const { data } of parts) pieces.push(typeof data === 'string' ? Buffer.from(data) : data);
    return this.wrote(kind, this.size > LARGE ? this.gather(text, pieces) : this.join(text, pieces));
  }

  // fits tells whether there is room for a call's record of so many bytes.
  fits(invocation, n) {
    return this.file === null || this.file.bytes + n <= this.mostFile;
  }

  // put appends a record of a call. parts describes its parts, of which lines is the first ones' text, and one and two are bodies
  // (clients/body.cjs) or null. A vital one is written past the invocation's cap. It gives why it was not written, or ''.
  put(kind, invocation, at, fields, parts, lines, one, two, vital) {
    const text = this.head(kind, invocation, at, fields, parts, lines, (one === null ? 0 : one.kept) + (two === null ? 0 : two.kept), vital);
    if (text === '') return this.why;
    const last = two === null ? one : two;
    const n = last !== null && last.hasRoom(text.length + this.length - last.kept, two === null ? null : one)
      ? this.place(text, last, two === null ? null : one)
      : this.collect(text, one, two);
    return this.wrote(kind, n);
  }

  // head gives what stands before a record's bodies, which have so many bytes, or says why there is to be no record and gives ''.
  // Everything in it is ASCII, but for lines, which are Latin-1.
  head(kind, invocation, at, fields, parts, lines, length, vital) {
    if (this.file === null) this.touch();
    else if (!holds(this.file)) this.regain();
    const { file } = this;
    if (invocation !== this.named) {
      this.named = invocation;
      this.opening = '","inv":' + quote(invocation) + ',"t":';
    }
    const header = '{"kind":"' + kind + this.opening + this.time(at) + fields + (parts === '' ? '}' : ',"parts":[' + parts + ']}');
    const body = lines.length + length;
    this.length = length;
    this.size = header.length + body;
    if (file === null) return this.refuse(kind, this.keptBytes >= this.mostAll ? 'spool-full' : 'write-failed');
    if (!vital && file.bytes + this.size > this.mostFile) return this.refuse(kind, 'invocation-full');
    if (header.length > MOST_HEADER || body > MOST_BODY) return this.refuse(kind, 'too-large');
    const text = file.start + body + ' ' + header + '\n' + lines;
    return file.bytes === 0 ? file.head + text : text;
  }

  // time gives the digits of the wall clock's time, in microseconds. A number beyond 32 bits costs a microsecond to make text of.
  time(at) {
    const t = this.wall + at - this.ticks;
    const second = Math.floor(t / SECOND);
    if (second !== this.second) {
      this.second = second;
      this.seconds = String(second);
    }
    if (second < 1) return String(t); // JSON's numbers do not begin with 0
    const rest = (t - second * SECOND) | 0;
    return this.seconds + (rest >= SECOND / 10 ? rest : String(SECOND + rest).slice(1));
  }

  refuse(kind, why) {
    this.why = why;
    if (kind !== 'loss') this.lose(why, 1, this.size); // a loss stays counted
    return '';
  }

  // wrote tells how many bytes of a record were written; less than all is nothing.
  wrote(kind, n) {
    if (n === 0) {
      this.refuse(kind, 'write-failed');
      return this.why;
    }
    this.file.bytes += n;
    this.file.records++;
    return '';
  }

  // place puts a record together where its last body stands.
  place(text, body, before) {
    const { slab, end } = body;
    let at = body.start - text.length;
    if (before !== null) {
      at -= before.kept;
      before.copy(slab, at + text.length);
    }
    slab.latin1Write(text, at);
    slab[end] = LINE_FEED;
    return append(this.file.fd, slab, at, end + 1 - at);
  }

  // collect puts it together from wherever its bodies stand.
  collect(text, one, two) {
    if (this.length > LARGE) {
      const pieces = [];
      if (one !== null) one.each(pieces);
      if (two !== null) two.each(pieces);
      return this.gather(text, pieces);
    }
    const n = text.length + this.length + 1;
    const b = this.room(n);
    if (two === null && (one === null || one.plain)) {
      b.latin1Write(one === null ? text + '\n' : text + one.given + '\n', 0);
      return append(this.file.fd, b, 0, n);
    }
    let at = b.latin1Write(text, 0);
    if (one !== null) at += one.copy(b, at);
    if (two !== null) at += two.copy(b, at);
    b[at] = LINE_FEED;
    return append(this.file.fd, b, 0, n);
  }

  join(text, pieces) {
    const b = this.room(text.length + this.length + 1);
    let n = b.latin1Write(text, 0);
    for (const piece of pieces) {
      b.set(piece, n);
      n += piece.length;
    }
    b[n++] = LINE_FEED;
    return append(this.file.fd, b, 0, n);
  }

  // gather has the system take the pieces from where they are.
  gather(text, pieces) {
    const head = this.room(text.length);
    const all = [head.subarray(0, head.latin1Write(text, 0)), ...pieces, LINE_END];
    const n = text.length + this.length + LINE_END.length;
    try {
      return writevSync(this.file.fd, all) === n ? n : 0;
    } catch {
      return 0;
    }
  }

  room(n) {
    if (this.scratch.length < n) this.scratch = Buffer.allocUnsafeSlow(n + FIRST_SCRATCH);
    return this.scratch;
  }

  // lose counts what was not recorded.
  lose(reason, records, bytes) {
    const loss = this.lost[reason] || (this.lost[reason] = { records: 0, bytes: 0 });
    loss.records += records;
    loss.bytes += bytes;
  }

  // complain says how many records are lost of which the extension could not be told, and again when they are twice as many. If the
  // spool stays as it is, nobody else will.
  complain() {
    let records = 0;
    for (const reason in this.lost) records += this.lost[reason].records;
    if (records > 0 && records < 2 * this.complained) return;
    if (records > 0) this.guard.say('warn', `records lost so far: ${records}; the spool cannot be written`);
    this.complained = records;
  }

  // tellLosses writes down what was counted. What cannot be written stays counted.
  tellLosses(invocation) {
    if (!this.file) return this.complain();
    const { lost } = this;
    this.lost = { __proto__: null };
    for (const reason in lost) {
      const { records, bytes } = lost[reason];
      if (this.write('loss', invocation, `,"reason":"${reason}","records":${records},"bytes":${bytes}`) !== '') this.lose(reason, records, bytes);
    }
    return this.complain();
  }
}

// holds tells whether a file's descriptor is still that file's. Whoever closes descriptors by their number, or one of their own
// twice, may have closed ours, and opened a file of theirs under its number.
function holds(file) {
  try {
    const { dev, ino } = fstatSync(file.fd);
    return ino === file.ino && dev === file.dev;
  } catch {
    return false;
  }
}

function mkdir(dir) {
  try {
    mkdirSync(dir, 0o700);
    return true;
  } catch {
    return false; // it is there, or the attempt to open a file in it tells what is wrong
  }
}

function ticks() {
  const t = monotonic();
  return t[0] * 1e6 + Math.trunc(t[1] / 1000);
}

function draw(buffer) {
  let fd = -1;
  try {
    fd = openSync('/dev/urandom', 'r'); // node:crypto costs more than a millisecond to load
    if (readSync(fd, buffer, 0, buffer.length, null) === buffer.length) return;
  } catch {
    // Out of descriptors: below.
  } finally {
    if (fd >= 0) closeSync(fd);
  }
  for (let i = 0; i < buffer.length; i++) buffer[i] = Math.random() * 256;
}

// append writes n bytes with one write(2), and gives their number or 0. A short write is not repeated: the reader steps over
// its piece.
function append(fd, buffer, at, n) {
  try {
    return writeSync(fd, buffer, at, n) === n ? n : 0;
  } catch {
    return 0;
  }
}

// describe gives the description of parts, and notes their lengths.
function describe(parts) {
  if (!parts) return '';
  let all = '';
  for (const part of parts) {
    part.len = typeof part.data === 'string' ? Buffer.byteLength(part.data) : part.data.length;
    all += `${all && ','}{"of":"${part.of}","len":${part.len}${part.size >= 0 ? `,"size":${part.size}` : ''}` +
      `${part.truncated ? ',"truncated":true' : ''}${part.shortened ? ',"shortened":true' : ''}}`;
  }
  return all;
}

function total(parts) {
  let n = 0;
  for (const part of parts) n += part.len;
  return n;
}

function processRecord() {
  let environment = '';
  for (const name of ENVIRONMENT) {
    const value = process.env[name];
    if (value !== undefined) environment += `${environment && ','}${quote(name)}:${text(value)}`;
  }
  return `,"process":{"pid":${pid},"ppid":${ppid},"runtime":"nodejs","version":${quote(process.versions.node)},` +
    `"hook":"${HOOK_VERSION}","env":{${environment}}}`;
}

// quote gives a string as JSON text in ASCII. Nearly every one is plain, and asking JSON costs more than looking.
function quote(s) {
  return PLAIN.test(s) ? '"' + s + '"' : ascii(stringify(s));
}

function ascii(json) {
  return json.replace(NOT_ASCII, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// text gives a value as a JSON string of bounded length.
function text(value) {
  const s = typeof value === 'string' ? value : String(value);
  return quote(s.length > MOST_TEXT ? s.slice(0, MOST_TEXT) : s);
}

// failure gives the field of an error. The three are strings or undefined.
function failure(type, message, stack) {
  return `,"error":{"type":${text(type || '')},"message":${text(message || '')}${stack ? `,"stack":${text(stack)}` : ''}}`;
}

module.exports = { create, ticks, text, failure, quote: stringify };
