'use strict';
// Which invocation started the work that goes on now. Work may be left behind by its invocation and go on in a later one.
//
// AsyncLocalStorage follows work from where it was started to where it goes on. From Node.js 24 on that costs nothing. Before,
// it makes every promise of the process two to three times as slow (some 50 ns more, each), so it is used there only while
// there is something to follow: from the end of an invocation that leaves behind what keeps the event loop alive (a timer, a
// request) until nothing of that kind is left. What such an invocation left was not followed yet, and is known by that.

const { AsyncLocalStorage } = require('async_hooks');
const { getActiveResourcesInfo } = process;

// After so many invocations without a call of left-behind work, what keeps the event loop alive is there to stay: a database's
// connection, a listening socket.
const MOST_QUIET = 8;

class Following {
  constructor() {
    this.storage = new AsyncLocalStorage();
    this.free = typeof AsyncLocalStorage.prototype._enable !== 'function';
    this.on = this.free;
    this.unfollowed = ''; // the invocation whose work is not followed although it goes on
    this.rest = -1; // how much keeps the event loop alive that no invocation left behind
    this.quiet = 0; // invocations since a call was seen that is not of the one that ran
  }

  // invocation gives the one that started what is running now. last is the one that runs, or ran last.
  invocation(last) {
    if (!this.on) return last;
    const cell = this.storage.getStore();
    const from = cell ? cell.invocation : this.unfollowed || last;
    if (from !== last) this.quiet = 0;
    return from;
  }

  // between is called when one invocation is over and before the next one comes. What the client does from here on, calling
  // the handler included, belongs to the one that comes: its id goes into the cell that this gives, if any.
  between(last) {
    if (!this.free) this.look(last);
    if (!this.on) return null;
    const cell = { invocation: last };
    this.storage.enterWith(cell);
    return cell;
  }

  look(last) {
    const left = getActiveResourcesInfo().length;
    if (this.rest < 0 || left < this.rest) this.rest = left;
    const more = left > this.rest && (!this.on || ++this.quiet < MOST_QUIET);
    if (more && !this.on) {
      this.unfollowed = last;
      this.quiet = 0;
    } else if (!more && this.on) {
      this.unfollowed = '';
      this.storage.disable();
    }
    if (!more) this.rest = left;
    this.on = more;
  }
}

module.exports = { Following };
