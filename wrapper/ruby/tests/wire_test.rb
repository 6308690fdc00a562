# frozen_string_literal: true

# Heads and framing, wherever bytes are cut into pieces.

require_relative 'check'
AfterglowHook.part('guard')
AfterglowHook.part('clients/wire')

# Stands for a call: keeps what it is given.
class Kept
  attr_reader :sent, :received

  def initialize
    @sent = ''.b
    @received = ''.b
  end

  def sent(piece = nil) = piece ? @sent << piece : @sent
  def received(piece = nil) = piece ? @received << piece : @received
  def received_bytes = @received.bytesize
end

REQUEST = "POST /a?b=c HTTP/1.1\r\nHost: x\r\n"
OK = "HTTP/1.1 200 OK\r\n"

# Gives what was made of a request and its answer.
def wire(request, answer, size)
  kept = Kept.new
  wire = AfterglowHook::Wire.new(kept)
  told = []
  request.b.scan(/.{1,#{size}}/mn) { |piece| wire.sends(piece) { |*head| told << head } }
  answer.b.scan(/.{1,#{size}}/mn) { |piece| wire.comes(piece) { |*head| told << head } }
  [*told, kept.sent, kept.received, wire.whole?]
end

SENT = ['POST', '/a?b=c', "Host: x\r\n"].freeze
{
  'with a length' => ["#{REQUEST}\r\nbody", "#{OK}Content-Length: 6\r\n\r\nanswer", [SENT, [200, "Content-Length: 6\r\n", 'HTTP/1.1'], 'body', 'answer', true]],
  'cut short' => ["#{REQUEST}\r\n", "#{OK}content-length:6\r\n\r\nansw", [SENT, [200, "content-length:6\r\n", 'HTTP/1.1'], '', 'answ', false]],
  'until the end of the connection' => ["#{REQUEST}\r\n", "HTTP/1.0 500 No\r\nA: b\r\n\r\nx", [SENT, [500, "A: b\r\n", 'HTTP/1.0'], '', 'x', true]],
  'in chunks' => ["#{REQUEST}Transfer-Encoding: chunked\r\n\r\n4\r\nbo\r\n\r\n0\r\n\r\n", "#{OK}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nans\r\n003\r\nwer\r\n0\r\nTrailer: z\r\n\r\n",
                  [['POST', '/a?b=c', "Host: x\r\nTransfer-Encoding: chunked\r\n"], [200, "Transfer-Encoding: chunked\r\n", 'HTTP/1.1'], "bo\r\n", 'answer', true]],
  'in chunks, cut short' => ["#{REQUEST}\r\n", "#{OK}Transfer-Encoding: Chunked\r\n\r\n6\r\nans", [SENT, [200, "Transfer-Encoding: Chunked\r\n", 'HTTP/1.1'], '', 'ans', false]],
  'after 100 and 103' => ["#{REQUEST}\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n#{OK}Content-Length: 1\r\n\r\na",
                          [SENT, [200, "Content-Length: 1\r\n", 'HTTP/1.1'], '', 'a', true]],
  'without a body' => ["#{REQUEST}\r\n", "HTTP/1.1 204 No Content\r\n\r\n", [SENT, [204, '', 'HTTP/1.1'], '', '', true]],
  'lines without a carriage return' => ["#{REQUEST}\r\n", "HTTP/1.1 200 OK\nA: b\n\nx", [SENT, [200, "A: b\n", 'HTTP/1.1'], '', 'x', true]],
  'no head at all' => ["#{REQUEST}\r\n", "SSH-2.0-x\r\n\r\nmore", [SENT, '', '', true]]
}.each do |name, (request, answer, want)|
  [1, 2, 3, 7, 100_000].each do |size|
    check("#{name}, #{size} bytes at a time") { equal(want, wire(request, answer, size)) }
  end
end

check 'the answer to HEAD has no body, whatever it says' do
  equal(true, wire("HEAD / HTTP/1.1\r\n\r\n", "#{OK}Content-Length: 99\r\n\r\n", 100).last)
end

check 'what never ends as a head is given up' do
  equal([SENT, '', '', true], wire("#{REQUEST}\r\n", 'x' * 600_000, 100_000).tap { |told| told[-2] = '' })
end

check 'a head that is not ASCII, in UTF-8, with a body behind it' do
  kept = Kept.new
  told = []
  AfterglowHook::Wire.new(kept).sends("PUT /ü HTTP/1.1\r\nX-Name: é\r\n\r\nbödy") { |*head| told << head }
  equal([['PUT', '/ü'.b, "X-Name: é\r\n".b], 'bödy'.b], [told.first, kept.sent])
end
