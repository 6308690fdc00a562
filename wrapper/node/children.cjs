'use strict';
// Child processes of the function's that run Node.js: fork, cluster, spawn and execFile give them the hook.
//
// A child is told in its own environment, from which arm.cjs takes it back before any code of the child's runs; no other program
// and no object of the function's sees anything of it. Seen through ChildProcess.prototype.spawn: its class is exported, but
// loading node:child_process for it would cost every function more than the whole hook does. Its constructor says on a diagnostics
// channel that there is one, right before the method is looked up. What waits for a child (spawnSync and the like) does not pass
// through it, nor does what a shell starts.

const { realpathSync } = require('fs');
const { execPath } = process;
const { getPrototypeOf, hasOwn, isExtensible } = Object;
const stringify = JSON.stringify;

const CHILD = 'AFTERGLOW_CHILD'; // arm.cjs knows it
const OPTIONS = 'NODE_OPTIONS=';
const PATH = 'PATH=';

// Options of Node.js' with which a child could not read the hook (permission, policy), would hand its environment on or show it before
// anything is taken back (run, test, watch, build-snapshot, snapshot-blob), or takes NODE_OPTIONS from a file if nobody set it
// (env-file, config-file). Node.js takes _ for - in them.
const REFUSES = /(?:^|\s)--(?:experimental[-_])?(?:permission|policy|run|test|watch|build[-_]|snapshot[-_]|env[-_]file|(?:default[-_])?config[-_]file)/;
const QUOTES = /["\\]/g; // may stand anywhere in NODE_OPTIONS

// The system starts no program whose arguments and environment are too long: one variable of 128 KiB (MAX_ARG_STRLEN), or all of them,
// of which it grants at least as much (execve(2)). What a child has of its own may take a quarter of that, in characters of at most
// three bytes: then what is added makes no difference.
const MOST_CHARACTERS = 32768;

// attach gives what takes the messages of the channel child_process. start is the file that a child has to load.
function attach(guard, settings, handler, start) {
  const tapped = new WeakSet();
  return ({ process: child }) => {
    const owner = ownerOf(child);
    if (owner === null || tapped.has(owner)) return;
    tapped.add(owner);
    owner.spawn = guard.tap('child', owner.spawn, (process, args) => {
      const options = args[0];
      if (!runsNode(options)) return;
      const envPairs = [...options.envPairs];
      const at = envPairs.findIndex((pair) => pair.startsWith(OPTIONS));
      const own = at < 0 ? undefined : envPairs[at].slice(OPTIONS.length);
      if (own !== undefined && REFUSES.test(own.replace(QUOTES, ''))) return;
      // Before what is there: that may load files as well.
      envPairs[at < 0 ? envPairs.length : at] = `${OPTIONS}--require "${start}"${own ? ` ${own}` : ''}`;
      // Without prototypes, where the function may have put a toJSON.
      const told = { __proto__: null, invocation: starter(options, handler), options: own, settings: { __proto__: null, ...settings, thread: 0 } };
      envPairs.push(`${CHILD}=${stringify(told)}`);
      args[0] = { __proto__: null, ...options, envPairs };
    });
  };
}

// ownerOf gives the prototype of ChildProcess, from an object of its or of a class that the function derived from it.
function ownerOf(child) {
  let owner = null;
  for (let at = getPrototypeOf(child); at !== null; at = getPrototypeOf(at)) if (hasOwn(at, 'spawn')) owner = at;
  return owner;
}

// runsNode tells whether a child is to run this Node.js and can be given the hook: another user may not be able to read it. An object
// with a prototype is none of Node.js' own but of somebody who calls spawn himself, and finds in it what that puts there.
function runsNode(options) {
  if (typeof options !== 'object' || options === null || getPrototypeOf(options) !== null || !isExtensible(options)) return false;
  const { file, args, envPairs, uid, gid } = options;
  if (!Array.isArray(envPairs) || !Array.isArray(args) || uid !== undefined || gid !== undefined) return false;
  if (args.some((arg) => REFUSES.test(arg)) || characters(args) + characters(envPairs) > MOST_CHARACTERS) return false;
  return !envPairs.some((pair) => pair.startsWith(CHILD)) && (file === execPath || (file === 'node' && found(envPairs)));
}

function characters(strings) {
  let n = 0;
  for (const s of strings) n += s.length + 1;
  return n;
}

// found tells whether node is this Node.js where the system looks for it: it could be an older one, or a script that starts another.
function found(envPairs) {
  const path = envPairs.find((pair) => pair.startsWith(PATH));
  if (path === undefined) return false;
  for (const dir of path.slice(PATH.length).split(':')) {
    if (!dir.startsWith('/')) return false;
    try {
      return realpathSync(`${dir}/node`) === realpathSync(execPath);
    } catch {
      // Not in this one.
    }
  }
  return false;
}

// starter gives the invocation that a child works for. One that is sent messages may serve many of them, one after the other: which,
// the extension tells by the time.
function starter({ stdio }, handler) {
  return !handler.concurrent && Array.isArray(stdio) && stdio.includes('ipc') ? 'none' : handler.invocation();
}

module.exports = { attach };
