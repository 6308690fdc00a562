// The part of app.py that rows need of Node.js: a function that does what its event says.
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(process.env.PEER + path, { method }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => { text += piece; });
      response.on('end', () => resolve([response.statusCode, text.slice(0, 100)]));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const steps = {
  get: (path) => call('GET', path),
  post: (path, size) => call('POST', path, `{"text":"${'x'.repeat(size)}"}`),
  sleep: (seconds) => sleep(seconds * 1000),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  fail: (text) => { throw new RangeError(text); },
};

export async function handler(event) {
  const answers = [];
  for (const [name, ...rest] of event.do ?? []) answers.push((await steps[name](...rest)) ?? null);
  return { n: event.n, answers };
}
