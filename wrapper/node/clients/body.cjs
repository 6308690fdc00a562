'use strict';
// A body that passes: its first bytes are kept, as many as the budget says, and the rest is counted.
//
// What comes in pieces is copied, because whoever owns a piece may use its memory again. The copy stands in memory with room
// before it, so that a record's header is put there and the record goes out as it stands, with one write(2). Two things are
// not copied: a body that is written down before anything else happens (refer), and a large piece of an answer. Node.js reads
// each of those into memory of its own, and a function that overwrites one before its answer has ended is recorded with what
// it wrote; a copy of every megabyte would cost each function as much as writing it down.

const { concat } = Buffer;

const HEADROOM = 4096; // for a record's header and header lines: few calls have more, and their record is put together elsewhere
const FIRST_SLAB = 32768; // the default budget: most bodies never need another one
const LARGE_PIECE = 16384; // from here on a view of a piece costs less than its copy
const MOST_SPARE = 2097152; // bytes

class Body {
  constructor(budget) {
    this.budget = budget;
    this.kept = 0;
    this.size = 0;
    this.given = null; // a string or Uint8Array as it was given, or
    this.plain = false; // a string of ASCII alone
    this.slab = null; // room, of which the bytes from start to end are kept ones,
    this.start = this.end = HEADROOM;
    this.pieces = null; // behind these, if there are any
  }

  // refer takes a chunk as it is, which is right if it is written down before anything else happens.
  refer(chunk, encoding) {
    if (typeof chunk === 'string') {
      if (encoding === undefined && chunk.length <= this.budget) {
        const size = Buffer.byteLength(chunk);
        if (size <= this.budget) {
          this.size = this.kept = size;
          this.given = chunk;
          this.plain = size === chunk.length;
          return;
        }
      }
      this.add(chunk, encoding);
    } else if (chunk instanceof Uint8Array) {
      this.size = chunk.byteLength;
      this.kept = Math.min(this.size, this.budget);
      this.given = this.kept === this.size ? chunk : first(chunk, this.kept);
    }
  }

  // add takes a copy.
  add(chunk, encoding) {
    const left = this.budget - this.kept;
    if (typeof chunk === 'string') {
      if (encoding && !Buffer.isEncoding(encoding)) return; // Node.js is about to refuse it
      this.size += Buffer.byteLength(chunk, encoding);
      // No encoding makes less than half a byte of a character.
      if (left > 0) this.keep(Buffer.from(chunk.length > 2 * left ? chunk.slice(0, 2 * left) : chunk, encoding), left);
    } else if (chunk instanceof Uint8Array) {
      this.size += chunk.byteLength;
      if (left > 0) this.keep(chunk, left);
    }
  }

  // pass takes a piece of an answer.
  pass(chunk) {
    if (chunk instanceof Uint8Array && chunk.byteLength >= LARGE_PIECE) {
      this.size += chunk.byteLength;
      const n = Math.min(chunk.byteLength, this.budget - this.kept);
      if (n === 0) return;
      this.settle();
      this.pieces.push(n === chunk.byteLength ? chunk : first(chunk, n));
      this.kept += n;
    } else {
      this.add(chunk);
    }
  }

  keep(chunk, left) {
    const n = Math.min(chunk.byteLength, left);
    if (this.slab === null || this.end + n >= this.slab.length) this.grow(n); // one byte is left for the line end
    this.slab.set(n === chunk.byteLength ? chunk : first(chunk, n), this.end);
    this.end += n;
    this.kept += n;
  }

  // settle makes what stands in the slab a piece.
  settle() {
    if (this.pieces === null) this.pieces = [];
    if (this.start === this.end) return;
    this.pieces.push(this.slab.subarray(this.start, this.end));
    this.start = this.end;
  }

