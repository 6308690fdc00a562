# frozen_string_literal: true

module AfterglowHook
  # Takes the framing of a chunked body away as it passes by, wherever it is cut into pieces.
  class Framing
    def initialize
      @left = 0 # of the chunk's data and the line end behind it
      @line = ''.b # the beginning of a line with a chunk's length
      @over = false
    end

    # Tells whether the last chunk has passed.
    def over? = @over

    def each_piece(data)
      until data.empty? || @over
        if @left.positive?
          piece = data.byteslice(0, @left)
          data = data.byteslice(piece.bytesize, data.bytesize)
          ends = [piece.bytesize - [@left - 2, 0].max, 0].max # bytes of the line end
          @left -= piece.bytesize
          yield piece.byteslice(0, piece.bytesize - ends)
        else
          data = length_line(data)
        end
      end
    end

    private

    def length_line(data)
      line, found, rest = (@line << data).partition("\n")
      @line = found.empty? ? line : ''.b
      unless found.empty?
        length = line.to_i(16)
        @over = length.zero? # trailers follow
        @left = length + 2
      end
      rest
    end
  end

  # One request and its answer as they pass as bytes, in pieces of any size. It takes heads apart, framing away, and gives the
  # rest to the call.
  class Wire
    MOST_HEAD = 262_144 # what is larger is no head
    CHUNKED = /^transfer-encoding:[ \t]*chunked[ \t]*\r?$/i
    LENGTH = /^content-length:[ \t]*(\d+)[ \t]*\r?$/i
    HEAD_END = "\r\n\r\n"
    BARE_HEAD_END = /\n\r?\n/ # of servers that leave out what nobody asks for
    VERSION = 'HTTP/1.1'
    NOTHING = ''.b.freeze

    def initialize(call)
      @call = call
      @sending = NOTHING # the head of the request, as far as it has gone; nil when it is complete
      @coming = NOTHING # the same of the answer
      @method = nil
      @chunks = nil # of the request's body
      @unread = nil # of the answer's body: a Framing, a number of bytes, or nil where the end of the connection is its end
    end

    def sent_head? = @sending.nil?

    # Takes what is about to be sent. The block is called with method, target and headers, once.
    def sends(bytes)
      if @sending
        bytes = bytes.b unless bytes.ascii_only? # what index gives is a number of bytes
        bytes = @sending + bytes unless @sending.empty?
        ends = bytes.index(HEAD_END)
        return @sending = bytes.b if ends.nil?

        @sending = nil
        first = bytes.index("\r\n")
        space = bytes.index(' ') || 0
        target = space + 1
        @method = bytes.byteslice(0, space)
        headers = bytes.byteslice(first + 2, ends - first)
        @chunks = Framing.new if headers.match?(CHUNKED)
        yield @method, bytes.byteslice(target, (bytes.index(' ', target) || first) - target), headers
        return if bytes.bytesize == ends + 4

        bytes = bytes.byteslice(ends + 4, bytes.bytesize)
      end
      pass(bytes, @chunks) { |piece| @call.sent(piece) } unless bytes.empty?
    end

    # Takes what has come. The block is called with status, headers and version of the answer, once.
    def comes(bytes, &block)
      bytes = answer(bytes, &block) if @coming
      pass(bytes, @unread) { |piece| @call.received(piece) } unless bytes.nil? || bytes.empty?
    end

    # Tells whether all of the answer has come, as far as its head tells how much that is.
    def whole?
      case @unread
      when Framing then @unread.over?
      when Integer then @call.received_bytes >= @unread
      else true
      end
    end

    private

    def pass(bytes, framing, &block)
      framing.is_a?(Framing) ? framing.each_piece(bytes.b, &block) : yield(bytes)
    end

    # Gives what came behind the head, or nil while that is not complete.
    def answer(bytes, &block)
      bytes = @coming + bytes unless @coming.empty?
      ends = bytes.index(HEAD_END)
      behind = ends ? ends + 4 : bytes.index(BARE_HEAD_END) && $~.end(0)
      if behind.nil?
        @coming = bytes.bytesize > MOST_HEAD ? nil : bytes.b # whatever it is
        return
      end
      @coming = NOTHING
      answered(bytes, behind - (bytes.getbyte(behind - 2) == 13 ? 2 : 1), &block) # without the empty line
      return if bytes.bytesize == behind

      rest = bytes.byteslice(behind, bytes.bytesize)
      @coming.nil? ? rest : answer(rest, &block)
    end

    # Takes a head that ends before a place.
    def answered(bytes, ends)
      status = bytes.byteslice(9, 3).to_i
      return if !bytes.start_with?('HTTP/1.') || (status < 200 && status != 101) # more is to come

      @coming = nil
      first = bytes.index("\n") + 1
      headers = bytes.byteslice(first, ends - first)
      @unread = length(status, headers)
      yield status, headers, bytes.start_with?(VERSION) ? VERSION : bytes.byteslice(0, 8)
    end

    def length(status, headers)
      if @method == 'HEAD' || status == 204 || status == 304 then 0
      elsif headers.match?(CHUNKED) then Framing.new
      else headers[LENGTH, 1]&.to_i
      end
    end
  end
end
