'use strict';
// Makes a large event small and keeps it whole JSON: long strings are cut, long lists and deep ones end early.
//
// The work is bounded by the budget and by a number of nodes, not by the event. What carries meaning in an event is short
// (ids, names, times), what is long is content: so strings are cut first, and harder if that leaves too little room.

const { quote } = require('./spool.cjs');

const MOST_NODES = 2048; // a batch of a hundred messages
const MOST_DEPTH = 32;
const MOST_KEY = 256;
const LONG = 1024; // characters that are kept of a string at first
const SHORT = 96; // and if a list had to be cut then: a message's or a trace's id still fits
const WIDEST = 3; // bytes of a character in UTF-8

// shorten gives JSON text of at most budget bytes.
function shorten(value, budget) {
  let walk = new Walk(LONG, budget);
  let text = walk.value(value, 0);
  if (walk.full && walk.nodes > 0) text = new Walk(SHORT, budget).value(value, 0);
  if (Buffer.byteLength(text) > budget) text = new Walk(SHORT, Math.trunc(budget / WIDEST)).value(value, 0);
  return text === '' || Buffer.byteLength(text) > budget ? '0'.slice(0, budget) : text;
}

// A Walk counts characters, which are bytes unless the text is not ASCII: the caller looks and comes back with less room.
class Walk {
  constructor(cut, room) {
    this.cut = cut;
    this.room = room;
    this.nodes = MOST_NODES;
    this.full = false; // something was left out for want of room
  }

  take(n) {
    if (this.room < n || this.nodes <= 0) {
      this.full = true;
      return false;
    }
    this.room -= n;
    return true;
  }

  // value gives JSON text, or '' if there is no room for it.
  value(v, depth) {
    this.nodes--;
    if (typeof v === 'string') return this.text(quote(v.length > this.cut ? v.slice(0, this.cut) : v));
    if (v === null || typeof v !== 'object') return this.text(String(v));
    if (depth >= MOST_DEPTH) return this.text('null');
    return Array.isArray(v) ? this.list(v, depth) : this.object(v, depth);
  }

  text(json) {
    return this.take(json.length) ? json : '';
  }

  list(v, depth) {
    if (!this.take(2)) return '';
    let json = '';
    for (let i = 0; i < v.length && this.take(1); i++) {
      const item = this.value(v[i], depth + 1);
      if (item === '') break;
      json += json === '' ? item : ',' + item;
    }
    return '[' + json + ']';
  }

  object(v, depth) {
    if (!this.take(2)) return '';
    let json = '';
    for (const name of Object.keys(v)) {
      const key = quote(name.length > MOST_KEY ? name.slice(0, MOST_KEY) : name);
      if (!this.take(key.length + 2)) break;
      const item = this.value(v[name], depth + 1);
      if (item === '') break;
      json += (json === '' ? '' : ',') + key + ':' + item;
    }
    return '{' + json + '}';
  }
}

module.exports = { shorten };
