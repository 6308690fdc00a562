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

      piece = piece.byteslice(0, room).b
      @kept ? @kept << piece : @kept = piece
    end

    # Gives the part's description, as JSON, and its bytes. measured is false if more may have passed than was seen.
    def part(of, measured: true)
      kept = @kept || ''
      description = "{\"of\":\"#{of}\",\"len\":#{kept.bytesize}"
      description << ",\"size\":#{@size}" if measured
      description << ',"truncated":true' if !measured || @size > kept.bytesize
      [description << '}', kept]
    end
  end

  # One request and its response: what is kept of them, and the two records.
  class Call
    # It calls no method that a class of the function's may have made its own.
    MESSAGE = Exception.instance_method(:to_s)

    def initialize(library, resend = 0)
      @library = library
      @resend = resend
      @settings = INVOCATIONS.settings
      @id = INVOCATIONS.spool.next_call
      @invocation = INVOCATIONS.belongs_to
      @began = now
      @request = nil # a copy of its body, where that comes after the start
      @response = nil # once there is one
      @answer = '' # its fields
    end

    def started? = @started
    def answered? = !@response.nil?

    # The request is about to be sent, with a body that is at hand, or with one that may come by piece by piece. headers are lines.
    def start(method, url, headers, body = nil)
      @started = true
      fields = ",\"call\":\"#{@id}\",\"lib\":\"#{@library}\",\"method\":#{Json.quote(method)}," \
               "\"url\":#{Json.quote(url.byteslice(0, Spool::URL_BYTES))},\"headers\":#{kept(headers)}"
      fields << ",\"resend\":#{@resend}" if @resend.positive?
      copy = Copy.new(@settings.body_bytes)
      if body
        copy.add(body)
        record('call.start', fields, copy.part('request'))
      else
        @request = copy
        record('call.start', fields)
      end
    end

    def sent(piece)
      @request&.add(piece)
    end

    # The head of the answer has come. headers are lines.
    def answered(status, headers, proto: nil, peer: nil)
      @answer = ",\"status\":#{status},\"headers\":#{kept(headers)},\"ttfb\":#{now - @began}" \
                "#{",\"proto\":\"#{proto}\"" if proto}#{",\"peer\":\"#{peer}\"" if peer}"
      @response = Copy.new(@settings.body_bytes)
    end

    def received(piece)
      @response&.add(piece)
    end

    # Gives how much of the response's body has passed.
    def received_bytes = @response ? @response.size : 0

    # Nothing more will come, and if it is partial, there was more.
    def finish(partial: false, error: nil)
      fields = ",\"call\":\"#{@id}\"#{@answer},\"dur\":#{now - @began}"
      fields << Json.members('error' => told(error)) if error
      fields << ',"partial":true' if partial
      request = @request.part('request') if @request&.size&.positive?
      response = @response.part('response', measured: !partial) if @response
      record('call.end', fields, request, response)
    end

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :microsecond)

    # parts are pairs of a description and bytes.
    def record(kind, fields, *parts)
      parts.compact!
      fields << ",\"parts\":[#{parts.map(&:first).join(',')}]" unless parts.empty?
      INVOCATIONS.record(kind, fields, parts.map(&:last), invocation: @invocation)
    end

    def told(error)
      { 'type' => error.class.name.to_s, 'message' => Json.cut(MESSAGE.bind_call(error), Spool::ERROR_BYTES) }
    end

    # Gives, as JSON, the headers that the budget has room for.
    def kept(lines)
      lines = cut(lines) if lines.bytesize > @settings.header_bytes
      Json.headers(lines)
    end

    def cut(lines)
      room = lines.byteslice(0, @settings.header_bytes).b.rindex("\n")
      kept = room ? lines.byteslice(0, room + 1) : ''
      left = lines.byteslice(kept.bytesize, lines.bytesize)
      INVOCATIONS.spool.lost('headers', left.count("\n"), left.bytesize)
      kept
    end
  end
end
