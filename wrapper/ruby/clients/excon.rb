# frozen_string_literal: true

module AfterglowHook
  part 'handler'
  part 'clients/call'
  part 'clients/wire'

  # Requests sent with excon.
  #
  # Looks at what its sockets are given to write and what they give to read: bytes of HTTP, below TLS and above all decoding.
  module ExconClient
    # One attempt of a request.
    class Exchange
      # What the library fails with. Whatever else ends a request was raised by the function.
      FAILURES = %w[Excon::Error SystemCallError IOError SocketError Resolv::ResolvError OpenSSL::SSL::SSLError].freeze
      NAME = Module.instance_method(:name)

      attr_reader :connection, :outer, :resend

      # pending is an exception that the function is handling while it makes the request.
      def initialize(connection, outer, pending)
        @connection = connection
        @outer = outer
        @pending = pending
        @call = Call.new('excon', resent(outer))
        @wire = Wire.new(@call)
        @socket = nil
        @error = nil
        @unwanted = false
        @over = false
      end

      # A connection is about to be made: what the request is, is known.
      def connects(datum)
        return if @call.started?

        headers = datum[:headers].map { |name, value| "#{name}: #{Array(value).join(', ')}\r\n" }.join
        body = datum[:body] if datum[:body].instance_of?(String) && !datum.key?(:request_block)
        @call.start(datum[:method].to_s.upcase, "#{origin(datum)}#{datum[:path]}#{query(datum)}", headers, body)
      end

      def writes(socket, bytes)
        datum = socket.data
        @socket = socket
        @wire.sends(bytes) do |method, target, headers|
          @call.start(method, target.start_with?('/', '*') ? "#{origin(datum)}#{target}" : target, headers) unless @call.started?
        end
      end

      def reads(socket, bytes)
        return if bytes.nil? || !@socket.equal?(socket) || !@wire.sent_head? # before, it is a proxy's

        @wire.comes(bytes) do |status, headers, version|
          @call.answered(status, headers, proto: version, peer: Call.peer(socket.instance_variable_get(:@socket)))
        end
      end

      # The library handles an exception.
      def failed(error)
        return if error.nil? || error.equal?(@pending)

        kinds = error.class.ancestors.map { |kind| NAME.bind_call(kind) }
        return @unwanted = true if kinds.include?('Excon::Error::HTTPStatus') # the answer is there, and not what was expected

        @error = error if kinds.any? { |kind| FAILURES.include?(kind) }
      end

      # Nothing more will come. given says that the library gives an answer to the function.
      def finish(given)
        return if @over || !@call.started?

        @over = true
        given ||= @unwanted
        whole = given ? @wire.whole? : !@call.answered? && !@error.nil?
        @call.finish(partial: !whole, error: (@error unless given))
      end

      # One that follows from this one begins: a repetition, or what an answer leads to.
      def followed(error)
        failed(error)
        finish(@call.answered? && @wire.whole? && !failed?)
      end

      def failed? = !@error.nil? || @unwanted

      private

      # A request within one that failed is its repetition.
      def resent(outer)
        @resend = outer && outer.failed? ? outer.resend + 1 : 0
      end

      def origin(datum)
        port = datum[:port]
        port = nil if port.to_i == { 'http' => 80, 'https' => 443 }[datum[:scheme]]
        "#{datum[:scheme]}://#{datum[:host]}#{":#{port}" if port}"
      end

      # A query of the function's own making is not asked how it looks.
      def query(datum)
        case datum[:query]
        when String then "?#{datum[:query]}"
        when Hash
          plain = datum[:query].all? { |pair| pair.all? { |value| [String, Symbol, Integer, NilClass].include?(value.class) } }
          ::Excon::Utils.query_string(datum) if plain
        end
      end

    end

    METHODS = {
      'Excon::Connection' => { request: %i[params], reset: [] },
      'Excon::Socket' => { connect: [], write: %i[data], read: [], readline: [] }
    }.freeze

    CURRENT = :afterglow_excon # holds a fiber's innermost exchange, as a variable of the fiber: one that is left in the middle of a request goes with it

    class << self
      def install
        return unless Guard.knows?('excon', METHODS)

        INVOCATIONS.open('none')
        watch(::Excon::Connection, :request, :call, :return) { |at| at.event == :call ? requested(at.self) : returned(at) }
        watch(::Excon::Connection, :reset, :call) { |at| of(at.self)&.failed($!) } # what was raised is told to nobody else
        watch(::Excon::Socket, :connect, :call) { |at| exchange&.connects(at.self.data) }
        watch(::Excon::Socket, :write, :call) { |at| exchange&.writes(at.self, at.binding.local_variable_get(:data)) }
        watch(::Excon::Socket, :read, :return) { |at| exchange&.reads(at.self, at.return_value) }
        watch(::Excon::Socket, :readline, :return) { |at| exchange&.reads(at.self, at.return_value) }
      end

      private

      def watch(owner, name, *events, &observer)
        Guard.watch("excon #{name}", owner.instance_method(name), *events, &observer)
      end

      def exchange = Thread.current[CURRENT]

      def of(connection)
        current = exchange
        current if current&.connection.equal?(connection)
      end

      def requested(connection)
        outer = exchange
        outer&.followed($!)
        Thread.current[CURRENT] = Exchange.new(connection, outer, $!)
      end

      def returned(at)
        current = exchange
        return if current.nil?

        Thread.current[CURRENT] = current.outer
        current.finish(!at.return_value.nil?)
      end
    end
  end
end
