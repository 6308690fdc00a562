# frozen_string_literal: true

# Which requests name their call's span as parent.

require_relative 'check'
AfterglowHook.part('clients/propagation')

TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0'

def span(domains, url, headers = {}, trace = TRACE) = AfterglowHook::Propagation.new(domains).span(url, headers, trace)

check 'by host, header and trace' do
  {
    ['a.test, pay.example.com', 'https://pay.example.com:8443/x'] => true,
    ['pay.example.com:8443', 'https://u:p@PAY.example.com:8443?x'] => true,
    ['pay.example.com:8443', 'https://pay.example.com/x'] => false,
    ['.example.com', 'https://a.pay.example.com/'] => true,
    ['.example.com', 'https://example.com/'] => false,
    ['example.com', 'https://evil.test/@example.com'] => false,
    ['pay.*.com', 'https://pay.example.com/'] => true,
    ['[::1]', 'http://[::1]:8080/'] => true,
    [' , ', 'https://pay.example.com/'] => false,
    ['*', 'https://a/', { 'traceparent' => ['x'] }] => false,
    ['*', 'https://a/', { 'authorization' => ['AWS4-HMAC-SHA256 Credential=x'] }] => false,
    ['*', 'https://a/', { 'authorization' => ['OAuth oauth_signature=x'] }] => false,
    ['*', 'https://a/', { 'authorization' => ['Bearer x'] }] => true,
    ['*', 'https://a/', { 'signature-input' => ['x'] }] => false,
    ['*', 'https://a/?X-Amz-Signature=x'] => false,
    ['*', 'https://a/', {}, nil] => false,
    ['*', 'https://a/', {}, 'Root=1-5759e988'] => false
  }.each do |given, meant|
      found = span(*given)
      equal(meant, !found.nil?, given.to_s)
      equal("00-5759e988bd862e3fe1be46a994272793-#{found[0]}-01", found[1], given.to_s) if found
  end
end
