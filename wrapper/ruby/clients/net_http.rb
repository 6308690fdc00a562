# frozen_string_literal: true

module AfterglowHook
  part 'handler'
  part 'clients/call'
  part 'clients/wire'

  # Requests sent with Net::HTTP, and with all that rides on it: open-uri, Faraday, HTTParty, the AWS SDK.
  #
  # Looks at the methods through which a request and its answer pass as bytes, below all decoding, and copies what passes, up to
  # the budget. It reads no stream of the user's, holds none back, and asks no object of the user's anything.
  module NetHTTP
    # A call of Net::HTTP#request, with all that comes of it: connections, attempts, an answer.
    class Exchange
      # What the library fails with. Whatever else ends a request was raised by the function.
      FAILURES = %w[SystemCallError IOError SocketError Timeout::Error Net::ProtocolError Net::HTTPBadResponse
                    Net::HTTPHeaderSyntaxError OpenSSL::SSL::SSLError Zlib::Error].freeze
      NAME = Module.instance_method(:name)

      attr_reader :http, :request, :outer
      attr_accessor :nested

      # origin is where it goes; pending is an exception that the function is handling while it makes the request.
      def initialize(http, origin, request, body, outer, pending)
        @http = http
        @origin = origin
        @request = request
        body ||= request.instance_variable_get(:@body)
        # What waits for the peer's consent may never be sent.
        @body = body if body && body.instance_of?(String) && !ivar(:@header)&.key?('expect')
        @outer = outer
        @nested = 0
        @pending = pending
        @attempts = 0
        attempt
      end

      # A connection is about to be made: what the request is, is known but for some headers.
      def connects
        again if @socket
        start(ivar(:@method).to_s, ivar(:@path).to_s, given_headers) unless @call.started?
      end

      # at is asked for what is written only where that is looked at: a binding is two objects, and the frame of the method moves to the heap.
      def writes(socket, at)
        return if @body && @wire.sent_head? # it was at hand

        strings = at.binding.local_variable_get(:strs)
        if @socket.nil?
          first = strings.first
          method = ivar(:@method).to_s
          return unless first.start_with?(method) && first.getbyte(method.bytesize) == 32 # else it is to a proxy

          @socket = socket
        end
        return unless @socket.equal?(socket)

        strings.each do |bytes|
          @wire.sends(bytes) { |method, target, headers| start(method, target, headers) unless @call.started? }
        end
      end

      # The buffer of a connection is about to get more, or has got it.
      def fills(socket, event)
        return unless @socket.equal?(socket)

        buffer = socket.instance_variable_get(:@rbuf)
        return @buffered = socket.instance_variable_get(:@rbuf_empty) ? 0 : buffer.bytesize if event == :call

        bytes = @buffered.zero? ? buffer : buffer.byteslice(@buffered, buffer.bytesize)
        @wire.comes(bytes) { |status, headers, version| @call.answered(status, headers, proto: version, peer: peer) }
      end

      # The library handles an exception.
      def failed(error, socket = @socket)
        return if error.nil? || error.equal?(@pending) || !@socket.equal?(socket)

        @error = error if error.class.ancestors.any? { |kind| FAILURES.include?(NAME.bind_call(kind)) }
      end

      # Nothing more will come. response is what the library gives to the function; nil if something was raised.
      def finish(response)
        keep_to_itself if @parent
        if response && !@call.answered? # sent past the methods that are looked at
          connects
          @call.answered(response.code.to_i, response.each_header.map { |name, value| "#{name}: #{value}\r\n" }.join)
        end
        return unless @call.started?

        error = @error if response.nil?
        # A function that leaves the request has not read to the end, whatever has come by then.
        whole = response ? @wire.whole? : !@call.answered? && !error.nil?
        @call.finish(partial: !whole, error: error)
      end

      private

      def attempt
        @call = Call.new('net/http', @attempts)
        @wire = Wire.new(@call)
        @socket = nil # what it was sent on
        @error = nil
        propagate if INVOCATIONS.settings.propagation
      end

      # Has the request name a span as its parent, if it is one of those that are to. One that is sent again gets a new one.
      def propagate
        headers = ivar(:@header)
        keep_to_itself
        @span, @parent = Propagation.span(url(ivar(:@path).to_s), headers)
        headers[Propagation::HEADER] = [@parent] if @span
      end

      # The request is the function's.
      def keep_to_itself
        headers = ivar(:@header)
        headers.delete(Propagation::HEADER) if @parent && headers[Propagation::HEADER] == [@parent]
      end

      # The request was sent, and is going to be sent once more.
      def again
        finish(nil)
        @attempts += 1
        attempt
      end

      def start(method, target, headers)
        @call.start(method, url(target), headers, @body, @span)
      end

      def url(target)
        return target unless target.start_with?('/', '*') # to a proxy

        "#{@origin}#{target}"
      end

      # The headers that the request has before the library adds its own.
      def given_headers
        ivar(:@header).each_with_object(''.b) do |(name, values), lines|
          lines << name.split('-').map(&:capitalize).join('-').b << ': ' << values.map { |value| value.to_s.b }.join(', ') << "\r\n" # each in an encoding of its own
        end
      end

      def ivar(name) = @request.instance_variable_get(name)

      def peer = Call.peer(@socket.io)
    end

    # A connection that is made before there is a request, as Net::HTTP#start does. Many a function waits in just this moment for
    # what does not answer.
    class Connection
      def initialize(origin)
        @call = Call.new('net/http')
        @error = nil
        # For this thread and this moment alone: what is raised here is told to nobody else.
        @raised = TracePoint.new(:raise) { |at| @error = at.raised_exception }
        @call.connecting(origin)
        @raised.enable(target_thread: Thread.current)
      end

      def finish(made)
        @raised.disable
        @call.finish(partial: !made && @error.nil?, error: (@error unless made))
      end
    end

    METHODS = {
      'Net::HTTP' => { request: %i[req body], connect: [], do_finish: [] },
      'Net::BufferedIO' => { write: %i[strs], rbuf_fill: [], close: [] }
    }.freeze

    # Holds a fiber's innermost exchange, as a variable of the fiber: one that is left in the middle of a request, as a stream is whose reader has enough, goes with
    # all that it holds.
    CURRENT = :afterglow_net_http
    @connections = {}.compare_by_identity # that are being made, of each Net::HTTP

    class << self
      # Looks at Net::HTTP from now on, if it is the one that this file knows.
      def install
        return unless Guard.knows?('Net::HTTP', METHODS)

        INVOCATIONS.open('none')
        @runtime_api = "http://#{ENV.fetch('AWS_LAMBDA_RUNTIME_API', nil)}"
        watch_requests(::Net::HTTP)
        watch_bytes(::Net::BufferedIO)
      end

      private

      def watch_requests(http)
        watch(http, :request, :call, :return) { |at| at.event == :call ? requested(at) : returned(at) }
        watch(http, :connect, :call, :return) { |at| at.event == :call ? connects(at.self) : connected(at.self) }
        # What is raised within is not told to a TracePoint; but this, and the close of a buffer, are called while it is handled.
        watch(http, :do_finish, :call) { |at| of(at.self)&.failed($!) }
      end

      def watch_bytes(buffered)
        watch(buffered, :write, :call) { |at| Thread.current[CURRENT]&.writes(at.self, at) }
        watch(buffered, :rbuf_fill, :call, :return) { |at| Thread.current[CURRENT]&.fills(at.self, at.event) }
        watch(buffered, :close, :call) { |at| Thread.current[CURRENT]&.failed($!, at.self) }
      end

      def watch(owner, name, *events, &observer)
        Guard.watch("Net::HTTP #{name}", owner.instance_method(name), *events, &observer)
      end

      def of(http)
        exchange = Thread.current[CURRENT]
        exchange if exchange&.http.equal?(http)
      end

      # A request on a connection that is not open opens it and calls itself.
      def requested(at)
        http = at.self
        arguments = at.binding
        request = arguments.local_variable_get(:req)
        exchange = Thread.current[CURRENT]
        return exchange.nested += 1 if exchange&.request.equal?(request)

        origin = origin(http)
        return if origin == @runtime_api

        Thread.current[CURRENT] = Exchange.new(http, origin, request, arguments.local_variable_get(:body), exchange, $!)
      end

      def connects(http)
        exchange = of(http)
        return exchange.connects if exchange

        origin = origin(http)
        @connections[http] = Connection.new(origin) if origin != @runtime_api
      end

      def connected(http)
        socket = http.instance_variable_get(:@socket)
        @connections.delete(http)&.finish(!socket.nil? && !socket.closed?)
      end

      # Gives scheme, host and port. A function nearly always asks the same host again.
      def origin(http)
        known = @known
        host = http.address
        port = http.port
        secure = http.use_ssl?
        return known[3] if known && known[0] == host && known[1] == port && known[2] == secure

        brackets = host.include?(':') && !host.start_with?('[')
        usual = port == (secure ? 443 : 80)
        origin = "#{secure ? 'https' : 'http'}://#{brackets ? "[#{host}]" : host}#{":#{port}" unless usual}".freeze
        @known = [host.dup, port, secure, origin] # what another thread has put together is never half of this
        origin
      end

      def returned(at)
        exchange = of(at.self)
        return if exchange.nil?
        return exchange.nested -= 1 if exchange.nested.positive?

        Thread.current[CURRENT] = exchange.outer
        exchange.finish(at.return_value)
      end
    end
  end
end
