'use strict';
// Child processes of the function's that run Node.js: fork, cluster, spawn and execFile give them the hook.
//
// A child is told in its own environment, from which arm.cjs takes it back before any code of the child's runs; no other program
// and no object of the function's sees anything of it. Seen through ChildProcess.prototype.spawn: its class is exported, but
// loading node:child_process for it would cost every function more than the whole hook does. Its constructor says on a diagnostics
// channel that there is one, right before the method is looked up. What waits for a child (spawnSync and the like) does not pass
// through it, nor does what a shell starts.

const { execPath } = process;
const { getPrototypeOf, hasOwn } = Object;
const stringify = JSON.stringify;

const CHILD = 'AFTERGLOW_CHILD'; // arm.cjs knows it
const OPTIONS = 'NODE_OPTIONS=';
const REFUSES = /(?:^|\s)--(?:experimental-)?permission/; // such a child may not read the hook, and could take nothing back

// attach gives what takes the messages of the channel child_process. start is the file that a child has to load.
function attach(guard, settings, handler, start) {
  const tapped = new WeakSet();
  return ({ process: child }) => {
    let owner = getPrototypeOf(child);
    while (owner !== null && !hasOwn(owner, 'spawn')) owner = getPrototypeOf(owner);
    if (owner === null || tapped.has(owner)) return;
    tapped.add(owner);
    owner.spawn = guard.tap('child', owner.spawn, (process, args) => {
      const options = args[0];
      if (!runsNode(options)) return;
      const envPairs = [...options.envPairs];
      const at = envPairs.findIndex((pair) => pair.startsWith(OPTIONS));
      const own = at < 0 ? undefined : envPairs[at].slice(OPTIONS.length);
      if (own !== undefined && REFUSES.test(own)) return;
      envPairs[at < 0 ? envPairs.length : at] = `${OPTIONS}${own ? `${own} ` : ''}--require "${start}"`;
      envPairs.push(`${CHILD}=${stringify({ invocation: starter(options, handler), options: own, settings: { ...settings, thread: 0 } })}`);
      args[0] = { ...options, envPairs };
    });
  };
}

// runsNode tells whether a child is to run a Node.js that can be given the hook: another user may not be able to read it.
function runsNode(options) {
  if (typeof options !== 'object' || options === null || !Array.isArray(options.envPairs) || !Array.isArray(options.args)) return false;
  if (options.file !== execPath && options.file !== 'node') return false;
  return options.uid === undefined && options.gid === undefined && !options.args.some((arg) => REFUSES.test(arg));
}

// starter gives the invocation that a child works for. One that is sent messages may serve many of them, one after the other: which,
// the extension tells by the time.
function starter({ stdio }, handler) {
  return !handler.concurrent && Array.isArray(stdio) && stdio.includes('ipc') ? 'none' : handler.invocation();
}

module.exports = { attach };
