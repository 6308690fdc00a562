'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { create } = require('../../clients/propagation.cjs');

const ROOT = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0';

for (const [domains, url, headers, trace, meant] of [
  ['a.test, pay.example.com', 'https://pay.example.com:8443/x', '', ROOT, true],
  ['pay.example.com:8443', 'https://u:p@PAY.example.com:8443?x', '', ROOT, true],
  ['pay.example.com:8443', 'https://pay.example.com/x', '', ROOT, false],
  ['.example.com', 'https://a.pay.example.com/', '', ROOT, true],
  ['.example.com', 'https://example.com/', '', ROOT, false],
  ['example.com', 'https://evil.test/@example.com', '', ROOT, false],
  ['pay.*.com', 'https://pay.example.com/', '', ROOT, true],
  ['[::1]', 'http://[::1]:8080/', '', ROOT, true],
  ['*', 'https://a/', 'Host: a\r\nTraceparent: x\r\n', ROOT, false],
  ['*', 'https://a/', 'Authorization: AWS4-HMAC-SHA256 Credential=x\r\n', ROOT, false],
  ['*', 'https://a/', 'Authorization: OAuth oauth_signature=x\r\n', ROOT, false],
  ['*', 'https://a/', 'Authorization: Bearer x\r\n', ROOT, true],
  ['*', 'https://a/', 'Signature-Input: x\r\n', ROOT, false],
  ['*', 'https://a/', 'X-Traceparent: x\r\n', ROOT, true],
  ['*', 'https://a/?X-Amz-Signature=x', '', ROOT, false],
  ['*', 'https://a/', '', '', false],
  ['*', 'https://a/', '', 'Root=1-5759e988', false],
]) {
  test(`a traceparent for ${JSON.stringify([domains, url, headers, trace])}: ${meant}`, () => {
    const call = { url, headers, span: '' };
    const parent = create(domains, { trace: (id) => (id === 'A' ? trace : ''), invocation: () => 'A' })(call);
    assert.strictEqual(parent !== '', meant);
    if (meant) assert.strictEqual(parent, `00-5759e988bd862e3fe1be46a994272793-${call.span}-01`);
    assert.match(call.span, meant ? /^[0-9a-f]{16}$/ : /^$/);
  });
}

test('no host is named', () => assert.strictEqual(create(' , ', {}), null));
