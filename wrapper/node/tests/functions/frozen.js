'use strict';
// A function that freezes what others change.
const http = require('http');
for (const o of [JSON, http, http.ClientRequest.prototype, http.IncomingMessage.prototype, Object.prototype, Array.prototype, Promise.prototype]) Object.freeze(o);
exports.handler = async () => new Promise((resolve) => http.get(`http://${process.env.PEER}/text`, (res) => { res.resume(); res.on('end', () => resolve('frozen')); }));
