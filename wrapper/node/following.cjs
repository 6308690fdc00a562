'use strict';
// Which invocation started the work that goes on now. Work may be left behind by its invocation and go on in a later one.
//
// AsyncLocalStorage follows work from where it was started to where it goes on. From Node.js 24 on that costs nothing. Before,
// the first one that is used switches async_hooks on: a promise takes two to three times as long (20 to 40 ns become 60 to
// 110), and stack traces of whatever the system calls show a frame more, `callbackTrampoline`. So the hook's own is used there
// only where the function, a library or the runtime client uses one anyway: most tracers, loggers and Managed Instances do.

const { AsyncLocalStorage, AsyncResource, executionAsyncId } = require('async_hooks');

class Following {
  // always: somebody uses one anyway.
  constructor(always) {
    this.storage = new AsyncLocalStorage();
    this.free = always || typeof AsyncLocalStorage.prototype._enable !== 'function';
    this.asked = false;
  }

  // invocation gives the one that started what is running now. last is the one that runs, or ran last.
  invocation(last) {
    const cell = this.free ? this.storage.getStore() : undefined;
    return cell ? cell.invocation : last;
  }

  // between is called when one invocation is over and before the next one comes. What the client does from here on, calling
  // the handler included, belongs to the one that comes: its id goes into the cell that this gives, if any.
  between(last) {
    if (!this.asked) this.free = this.free || counted();
    this.asked = true;
    if (!this.free) return null;
    const cell = { invocation: last };
    this.storage.enterWith(cell);
    return cell;
  }

  // look is called by a reaction of a promise that the system resolved. It has an id of its own where async_hooks are on.
  look() {
    if (!this.free) this.free = executionAsyncId() !== 0;
  }
}

// counted tells whether async_hooks are on, where no promise was awaited: a promise takes a number of theirs then.
function counted() {
  const before = new AsyncResource('PROMISE').asyncId();
  Promise.resolve();
  return new AsyncResource('PROMISE').asyncId() > before + 1;
}

module.exports = { Following };
