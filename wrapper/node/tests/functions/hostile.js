'use strict';
// A function that bends everything it can reach. None of it may reach the hook, and the hook may not straighten any of it.
const http = require('http');
const fs = require('fs');
const { once } = require('events');

const nothing = () => { throw new Error('patched by the function'); };
for (const name of ['openSync', 'writeSync', 'closeSync', 'renameSync', 'mkdirSync', 'statSync', 'readSync']) fs[name] = nothing;
Date.now = () => 0;
process.hrtime = () => [0, 0];
Object.prototype.toJSON = function () { return { bent: true }; };
Array.prototype.toJSON = function () { return 'bent'; };
String.prototype.toJSON = function () { return 'bent'; };
Map.prototype.set = nothing;
Reflect.apply = nothing;
Array.isArray = () => false;

exports.handler = async () => {
  const req = http.request(`http://${process.env.PEER}/echo`, { method: 'POST' });
  req.end('from a hostile function');
  const [res] = await once(req, 'response');
  let all = '';
  for await (const chunk of res) all += chunk;
  return all;
};
