'use strict';
// A function that takes away what the hook needs.
const fs = require('fs');
const http = require('http');

const held = [];
function hold() {
  try {
    for (;;) held.push(fs.openSync('/dev/null'));
  } catch (error) {
    return error.code;
  }
}

const get = () => new Promise((resolve, reject) => http.get(`http://${process.env.PEER}/text`, (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); }).on('error', (e) => resolve(e.code)));
const stories = {
  get,
  many: async () => { for (let i = 0; i < 200; i++) await get(); return 'many'; },
  deletes: async () => { fs.rmSync(process.env.AFTERGLOW_SPOOL_DIR, { recursive: true, force: true }); return get(); },
  holds: async () => { const code = hold(); for (const fd of held.splice(0)) fs.closeSync(fd); return [code, await get()]; },
  big: async () => 'b'.repeat(60000),
};
exports.handler = async (event) => stories[event.story]();
