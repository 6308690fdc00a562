# frozen_string_literal: true

# A call's two records where something is in their way.

require_relative 'check'
require 'json'
require 'net/http'
AfterglowHook.part('guard')
AfterglowHook.part('clients/net_http')

INVOCATIONS = AfterglowHook::INVOCATIONS

# Gives what the spool holds when the block has ended.
def recorded
  Dir.mktmpdir do |directory|
    ENV['AFTERGLOW_SPOOL_DIR'] = directory
    yield INVOCATIONS.open('A')
    INVOCATIONS.spool.end
    Dir.children(directory).map { |name| File.binread("#{directory}/#{name}") }.join
  end
end

check 'a call whose start was not written has no end, and both are counted' do
  bytes = recorded do |spool|
    call = AfterglowHook::Call.new('net/http')
    AfterglowHook::Guard.define_singleton_method(:time) { raise SystemStackError } # asked while a record is put together
    AfterglowHook::Guard.run('test') { call.start('GET', 'http://a/', '') }
    AfterglowHook::Guard.define_singleton_method(:time) { 1 }
    call.finish
  end
  equal(['2', false], [bytes[/"reason":"write-failed","records":(\d)/, 1], bytes.include?('call.end')])
end

check 'headers of a request in several encodings' do
  request = Net::HTTP::Get.new('/', 'X-Latin' => "\xe9".b, 'X-Unicode' => 'é')
  bytes = nil
  lines = said do
    bytes = recorded do
      AfterglowHook::NetHTTP.install
      raises(SystemCallError) { Net::HTTP.new('127.0.0.1', 1, nil).request(request) }
    end
  end
  equal(['', true], [lines, bytes.include?("X-Latin: \xe9\r\nX-Unicode: \xc3\xa9\r\n".b)])
end

# Gives an address at which each request gets the beginning of an answer, and no more.
def beginnings
  server = TCPServer.new('127.0.0.1', 0)
  Thread.new do
    kept = []
    while (socket = server.accept)
      kept << socket
      socket.readpartial(4096)
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome")
    end
  end
  server.local_address.ip_port
end

check 'a stream that is left in the middle goes, with its fiber and its connection' do
  recorded do
    AfterglowHook::NetHTTP.install
    port = beginnings
    stream = -> { Enumerator.new { |out| Net::HTTP.start('127.0.0.1', port, nil) { |http| http.request_get('/') { |answer| answer.read_body { |piece| out << piece } } } } }
    deep(100) { 30.times { equal('some', stream.call.next) } }
    deep(500) { nil } # over what lies on the stack
    3.times { GC.start }
    holds(ObjectSpace.each_object(Fiber).count < 15, "#{ObjectSpace.each_object(Fiber).count} fibers are left")
  end
end
