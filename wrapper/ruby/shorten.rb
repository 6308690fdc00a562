# frozen_string_literal: true

module AfterglowHook
  # Makes a small copy of a parsed event: long strings and lists cut, so that what is kept of each message is its beginning. What
  # that costs must not depend on the event.
  class Shorten
    NODES = 2000 # values that are walked to
    LIST = 100 # items kept of a list: messages of a batch, whose ids are what the walk is for
    STRING = 256 # characters kept of a string: ids are shorter, and bodies of messages show how they begin
    LONG_LIST = 20 # in a longer list there is room for the ids of its items, and for little else
    SHORT_STRING = 128
    DEPTH = 20

    KIND = Kernel.instance_method(:class) # a parser of the function's may make objects with ideas of their own

    def initialize(budget)
      @nodes = NODES
      @left = budget
      @most = STRING
    end

    def shorten(value, depth = 0)
      @nodes -= 1
      kind = KIND.bind_call(value)
      return text(value) if kind.equal?(String)
      return if depth >= DEPTH
      return object(value, depth) if kind.equal?(Hash)
      return list(value, depth) if kind.equal?(Array)

      @left -= 8
      plain(value)
    end

    private

    # Only values of the built-in types are asked anything.
    def plain(value)
      case value
      when nil, true, false then value
      when Integer then value.abs < 1 << 63 ? value : value.to_s[0, STRING]
      when Float then value.finite? ? value : nil
      end
    end

    def text(text)
      kept = text[0, @most]
      @left -= 4 + (kept.ascii_only? ? kept.length : 6 * kept.length)
      kept
    end

    def list(items, depth)
      @most = SHORT_STRING if items.length > LONG_LIST
      kept = []
      items.first(LIST).each do |item|
        break if spent?

        kept << shorten(item, depth + 1)
      end
      kept
    end

    def object(members, depth)
      kept = {}
      members.each do |name, member|
        break if spent?

        kept[text(name)] = shorten(member, depth + 1) if name.instance_of?(String)
      end
      kept
    end

    def spent? = !@nodes.positive? || !@left.positive?
  end
end
