# frozen_string_literal: true

module AfterglowHook
  # What is kept of a body while it passes by: its beginning, and how much it was.
  class Copy
    # Pieces from this size on are kept as they are: strings share what they have in common until one of them is changed.
    # Smaller ones are put together.
    OWN = 4096

    attr_reader :size, :pieces

    def initialize(budget)
      @budget = budget
      @pieces = [] # of the beginning, in binary
      @small = nil # the last of them, if it takes more
      @size = 0
    end

    # Takes the beginning of a piece, if there is room.
    def add(piece)
      room = @budget - @size
      @size += length = piece.bytesize
      return unless room.positive?

      piece = piece.byteslice(0, room) if length > room
      return @small << piece.b if @small && length < OWN

      piece = piece.b
      @small = length < OWN ? piece : nil
      @pieces << piece
    end

    # Gives how much of the beginning is kept.
    def kept_bytes = @size < @budget ? @size : @budget

    # Describes the beginning as a part, in JSON. measured is false if more may have passed than was seen. Where there is no room,
    # nothing of it is written.
    def part(of, measured = true, room = true)
      length = room ? kept_bytes : 0
      return "{\"of\":\"#{of}\",\"len\":#{length},\"truncated\":true}" unless measured

      "{\"of\":\"#{of}\",\"len\":#{length},\"size\":#{@size}#{',"truncated":true' if @size > length}}"
    end
  end

  # One request and its response: what is kept of them, and the two records.
  class Call
    # It calls no method that a class of the function's may have made its own.
    MESSAGE = Exception.instance_method(:to_s)
    PEER = BasicSocket.instance_method(:getpeername)

    # How methods are told that nearly all requests have.
    METHODS = %w[GET POST PUT DELETE HEAD PATCH].to_h { |method| [method, "\"#{method}\""] }.freeze

    # Peers whose addresses are remembered: nearly all requests of a function go to a few.
    MOST_PEERS = 100

    @peers = {}

    class << self
      # Gives who is at the other end of a socket.
      def peer(socket)
        socket = socket.to_io unless socket.is_a?(BasicSocket)
        address = PEER.bind_call(socket)
        known = @peers[address]
        return known if known

        @peers.clear if @peers.size >= MOST_PEERS
        @peers[address] = in_words(address)
      rescue Guard::Refused, ArgumentError
        nil # gone already, and the library will say so; or no address of the Internet
      end

      private

      def in_words(address)
        family, port, *bytes = address.unpack('SnC4') # struct sockaddr_in, ip(7): to have it unpacked takes ten times as long
        return "#{bytes.join('.')}:#{port}" if family == Socket::AF_INET

        port, host = Socket.unpack_sockaddr_in(address)
        "[#{host}]:#{port}"
      end
    end

    def initialize(library, resend = 0)
      @library = library
      @resend = resend
      @settings = INVOCATIONS.settings
      @id = INVOCATIONS.spool.next_call
      @invocation = INVOCATIONS.belongs_to
      @began = Guard.now
      @lost = 'write-failed' # why nobody knows of it; nil once its start is written
      @request = nil # a copy of its body, where that comes after the start
      @response = nil # once there is one
    end

    def started? = @started
    def answered? = !@response.nil?

    # A connection is about to be made, for whatever comes.
    def connecting(origin)
      @started = true
      @lost = record('call.start', ",\"call\":\"#{@id}\",\"lib\":\"#{@library}\",\"url\":#{Json.quote(origin)}", [])
    end

    # The request is about to be sent, with a body that is at hand (or a copy of it), or with one that may come by piece by piece. headers are the
    # lines of its head, span the one that it names as its parent because the hook had it do so.
    def start(method, url, headers, body = nil, span = nil)
      @started = true
      headers = within_budget(headers)
      url = url.byteslice(0, Spool::URL_BYTES) if url.bytesize > Spool::URL_BYTES
      bodies = [headers]
      part = body ? at_hand(body, bodies) : nil
      @request = Copy.new(@settings.body_bytes) unless body
      @lost = record('call.start', ",\"call\":\"#{@id}\",\"lib\":\"#{@library}\",\"method\":#{METHODS[method] || Json.quote(method)}," \
                                   "\"url\":#{Json.quote(url)}#{",\"span\":\"#{span}\"" if span}#{",\"resend\":#{@resend}" unless @resend.zero?}," \
                                   "\"parts\":[{\"of\":\"headers\",\"len\":#{headers.bytesize}}#{part}]", bodies)
    end

    def sent(piece)
      @request&.add(piece)
    end

    # The head of the answer has come.
    def answered(status, headers, proto: nil, peer: nil)
      @headers = within_budget(headers)
      @status = status
      @proto = proto
      @peer = peer
      @first = Guard.now - @began
      @response = Copy.new(@settings.body_bytes)
    end

    def received(piece)
      @response&.add(piece)
    end

    # Gives how much of the response's body has passed.
    def received_bytes = @response ? @response.size : 0

    # Nothing more will come, and if it is partial, there was more. error is an exception, or the name of a failure. What began is
    # told to have ended, whatever it costs; what nobody was told of is not.
    def finish(partial: false, error: nil)
      return INVOCATIONS.spool.lost(@lost, 1, received_bytes) if @lost

      told = ",\"dur\":#{Guard.now - @began}#{',"partial":true' if partial}#{told(error) if error}"
      record('call.end', ending(told, partial), pieces) do
        INVOCATIONS.spool.lost('headers', @headers.count("\n"), @headers.bytesize) if @headers
        ending(told, partial, false)
      end
    end

    private

    # Gives the reason if nothing could be written.
    def record(kind, fields, bodies, &shorter)
      INVOCATIONS.record(kind, fields, bodies, @invocation, &shorter)
    end

    # Adds a body that is there, as it is written before anybody can change it, and gives the part behind another one.
    def at_hand(body, bodies)
      if body.is_a?(Copy)
        bodies.concat(body.pieces)
        return ",#{body.part('request')}"
      end
      size = body.bytesize
      kept = size > @settings.body_bytes ? body.byteslice(0, @settings.body_bytes) : body
      bodies << binary(kept)
      ",{\"of\":\"request\",\"len\":#{kept.bytesize},\"size\":#{size}#{',"truncated":true' if kept.bytesize < size}}"
    end

    # Describes what has come since the start, with as much of it as there is room for.
    def ending(told, partial, room = true)
      request = @request.part('request', true, room) if @request&.size&.positive?
      return ",\"call\":\"#{@id}\"#{told}#{",\"parts\":[#{request}]" if request}" if @response.nil?

      ",\"call\":\"#{@id}\",\"status\":#{@status},\"ttfb\":#{@first}#{",\"proto\":\"#{@proto}\"" if @proto}#{",\"peer\":\"#{@peer}\"" if @peer}#{told}," \
        "\"parts\":[#{"#{request}," if request}#{"{\"of\":\"headers\",\"len\":#{@headers.bytesize}}," if room}#{@response.part('response', !partial, room)}]"
    end

    # Gives its pieces.
    def pieces
      bodies = @response ? [@headers, *@response.pieces] : []
      @request ? @request.pieces + bodies : bodies
    end

    # Gives a text that can be put together with all that is in binary.
    def binary(text) = text.ascii_only? ? text : text.b

    def told(error)
      return Json.members('error' => { 'type' => error.to_s, 'message' => '' }) unless error.is_a?(Exception)

      message = Json.cut(MESSAGE.bind_call(error), Spool::ERROR_BYTES)
      Json.members('error' => { 'type' => error.class.name.to_s, 'message' => message })
    end

    # Gives the lines that the budget has room for.
    def within_budget(lines)
      lines = binary(lines)
      return lines if lines.bytesize <= @settings.header_bytes

      lines = lines.b
      last = lines.byteslice(0, @settings.header_bytes).rindex("\n")
      kept = lines.byteslice(0, last ? last + 1 : 0)
      INVOCATIONS.spool.lost('headers', lines.count("\n") - kept.count("\n"), lines.bytesize - kept.bytesize)
      kept
    end
  end
end
