// A function whose modules import what the hook watches.
import http, { get } from 'node:http';
import { request } from 'node:https';
import { once } from 'node:events';
import { Module } from 'node:module';

// What tracers of the function's own watch.
const required = [];
const { require } = Module.prototype;
Module.prototype.require = function (id) {
  required.push(id);
  return Reflect.apply(require, this, [id]);
};

const story = async (req) => {
  const [res] = await once(req, 'response');
  let all = '';
  for await (const chunk of res) all += chunk;
  return all;
};
export const handler = async () => [
  await story(http.get(`http://${process.env.PEER}/text`)),
  await story(get(`http://${process.env.PEER}/text?named`)),
  await story(request(`https://${process.env.SECURE_PEER}/text`).end()),
  await (await fetch(`http://${process.env.PEER}/text?fetched`)).text(),
  required,
];
