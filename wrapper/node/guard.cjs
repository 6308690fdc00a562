'use strict';
// The guard: everything of the hook's that runs in the function's process runs through run or tap.
//
// It promises that nothing thrown by the hook reaches the function, that what the function or Node.js throws passes
// unchanged, that no stack trace shows a frame of the hook's, and that a hook which keeps failing switches itself off.

const { writeSync } = require('fs');
const { apply, defineProperty } = Reflect;

// Past this many failures the cause will not go away, and what is recorded would mislead.
const MOST_FAILURES = 8;

const LEVELS = ['debug', 'info', 'warn', 'error', 'off'];
const STDERR = 2;

let failures = 0;
let shown = LEVELS.indexOf('warn');

// run calls fn and gives what it returns, or undefined if it failed or the hook is off.
function run(what, fn, a, b, c, d) {
  if (failures >= MOST_FAILURES) return undefined;
  try {
    return fn(a, b, c, d);
  } catch (error) {
    failed(what, error);
    return undefined;
  }
}

function failed(what, error) {
  try {
    failures++;
    if (failures === 1) say('warn', `the hook failed (${what}: ${describe(error)}); the function goes on without what it missed`);
    if (failures === MOST_FAILURES) say('warn', `the hook failed ${failures} times and is off in this process`);
  } catch {
    // The stack is exhausted or the error is a trap itself. The count above is what matters.
  }
}

// describe tells what went wrong without the message, which may quote what was being recorded.
function describe(error) {
  const at = /[^/\\( ]+\.c?js:\d+/.exec((error && error.stack) || '');
  return [(error && (error.code || error.name)) || typeof error, at ? at[0] : ''].join(' ').trim();
}

// say writes one line into the function's log. Never anything of a request.
function say(level, text) {
  if (LEVELS.indexOf(level) < shown) return;
  try {
    writeSync(STDERR, `afterglow: node: ${text}\n`);
  } catch {
    // A closed or full stderr is not ours to mend.
  }
}

function level(name) {
  shown = LEVELS.indexOf(name);
}

function off() {
  return failures >= MOST_FAILURES;
}

// tap gives a function that calls observe(thisArg, args) and then becomes original: same receiver, same arguments, same
// result, and no frame of the hook's on the stack while original runs. The last is what an ordinary wrapper cannot do:
// user code that is called from within original (a listener of 'data', say) would show it in every stack trace.
// current, if given, names the function to become at the moment of the call.
//
// The one thing in JavaScript that has tail calls is WebAssembly. The trap of a Proxy receives (target, thisArg, args);
// ours is this function, whose frame is gone when Reflect.apply is entered:
//
//	(func (export "trap") (param externref externref externref) (result externref)
//	  local.get 0  local.get 1  local.get 2  call $look
//	  local.get 1  local.get 2  return_call $apply)
function tap(what, original, observe, current) {
  // look calls the observer and gives the function to become.
  const look = (target, thisArg, args) => {
    let become = target;
    try {
      if (current !== undefined) become = current() || target;
      if (failures < MOST_FAILURES) observe(thisArg, args);
    } catch (error) {
      failed(what, error);
    }
    return become;
  };
  return new Proxy(original, {
    // Made with the first call: WebAssembly takes two milliseconds to begin with, and many functions never send a request.
    get apply() {
      const value = trap(look);
      defineProperty(this, 'apply', { value });
      return value;
    },
  });
}

// shadow puts a tap before an inherited method. inherited looks that up with each call, so that whoever replaces it where it is
// inherited from, as node:domain does with emit, is still asked. Whoever lists what an object inherits finds the name as before.
//
// glance, if given, is asked on whose behalf the method is looked up, which is right before its call. Where it has seen what
// there is to see and gives true, the caller gets the method itself: a tap whose code has left the processor's caches costs
// several times as much as a call that finds it there, and most calls of most methods have nothing to tell. It may be asked
// any number of times, by whoever looks at the property.
function shadow(prototype, name, observe, inherited, glance) {
  const own = Object.hasOwn(prototype, name);
  const original = prototype[name];
  const value = tap(name, original, observe, own ? undefined : inherited);
  if (glance === undefined) {
    Object.defineProperty(prototype, name, { ...described(prototype, name), value });
    return;
  }
  const untapped = own ? () => original : inherited;
  accessor(prototype, name, (self) => {
    try {
      if (failures < MOST_FAILURES && glance(self)) return untapped() || original;
    } catch (error) {
      failed(name, error);
    }
    return value;
  });
}

// accessor has get asked for a property's value, with the object on whose behalf. Whoever assigns to it finds what he would find otherwise.
function accessor(prototype, name, get) {
  const { enumerable } = described(prototype, name);
  Object.defineProperty(prototype, name, {
    configurable: true,
    enumerable,
    get() { return get(this); },
    set(value) { defineProperty(this, name, { configurable: true, enumerable: true, writable: true, value }); },
  });
}

// described gives the descriptor of a property where it is inherited from.
function described(object, name) {
  while (!Object.hasOwn(object, name)) object = Object.getPrototypeOf(object);
  return Object.getOwnPropertyDescriptor(object, name);
}

const MODULE = [
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic, version 1
  1, 8, 1, // one type
  0x60, 3, 0x6f, 0x6f, 0x6f, 1, 0x6f, //   0: (externref externref externref) -> externref
  2, 13, 2, // two imports of that type
  1, 0x61, 1, 0x6c, 0, 0, //   0: a.l, look
  1, 0x61, 1, 0x63, 0, 0, //   1: a.c, apply
  3, 2, 1, 0, // one function of that type
  7, 5, 1, 1, 0x74, 0, 2, // exported as t
  10, 18, 1, 16, 0, // its code, no locals
  0x20, 0, 0x20, 1, 0x20, 2, 0x10, 0, //   local.get 0, 1, 2; call 0
  0x20, 1, 0x20, 2, 0x12, 1, //   local.get 1, 2; return_call 1
  0x0b,
];

const { Module, Instance } = globalThis.WebAssembly || {};
let compiled;

function compile() {
  try {
    return new Module(new Uint8Array(MODULE));
  } catch {
    return null;
  }
}

// trap gives the trap around look: an instance of its own, because the trap is not told whose it is, and two taps may be on one
// function. Without WebAssembly (node --jitless) it is an ordinary function: it shows in stack traces, and nothing else changes.
function trap(look) {
  try {
    if (compiled === undefined) compiled = compile();
    if (compiled !== null) return new Instance(compiled, { a: { l: look, c: apply } }).exports.t;
  } catch {
    // No memory, or no stack.
  }
  return (target, thisArg, args) => apply(look(target, thisArg, args), thisArg, args);
}

module.exports = { run, tap, shadow, accessor, say, level, off };
