# frozen_string_literal: true

module AfterglowHook
  part 'json'

  # Makes a small JSON text of a parsed event: long strings and lists cut, so that what is kept of each message is its beginning. What
  # that costs must not depend on the event.
  class Shorten
    NODES = 2000 # values that are walked to
    LIST = 100 # items kept of a list: messages of a batch, whose ids are what the walk is for
    STRING = 256 # characters kept of a string: ids are shorter, and bodies of messages show how they begin
    LONG_LIST = 20 # in a longer list there is room for the ids of its items, and for little else
    SHORT_STRING = 128
    DEPTH = 20
    CLOSING = 64 # bytes that an event within its budget may need to end: a bracket for each depth, and a word

    KIND = Kernel.instance_method(:class) # a parser of the function's may make objects with ideas of their own

    def initialize(budget)
      @nodes = NODES
      @budget = budget - CLOSING
      @most = STRING
      @names = {} # as they are written: messages of a batch have the same
      @out = String.new(capacity: budget, encoding: Encoding::UTF_8)
    end

    # Gives the text, in UTF-8.
    def shorten(value)
      add(value, 0)
      @out
    end

    private

    def add(value, depth)
      @nodes -= 1
      kind = KIND.bind_call(value)
      return text(value) if kind.equal?(String)

      if depth >= DEPTH
        @out << 'null'
      elsif kind.equal?(Hash)
        object(value, depth + 1)
      elsif kind.equal?(Array)
        list(value, depth + 1)
      else
        plain(value)
      end
    end

    # Only values of the built-in types are asked anything.
    def plain(value)
      case value
      when true, false then @out << value.to_s
      when Integer then value.abs < 1 << 63 ? @out << value.to_s : text(value.to_s)
      when Float then @out << (value.finite? ? value.to_s : 'null')
      else @out << 'null'
      end
    end

    def text(text)
      text = text[0, @most] if text.bytesize > @most
      text.ascii_only? && !text.match?(Json::ESCAPED) ? @out << '"' << text << '"' : @out << Json.quote(text)
    end

    def list(items, depth)
      @most = SHORT_STRING if items.length > LONG_LIST
      @out << '['
      items.first(LIST).each_with_index do |item, index|
        break if spent?

        @out << ',' if index.positive?
        add(item, depth)
      end
      @out << ']'
    end

    def object(members, depth)
      before = '{'
      members.each do |name, member|
        break if spent?
        next unless name.instance_of?(String)

        @out << before << (@names[name] ||= "#{Json.quote(name[0, STRING])}:")
        before = ','
        add(member, depth)
      end
      @out << (before == '{' ? '{}' : '}')
    end

    def spent? = !@nodes.positive? || @out.bytesize >= @budget
  end
end
