# frozen_string_literal: true

# One call: what a story wants of it, and the libraries that come with Ruby.

require 'digest'
require 'net/http'
require 'open-uri'
require 'openssl'
require 'tempfile'

# This actor cannot tell the story.
class Unsupported < StandardError; end

# A body that is made while it is sent.
class Pieces
  def initialize(data, size)
    @pieces = data.scan(/.{1,#{size}}/mn)
  end

  def read(_length = nil, buffer = nil)
    piece = @pieces.shift
    return piece unless buffer

    buffer.replace(piece.to_s)
    piece && buffer
  end

  def each
    while (piece = @pieces.shift)
      yield piece
    end
  end
end

# The arguments of the verb call, complete.
class Call
  attr_reader :library, :method, :secure, :second, :url, :headers, :body, :read, :timeout, :expect, :times, :retries

  def initialize(args, event)
    @library = args['library'] || (event['library'] unless event['library'].to_s.empty?) || 'net/http'
    @method = args['method'] || 'GET'
    @second = args['second']
    @secure = args['secure'] || @second
    peer = event[{ true => 'second', nil => 'secure' }[@second]] if @secure
    @url = args['url'] || "#{@secure ? 'https' : 'http'}://#{peer || event['peer']}#{args['path'] || '/text'}"
    @headers = args['headers'] || []
    @body = args['body']
    @read = args['read'] || 'all'
    @timeout = args['timeoutMS'] ? args['timeoutMS'] / 1000.0 : 30
    @expect = args['expect']
    @times = args['times'] || 1
    @retries = args['retries'] || 0
  end

  def uri = URI(@url)

  def given?(name) = @headers.any? { |given, _| given.casecmp?(name) }

  # The body in one piece; whoever can take it in others asks for its kind.
  def data
    return if @body.nil?
    return @body['text'].b if @body['text']
    return ((0..255).to_a.pack('C*') * (@body['binary'] / 256 + 1)).byteslice(0, @body['binary']) if @body['binary']

    'x' * @body['size']
  end

  def kind = @body && @body.fetch('as', 'bytes')

  def file
    Tempfile.new.tap do |file|
      file.binmode
      file.write(data)
      file.rewind
    end
  end

  def pieces = Pieces.new(data, 1000)

  # Those that a library does not have.
  def lacks(*what)
    has = { 'to wait for 100 Continue' => @expect, 'HTTP/2' => @second, 'to try again by itself' => @retries.positive?,
            'to use a connection twice' => @times > 1, 'to read in pieces' => !%w[all none].include?(@read),
            'to leave an answer unread' => @read == 'none', 'a body as generator' => kind == 'generator', 'a body as file' => kind == 'file' }
    missing = what.select { |each| has.fetch(each) }
    raise Unsupported, missing.join(', ') unless missing.empty?
  end

  # What is left of a body that comes in pieces, the way that the story reads.
  def take(response_status, each_piece)
    data = +''.b
    case @read
    when 'all', 'pieces', 'lines' then each_piece.call { |piece| data << piece }
    when 'some'
      each_piece.call do |piece|
        data << piece.byteslice(0, 10)
        break
      end
    when 'none' then each_piece.call { break }
    end
    Call.told(response_status, data)
  end

  def self.told(status, data)
    { 'status' => status.to_i, 'length' => data.bytesize, 'md5' => Digest::MD5.hexdigest(data) }
  end
end

def net_http(call)
  uri = call.uri
  http = Net::HTTP.new(uri.hostname, uri.port, nil)
  http.open_timeout = http.read_timeout = call.timeout
  http.max_retries = call.retries
  http.continue_timeout = 2 if call.expect
  if call.secure
    http.use_ssl = true
    http.ca_file = ENV.fetch('PEER_CA')
  end
  http
end

def net_request(call)
  call.lacks('HTTP/2')
  raise Unsupported, 'to try again by itself after an answer' if call.retries.positive?

  type = Net::HTTPGenericRequest.new(call.method, !call.body.nil?, call.method != 'HEAD', call.uri.request_uri)
  call.headers.each { |name, _| type.delete(name) } # of the library's own
  call.headers.each { |name, value| type.add_field(name, value) }
  type['Expect'] = '100-continue' if call.expect
  net_body(call, type)
  type
end

def net_body(call, request)
  case call.kind
  when 'bytes' then request.body = call.data
  when 'file'
    request.body_stream = call.file
    request['Content-Length'] = request.body_stream.size.to_s
  when 'generator'
    request.body_stream = call.pieces
    request['Transfer-Encoding'] = 'chunked'
  end
  request['Content-Type'] = 'text/plain' if call.body && !call.given?('content-type')
end

def by_net_http(call)
  http = net_http(call)
  result = nil
  send = lambda do
    if call.read == 'all'
      response = http.request(net_request(call))
      result = Call.told(response.code, response.body.to_s)
    else
      http.request(net_request(call)) do |response|
        result = call.take(response.code, ->(&block) { response.read_body(&block) })
        return result unless %w[pieces lines].include?(call.read)
      end
    end
  end
  call.times > 1 ? http.start { call.times.times { send.call } } : send.call
  result
end

def by_open_uri(call)
  call.lacks('HTTP/2', 'to wait for 100 Continue', 'to try again by itself', 'to use a connection twice', 'to leave an answer unread')
  raise Unsupported, 'another method than GET' if call.method != 'GET' || call.body

  options = call.headers.to_h.merge(open_timeout: call.timeout, read_timeout: call.timeout)
  options[:ssl_ca_cert] = ENV.fetch('PEER_CA') if call.secure
  call.uri.open(options) { |io| Call.told(io.status.first, call.read == 'some' ? io.read(10) : io.read) }
rescue OpenURI::HTTPError => e
  raise unless e.io.respond_to?(:status) # a redirection that goes nowhere

  Call.told(e.io.status.first, e.io.read)
end

LIBRARIES = { 'net/http' => :by_net_http, 'open-uri' => :by_open_uri }
