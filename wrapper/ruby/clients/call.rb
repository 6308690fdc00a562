# frozen_string_literal: true

module AfterglowHook
  # What is kept of a body while it passes by: its beginning, and how much it was.
  class Copy
    attr_reader :size

    def initialize(budget)
      @budget = budget
      @kept = nil
      @size = 0
    end

    # Takes the beginning of a piece, if there is room. Strings share what they have in common until one of them is changed.
    def add(piece)
      room = @budget - @size
      @size += piece.bytesize
      return unless room.positive?

      piece = piece.bytesize > room ? piece.byteslice(0, room).b : piece.b
      @kept ? @kept << piece : @kept = piece
    end

    # Gives the beginning.
    def kept = @kept || ''

    # Describes the beginning as a part, in JSON. measured is false if more may have passed than was seen. Where there is no room,
    # nothing of it is written.
    def part(of, measured = true, room = true)
      length = room ? kept.bytesize : 0
      return "{\"of\":\"#{of}\",\"len\":#{length},\"truncated\":true}" unless measured

      "{\"of\":\"#{of}\",\"len\":#{length},\"size\":#{@size}#{',"truncated":true' if @size > length}}"
    end
  end

  # One request and its response: what is kept of them, and the two records.
  class Call
    # It calls no method that a class of the function's may have made its own.
    MESSAGE = Exception.instance_method(:to_s)
    PEER = BasicSocket.instance_method(:getpeername)

    # Gives who is at the other end of a socket.
    def self.peer(socket)
      socket = socket.to_io unless socket.is_a?(BasicSocket)
      address = PEER.bind_call(socket)
      family, port, *bytes = address.unpack('SnC4') # struct sockaddr_in, ip(7): to have it unpacked takes ten times as long
      return "#{bytes.join('.')}:#{port}" if family == Socket::AF_INET

      port, host = Socket.unpack_sockaddr_in(address)
      "[#{host}]:#{port}"
    rescue SystemCallError, IOError, ArgumentError
      nil # gone already, and the library will say so; or no address of the Internet
    end

    def initialize(library, resend = 0)
      @library = library
      @resend = resend
      @settings = INVOCATIONS.settings
      @id = INVOCATIONS.spool.next_call
      @invocation = INVOCATIONS.belongs_to
      @began = Guard.now
      @request = nil # a copy of its body, where that comes after the start
      @response = nil # once there is one
      @answer = '' # its fields
    end

    def started? = @started
    def answered? = !@response.nil?

    # A connection is about to be made, for whatever comes.
    def connecting(origin)
      @started = true
      @lost = record('call.start', ",\"call\":\"#{@id}\",\"lib\":\"#{@library}\",\"url\":#{Json.quote(origin)}")
    end

    # The request is about to be sent, with a body that is at hand (or a copy of it), or with one that may come by piece by piece. headers are the
    # lines of its head.
    def start(method, url, headers, body = nil)
      @started = true
      copy = body.is_a?(Copy) ? body : Copy.new(@settings.body_bytes)
      copy.add(body) if body.is_a?(String)
      @request = copy if body.nil?
      headers = within_budget(headers)
      @lost = record('call.start', ",\"call\":\"#{@id}\",\"lib\":\"#{@library}\",\"method\":\"#{method}\"," \
                                   "\"url\":#{Json.quote(url.byteslice(0, Spool::URL_BYTES))}#{",\"resend\":#{@resend}" if @resend.positive?}," \
                                   "\"parts\":[#{part(headers)}#{",#{copy.part('request')}" if body}]", headers, body && copy.kept)
    end

    def sent(piece)
      @request&.add(piece)
    end

    # The head of the answer has come.
    def answered(status, headers, proto: nil, peer: nil)
      @headers = within_budget(headers)
      @answer = ",\"status\":#{status},\"ttfb\":#{Guard.now - @began}#{",\"proto\":\"#{proto}\"" if proto}#{",\"peer\":\"#{peer}\"" if peer}"
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

      head = ",\"call\":\"#{@id}\"#{@answer},\"dur\":#{Guard.now - @began}#{',"partial":true' if partial}#{told(error) if error}"
      request = @request if @request&.size&.positive?
      record('call.end', "#{head}#{parts(request, partial)}", request&.kept, @headers, @response&.kept) do
        INVOCATIONS.spool.lost('headers', @headers.count("\n"), @headers.bytesize) if @headers
        "#{head}#{parts(request, partial, false)}"
      end
    end

    private

    # Gives the reason if nothing could be written.
    def record(kind, fields, *bodies, &shorter)
      bodies.compact!
      INVOCATIONS.record(kind, fields, bodies, @invocation, &shorter)
    end

    def parts(request, partial, room = true)
      request = "#{request.part('request', true, room)}#{',' if @response}" if request
      return ",\"parts\":[#{request}]" if request && @response.nil?

      ",\"parts\":[#{request}#{"#{part(@headers)}," if room}#{@response.part('response', !partial, room)}]" if @response
    end

    def part(headers) = "{\"of\":\"headers\",\"len\":#{headers.bytesize}}"

    def told(error)
      return Json.members('error' => { 'type' => error.to_s, 'message' => '' }) unless error.is_a?(Exception)

      message = Json.cut(MESSAGE.bind_call(error), Spool::ERROR_BYTES)
      Json.members('error' => { 'type' => error.class.name.to_s, 'message' => message })
    end

    # Gives the lines that the budget has room for.
    def within_budget(lines)
      lines = lines.b
      return lines if lines.bytesize <= @settings.header_bytes

      last = lines.byteslice(0, @settings.header_bytes).rindex("\n")
      kept = lines.byteslice(0, last ? last + 1 : 0)
      INVOCATIONS.spool.lost('headers', lines.count("\n") - kept.count("\n"), lines.bytesize - kept.bytesize)
      kept
    end
  end
end
