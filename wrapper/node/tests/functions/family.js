'use strict';
// A function with children: processes and threads of its own.
const { execFileSync, fork, spawn } = require('child_process');
const { Worker } = require('worker_threads');
const http = require('http');

const get = `const r = require('http').get('http://${process.env.PEER}/text', (res) => { res.resume(); res.on('end', () => done('got ' + res.statusCode)); });`;
// ends gives all that can be seen of a child from outside.
const ends = (child) => new Promise((resolve, reject) => {
  const seen = { out: '', err: '', messages: [] };
  child.stdout.on('data', (text) => { seen.out += text; });
  child.stderr.on('data', (text) => { seen.err += text; });
  child.on('message', (message) => seen.messages.push(message));
  child.on('error', reject);
  child.on('close', (code, signal) => resolve({ ...seen, code, signal, file: child.spawnfile, args: child.spawnargs }));
});
const kid = require.resolve('./kid/kid.js');
const environment = { PEER: process.env.PEER };
const stories = {
  forked: async () => ends(fork(kid, ['forked'], { silent: true })),
  spawned: async () => ends(spawn(process.execPath, [kid, 'spawned'], { env: { ...environment, NODE_OPTIONS: '--no-warnings' } })),
  named: async () => ends(spawn('node', [kid, 'named'], { env: { ...environment, NODE_OPTIONS: '', PATH: require('path').dirname(process.execPath) } })),
  disabled: async () => ends(spawn(process.execPath, [kid, 'disabled'], { env: { ...environment, AFTERGLOW_DISABLED: '1' } })),
  permitted: async () => ends(spawn(process.execPath, ['-p', 'process.env'], { env: { ...environment, NODE_OPTIONS: '--permission' } })),
  other: async () => ends(spawn('/usr/bin/env', [], { env: environment })),
  missing: async () => { try { return await ends(spawn('/not/there')); } catch (error) { return error.stack; } },
  refused: async () => { try { return spawn(process.execPath, { argv0: 17 }); } catch (error) { return error.stack; } },
  child: async () => execFileSync(process.execPath, ['-e', `const done = console.log; ${get}`], { encoding: 'utf8' }),
  childElsewhere: async () => execFileSync(process.execPath, ['-p', 'process.cwd() + process.env.NODE_OPTIONS'], { encoding: 'utf8', cwd: '/' }),
  worker: () => new Promise((resolve, reject) => {
    const w = new Worker(`const done = (s) => require('worker_threads').parentPort.postMessage(s); ${get}`, { eval: true });
    w.on('message', resolve);
    w.on('error', reject);
  }),
  both: async () => Promise.all([stories.worker(), new Promise((resolve) => http.get(`http://${process.env.PEER}/text`, (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); }))]),
};
exports.handler = async (event) => stories[event.story]();
