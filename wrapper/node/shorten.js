'use strict';
// Makes a large event small and keeps it whole JSON: long strings are cut, long lists and deep ones end early.
//
// The work is bounded by the budget and by a number of nodes, not by the event. What carries meaning in an event is short
// (ids, names, times), what is long is content: so strings are cut first, and harder the less room there is.

const { quote } = require('./spool');

const MOST_NODES = 8192;
const MOST_DEPTH = 32;
const MOST_KEY = 256;
const CUTS = [2048, 512, 128, 64]; // lengths of strings, tried in turn until everything fits

function shorten(value, budget) {
  let text = '';
  for (const cut of CUTS) {
    const walk = new Walk(cut, budget);
    text = walk.value(value, 0);
    if (!walk.short) break;
  }
  return Buffer.byteLength(text) <= budget ? text : 'null';
}

class Walk {
  constructor(cut, budget) {
    this.cut = cut;
    this.left = budget;
    this.nodes = MOST_NODES;
    this.short = false; // a list or an object was cut
  }

  // room takes n bytes from the budget, or tells that they are not there.
  room(n) {
    if (this.left < n || this.nodes <= 0) {
      this.short = true;
      return false;
    }
    this.left -= n;
    return true;
  }

  // value gives JSON text, or '' if there is no room for it.
  value(v, depth) {
    this.nodes--;
    if (typeof v === 'string') return this.text(quote(v.length > this.cut ? v.slice(0, this.cut) : v));
    if (v === null || typeof v !== 'object') return this.text(String(v));
    if (depth >= MOST_DEPTH) {
      this.short = true;
      return this.text('null');
    }
    return Array.isArray(v) ? this.list(v, depth) : this.object(v, depth);
  }

  text(json) {
    return this.room(Buffer.byteLength(json)) ? json : '';
  }

  list(v, depth) {
    if (!this.room(2)) return '';
    let json = '';
    for (let i = 0; i < v.length; i++) {
      if (!this.room(1)) break;
      const item = this.value(v[i], depth + 1);
      if (item === '') break;
      json += `${json && ','}${item}`;
    }
    return `[${json}]`;
  }

  object(v, depth) {
    if (!this.room(2)) return '';
    let json = '';
    for (const name of Object.keys(v)) {
      const key = quote(name.length > MOST_KEY ? name.slice(0, MOST_KEY) : name);
      if (!this.room(Buffer.byteLength(key) + 2)) break;
      const item = this.value(v[name], depth + 1);
      if (item === '') break;
      json += `${json && ','}${key}:${item}`;
    }
    return `{${json}}`;
  }
}

module.exports = { shorten };
