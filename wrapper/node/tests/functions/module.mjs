import { request } from 'node:http';
const ready = await new Promise((resolve) => setTimeout(resolve, 2, 'awaited at the top'));
export const handler = async (event) => {
  if (event.story === 'throws') throw new TypeError('from an ES module');
  return [ready, typeof request, import.meta.url.endsWith('/module.mjs')];
};
export default { inner: { handler: async () => 'default' } };
