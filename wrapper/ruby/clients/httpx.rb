# frozen_string_literal: true

module AfterglowHook
  part 'handler'
  part 'clients/call'

  # Requests sent with httpx, over HTTP/1.1 and HTTP/2.
  #
  # It sends many requests at once from one thread, so what is seen is kept by request. Looks at a request's way through its states,
  # the pieces of its body as they are drawn, and the pieces of the answer before they are decompressed.
  module HttpxClient
    # Requests that are never answered to the end, because nobody waits for them, must not pile up.
    MOST_OPEN = 1000

    # One request, and how often it was sent before.
    class Exchange
      attr_reader :request

      def initialize(request)
        @request = request
        @attempts = 0
        @call = nil
      end

      # It is about to be sent, or to wait for a connection.
      def start
        return if @call

        @call = Call.new('httpx', @attempts)
        span = propagate if INVOCATIONS.settings.propagation
        @call.start(@request.verb, url, HttpxClient.lines(@request.headers), nil, span)
      end

      # It is going to be sent once more.
      def again
        finish(true) if @call
        @attempts += 1
      end

      def sent(piece) = @call&.sent(piece)
      def received(piece) = @call&.received(piece)

      def answered(response)
        return if @call.nil? || @call.answered? || response.status < 200

        version = response.version.to_s.delete_suffix('.0').then { |number| number == '1' ? '1.0' : number }
        @call.answered(response.status, HttpxClient.lines(response.headers), proto: "HTTP/#{version}", peer: peer)
      end

      def finish(partial, error = nil)
        @call&.finish(partial: partial, error: error)
        @call = nil
      end

      def open? = !@call.nil?
      def answered? = !@call.nil? && @call.answered?

      private

      # Has the request name a span as its parent, which it gives, if it is one of those that are to. One that is sent again gets a new one.
      def propagate
        headers = @request.headers.instance_variable_get(:@headers)
        headers.delete(Propagation::HEADER) if @parent && headers[Propagation::HEADER] == [@parent]
        span, @parent = Propagation.span(url, headers)
        headers[Propagation::HEADER] = [@parent] if span
        span
      end

      def url = "#{@request.origin}#{@request.path}"

      def peer
        address = @request.peer_address.to_s
        return if address.empty?

        "#{address.include?(':') ? "[#{address}]" : address}:#{@request.uri.port}"
      end
    end

    METHODS = {
      'HTTPX::Connection' => { send: %i[request] },
      'HTTPX::Request' => { transition: %i[nextstate], drain_body: [], 'response=': %i[response] },
      'HTTPX::Response' => { :<< => %i[data], finish!: [] }
    }.freeze

    @exchanges = {}.compare_by_identity # by request

    class << self
      def install
        return unless Guard.knows?('httpx', METHODS)

        INVOCATIONS.open('none')
        watch_requests(::HTTPX::Request)
        watch(::HTTPX::Connection, :send, :call) { |at| exchange(at.binding.local_variable_get(:request)).start }
        watch(::HTTPX::Response, :<<, :call) { |at| of(at.self)&.received(at.binding.local_variable_get(:data)) }
        watch(::HTTPX::Response, :finish!, :return) { |at| finished(at.self) }
      end

      # Gives headers as lines. They are kept in lists by names in lower case, and sent over HTTP/1.1 with capitals.
      def lines(headers)
        headers.instance_variable_get(:@headers).flat_map do |name, values|
          name = name.split('-').map(&:capitalize).join('-')
          values.map { |value| "#{name}: #{value}\r\n" }
        end.join
      end

      private

      def watch_requests(request)
        watch(request, :transition, :call) { |at| moves(at.self, at.binding.local_variable_get(:nextstate)) }
        watch(request, :drain_body, :return) { |at| (piece = at.return_value) && @exchanges[at.self]&.sent(piece) }
        watch(request, :response=, :call) { |at| answered(at.self, at.binding.local_variable_get(:response)) }
      end

      def watch(owner, name, *events, &observer)
        Guard.watch("httpx #{name}", owner.instance_method(name), *events, &observer)
      end

      def exchange(request)
        @exchanges[request] ||= begin
          @exchanges.shift if @exchanges.size >= MOST_OPEN
          Exchange.new(request)
        end
      end

      def of(response) = @exchanges[response.instance_variable_get(:@request)]

      def moves(request, state)
        case state
        when :headers then exchange(request).start
        when :idle
          one = @exchanges[request]
          one.again if one && request.instance_variable_get(:@state) != :idle
        end
      end

      def answered(request, response)
        one = @exchanges[request]
        if response.is_a?(::HTTPX::ErrorResponse)
          error = response.error
          one&.finish(one.answered?, error.is_a?(Exception) ? error : nil)
        elsif response.is_a?(::HTTPX::Response)
          one&.answered(response)
        end
      end

      # An attempt is over. Whether it is the last one is known only when there is another.
      def finished(response)
        request = response.instance_variable_get(:@request)
        @exchanges.delete(request)&.finish(false)
      end
    end
  end
end
