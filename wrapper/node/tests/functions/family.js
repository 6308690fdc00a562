'use strict';
// A function with children: processes and threads of its own.
const { execFileSync } = require('child_process');
const { Worker } = require('worker_threads');
const http = require('http');

const get = `const r = require('http').get('http://${process.env.PEER}/text', (res) => { res.resume(); res.on('end', () => done('got ' + res.statusCode)); });`;
const stories = {
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
