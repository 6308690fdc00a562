# frozen_string_literal: true

# The libraries that do not come with Ruby, one function each: from a Call to what came back. They are loaded when they are
# asked for: what a function does not use, it does not wait for.

def by_excon(call)
  require 'excon'
  call.lacks('HTTP/2', 'to wait for 100 Continue')
  connection = Excon.new(call.url, persistent: call.times > 1, connect_timeout: call.timeout, read_timeout: call.timeout, ssl_ca_file: ENV.fetch('PEER_CA'),
                                   idempotent: call.retries.positive?, retry_limit: call.retries + 1)
  result = nil
  call.times.times { result = excon_once(connection, call) }
  result
ensure
  connection&.reset
end

def excon_once(connection, call)
  options = { method: call.method, headers: call.headers.group_by(&:first).transform_values { |pairs| pairs.map(&:last).join(', ') } }
  case call.kind
  when 'bytes' then options[:body] = call.data
  when 'file' then options[:body] = call.file
  when 'generator'
    pieces = call.pieces
    options[:request_block] = -> { pieces.read.to_s }
  end
  options[:headers]['Content-Type'] = 'text/plain' if call.body && !call.given?('content-type')
  options[:expects] = [200] if call.retries.positive?
  return Call.told(*excon_whole(connection, options)) if call.read == 'all'

  call.lacks('to leave an answer unread')
  excon_pieces(connection, options, call)
end

def excon_whole(connection, options)
  response = connection.request(options)
  [response.status, response.body]
end

# The status is not known while pieces come.
def excon_pieces(connection, options, call)
  data = +''.b
  taken = catch(:enough) do
    options[:response_block] = lambda do |piece, _left, _whole|
      data << (call.read == 'some' ? piece.byteslice(0, 10) : piece)
      throw(:enough) if call.read == 'some'
    end
    connection.request(options)
  end
  Call.told(taken ? taken.status : 0, data)
end

def by_httpx(call)
  require 'httpx'
  call.lacks('to wait for 100 Continue', 'to try again by itself', 'to leave an answer unread', 'to read in pieces')
  call.lacks('a body as generator') unless call.second
  options = { timeout: { connect_timeout: call.timeout, read_timeout: call.timeout, request_timeout: call.timeout }, ssl: { ca_file: ENV.fetch('PEER_CA') } }
  options[:ssl][:alpn_protocols] = %w[http/1.1] unless call.second
  HTTPX.with(**options).wrap do |session|
    response = nil
    call.times.times { response = session.request(call.method, call.url, **httpx_options(call)) }
    raise response.error if response.is_a?(HTTPX::ErrorResponse)

    Call.told(response.status, response.body.to_s)
  end
end

def httpx_options(call)
  options = { headers: call.headers.group_by(&:first).transform_values { |pairs| pairs.map(&:last) } }
  options[:headers]['content-type'] = ['text/plain'] if call.body && !call.given?('content-type')
  case call.kind
  when 'bytes' then options[:body] = call.data
  when 'file' then options[:body] = call.file
  when 'generator' then options[:body] = call.pieces.enum_for(:each)
  end
  options
end

def by_typhoeus(call)
  require 'typhoeus'
  call.lacks('HTTP/2', 'to wait for 100 Continue', 'to try again by itself', 'to leave an answer unread', 'a body as generator', 'a body as file', 'to use a connection twice')
  raise Unsupported, 'headers of a name twice' if call.headers.map { |name, _| name.downcase }.uniq.size < call.headers.size
  raise Unsupported, 'headers without a value' if call.headers.any? { |_, value| value.empty? }

  headers = call.headers.to_h
  headers['Content-Type'] = 'text/plain' if call.body && !call.given?('content-type')
  request = Typhoeus::Request.new(call.url, method: call.method.downcase.to_sym, headers: headers, body: call.data, timeout_ms: (call.timeout * 1000).to_i, cainfo: ENV.fetch('PEER_CA'))
  data = +''.b
  if call.read != 'all'
    request.on_body do |piece|
      data << (call.read == 'some' ? piece.byteslice(0, 10) : piece)
      call.read == 'some' ? :abort : nil
    end
  end
  response = request.run
  raise IOError, response.return_code.to_s unless response.return_code == :ok || call.read == 'some'

  Call.told(response.code, call.read == 'all' ? response.body : data)
end

LIBRARIES.merge!('excon' => :by_excon, 'httpx' => :by_httpx, 'typhoeus' => :by_typhoeus)
