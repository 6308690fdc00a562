'use strict';
// Makes a large event small and keeps it whole JSON: long strings are cut, long lists and deep ones end early.
//
// The work is bounded by the budget and by a number of nodes, not by the event. What carries meaning in an event is short
// (ids, names, times), what is long is content: so strings are cut hard at first, and less if that leaves room for more. What is left is
// made anew of plain objects, without a getter or a prototype of the function's in it, and given to JSON at once.

const { quote } = require('./spool.cjs');

const MOST_NODES = 2048; // a batch of a hundred messages
const MOST_DEPTH = 32;
const MOST_KEY = 256;
const SHORT = 96; // characters that are kept of a string at first: a message's or a trace's id fits
const LONG = 1024; // and if that has used little of the budget
const LITTLE = 8; // a part of it
const WIDEST = 6; // bytes that a character may take as JSON text

// shorten gives JSON text of at most budget bytes.
function shorten(value, budget) {
  if ('toJSON' in []) return '0'.slice(0, budget); // the function's own code would run
  let text = cut(value, SHORT, budget);
  let bytes = Buffer.byteLength(text);
  if (bytes < budget / LITTLE) {
    const longer = cut(value, LONG, budget);
    if (longer !== '' && Buffer.byteLength(longer) <= budget) return longer;
  }
  for (const room of [budget * (budget / bytes), budget / WIDEST]) {
    if (bytes <= budget) break;
    text = cut(value, SHORT, Math.trunc(room));
    bytes = Buffer.byteLength(text);
  }
  return bytes > budget || bytes === 0 ? '0'.slice(0, budget) : text;
}

function cut(value, most, room) {
  const small = new Walk(most, room).value(value, 0);
  return small === undefined ? '' : quote(small);
}

// A Walk counts characters, which are bytes unless the text is not ASCII or has to be escaped: the caller looks and comes back with
// less room.
class Walk {
  constructor(cut, room) {
    this.cut = cut;
    this.room = room;
    this.nodes = MOST_NODES;
  }

  take(n) {
    if (this.room < n || this.nodes <= 0) return false;
    this.room -= n;
    return true;
  }

  // value gives what is kept of a value, or undefined if there is no room for it.
  value(v, depth) {
    this.nodes--;
    if (typeof v === 'string') {
      const text = v.length > this.cut ? v.slice(0, this.cut) : v;
      return this.take(text.length + 2) ? text : undefined;
    }
    if (v === null || typeof v !== 'object') return this.take(String(v).length) ? v : undefined;
    if (depth >= MOST_DEPTH) return this.take(4) ? null : undefined;
    if (!this.take(2)) return undefined;
    return Array.isArray(v) ? this.list(v, depth) : this.object(v, depth);
  }

  list(v, depth) {
    const small = [];
    for (let i = 0; i < v.length && this.take(1); i++) {
      const item = this.value(v[i], depth + 1);
      if (item === undefined) break;
      small.push(item);
    }
    return small;
  }

  object(v, depth) {
    const small = {};
    for (const name of Object.keys(v)) {
      if (name === '__proto__') continue; // it would be no field
      const key = name.length > MOST_KEY ? name.slice(0, MOST_KEY) : name;
      if (!this.take(key.length + 4)) break;
      const item = this.value(v[name], depth + 1);
      if (item === undefined) break;
      small[key] = item;
    }
    return small;
  }
}

module.exports = { shorten };