  grow(n) {
    const old = this.slab;
    const have = this.end - this.start;
    const need = have + n;
    this.slab = take(HEADROOM + 1 + (need <= FIRST_SLAB ? Math.min(FIRST_SLAB, this.budget) : this.budget));
    if (old !== null) {
      this.slab.set(old.subarray(this.start, this.end), HEADROOM);
      if (this.pieces === null) giveBack(old); // else one of them may stand in it
    }
    this.start = HEADROOM;
    this.end = HEADROOM + have;
  }

  // checked leaves out what is no longer there: a function may give a piece's memory away, to a worker thread for example.
  checked() {
    if (this.pieces === null) return this;
    this.settle();
    let kept = 0;
    let at = 0;
    while (at < this.pieces.length && this.pieces[at].byteLength > 0) kept += this.pieces[at++].byteLength;
    this.pieces.length = at;
    this.kept = kept;
    return this;
  }

  bytes() {
    if (this.given !== null) return this.given;
    if (this.pieces === null) return this.slab === null ? Buffer.alloc(0) : this.slab.subarray(this.start, this.end);
    this.settle();
    return this.pieces.length === 1 ? this.pieces[0] : concat(this.pieces);
  }

  part(of) {
    return { of, data: this.bytes(), size: this.size, truncated: this.kept < this.size };
  }

  // hasRoom tells whether a record can be put together in the slab: n bytes before what is kept, of which another body's are some.
  hasRoom(n, before) {
    return this.slab !== null && this.given === null && this.pieces === null && n <= this.start && this.end > this.start && (before === null || before.kept === 0 || before.slab !== null && before.pieces === null);
  }

  // copy puts what is kept into a buffer, and gives how much that is.
  copy(to, at) {
    if (this.given !== null) {
      if (this.plain) to.latin1Write(this.given, at);
      else if (typeof this.given === 'string') to.utf8Write(this.given, at);
      else to.set(this.given, at);
    } else if (this.pieces === null) {
      if (this.slab !== null) this.slab.copy(to, at, this.start, this.end);
    } else {
      const pieces = [];
      this.each(pieces);
      for (const piece of pieces) {
        to.set(piece, at);
        at += piece.length;
      }
    }
    return this.kept;
  }

  // each adds what is kept to a list of pieces.
  each(list) {
    if (this.given !== null) list.push(typeof this.given === 'string' ? Buffer.from(this.given) : this.given);
    else if (this.kept > 0) {
      if (this.pieces !== null) for (const piece of this.pieces) list.push(piece);
      if (this.end > this.start) list.push(this.slab.subarray(this.start, this.end));
    }
  }

  // told gives the part's description, with as many bytes of it as are written.
  told(of, kept) {
    return '{"of":"' + of + '","len":' + kept + ',"size":' + this.size + (kept < this.size ? ',"truncated":true}' : '}');
  }

  // release tells that nobody will look at what was kept.
  release() {
    if (this.slab !== null) giveBack(this.slab);
    this.slab = this.pieces = this.given = null;
  }
}

function first(chunk, n) {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, n);
}

// Slabs are used again: memory that was never touched costs more than the copy into it, at 1 MB twice as much.
const spare = [];
let spareBytes = 0;
let latest = null; // the one that was given back last

function take(size) {
  if (latest !== null && latest.length === size) {
    const slab = latest;
    latest = null;
    return slab;
  }
  for (let i = spare.length - 1; i >= 0; i--) {
    if (spare[i].length !== size) continue;
    const slab = spare[i];
    spare[i] = spare[spare.length - 1];
    spare.pop();
    spareBytes -= size;
    return slab;
  }
  return Buffer.allocUnsafeSlow(size);
}

function giveBack(slab) {
  if (latest === null && slab.length <= HEADROOM + 1 + FIRST_SLAB) {
    latest = slab;
    return;
  }
  if (spareBytes + slab.length > MOST_SPARE) return;
  spare.push(slab);
  spareBytes += slab.length;
}

module.exports = { Body };
