'use strict';
// Requests that name their call's span as parent: spool/FORMAT.md, a traceparent of the hook's. Loaded where the setting asks for it.

const { randomBytes } = require('crypto');

const ROOT = /(?:^|;)\s*root=1-([0-9a-f]{8})-([0-9a-f]{24})\s*(?:;|$)/i;
const ORIGIN = /^[^:/?#]+:\/\/(?:[^/?#@]*@)?((\[[^\]]*\]|[^/?#:]*)[^/?#]*)/;
const TAKEN = /^(?:traceparent|signature|signature-input|x-amz-content-sha256):|^authorization:[ \t]*(?:aws|.*signature=)/im;
const SIGNS = /signature=/i;

// create gives what gives the value of a request's header, and notes its span on the call; '' if the request is to stay as it is. It is null if no host is named.
function create(domains, handler) {
  const hosts = domains.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
  if (hosts.length === 0) return null;
  const patterns = hosts.map((host) => (host.startsWith('.') ? '.+' : '') + host.split('*').map(plain).join('.*'));
  const meant = new RegExp(`^(?:${patterns.join('|')})$`, 'i');
  return (call) => {
    const root = ROOT.exec(handler.trace(handler.invocation()));
    const origin = root && ORIGIN.exec(call.url);
    if (!origin || !(meant.test(origin[2]) || meant.test(origin[1])) || TAKEN.test(call.headers) || SIGNS.test(call.url)) return '';
    const span = randomBytes(8).toString('hex');
    if (/^0+$/.test(span)) return '';
    call.span = span;
    return `00-${(root[1] + root[2]).toLowerCase()}-${span}-01`;
  };
}

function plain(text) {
  return text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&');
}

module.exports = { create };
