'use strict';
// The guard: everything of the hook's that runs in the function's process runs through run or tap.
//
// It promises that nothing thrown by the hook reaches the function, that what the function or Node.js throws passes
// unchanged, that no stack trace shows a frame of the hook's, and that a hook which keeps failing switches itself off.

const { writeSync } = require('fs');
const { apply } = Reflect;

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
  return new Proxy(original, { apply: trap(look) });
}

// shadow puts a tap before an inherited method. inherited looks that up with each call, so that whoever replaces it where it is
// inherited from, as node:domain does with emit, is still asked. Whoever lists what an object inherits finds the name as before.
function shadow(prototype, name, observe, inherited) {
  const value = tap(name, prototype[name], observe, Object.hasOwn(prototype, name) ? undefined : inherited);
  let owner = prototype;
  while (!Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  Object.defineProperty(prototype, name, { ...Object.getOwnPropertyDescriptor(owner, name), value });
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

const compiled = compile();

function compile() {
  try {
    return new WebAssembly.Module(new Uint8Array(MODULE));
  } catch {
    return null;
  }
}

// trap gives the trap around look: an instance of its own, because the trap is not told whose it is, and two taps may be on one
// function. Without WebAssembly (node --jitless) it is an ordinary function: it shows in stack traces, and nothing else changes.
function trap(look) {
  if (compiled !== null) return new WebAssembly.Instance(compiled, { a: { l: look, c: apply } }).exports.t;
  return (target, thisArg, args) => apply(look(target, thisArg, args), thisArg, args);
}

module.exports = { run, tap, shadow, say, level, off };
