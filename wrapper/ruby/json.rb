# frozen_string_literal: true

module AfterglowHook
  # Makes JSON, in one line of UTF-8. Ruby's own module is not asked: the function need not have loaded it, and libraries change
  # what it does.
  module Json
    ESCAPED = /["\\\x00-\x1f\x7f]/
    ODD_IN_LINES = /["\\\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|:  | \r/ # to be escaped, or spaces that belong to no value

    class << self
      def quote(text)
        text = utf8(text)
        return "\"#{text}\"" unless text.match?(ESCAPED)

        "\"#{text.gsub(ESCAPED) { |character| escape(character) }}\""
      end

      # Gives members of an object, each behind a comma. Those that are nil are left out.
      def members(values)
        values.each_with_object(+'') do |(name, value), out|
          out << ",\"" << name << '":' << encode(value) unless value.nil?
        end
      end

      def encode(value)
        case value
        when String then quote(value)
        when Hash then "{#{value.map { |name, member| "#{quote(name)}:#{encode(member)}" }.join(',')}}"
        when Array then "[#{value.map { |item| encode(item) }.join(',')}]"
        when nil then 'null'
        else value.to_s # a finite number, true or false
        end
      end

      # Gives the list of names and values that the lines of a head are, with "\\r\\n" behind each.
      def headers(lines)
        return '[]' if lines.empty?

        plain_headers(lines) || "[#{lines.each_line(chomp: true).filter_map { |line| header(line) }.join(',')}]"
      end

      # Gives a text in UTF-8, whatever it was in. Bytes that are no UTF-8 are taken for Latin-1, as HTTP's headers are.
      def utf8(text)
        return text if text.ascii_only?

        case text.encoding
        when Encoding::UTF_8 then text.valid_encoding? ? text : text.scrub
        when Encoding::BINARY, Encoding::US_ASCII
          known = text.dup.force_encoding(Encoding::UTF_8)
          known.valid_encoding? ? known : known.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
        else text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace)
        end
      end

      # Cuts a text to a number of bytes of UTF-8.
      def cut(text, most)
        text = utf8(text)
        text.bytesize <= most ? text : text.byteslice(0, most).scrub('')
      end

      private

      # Gives what headers gives, in a fraction of the time, if nothing has to be escaped and each line has just one colon with a
      # space behind it, or seems to; nil if not.
      def plain_headers(lines)
        return if !lines.ascii_only? || lines.match?(ODD_IN_LINES)

        pairs = lines.gsub(': ', '","')
        colons = pairs.bytesize - lines.bytesize # one byte more for each
        list = pairs.gsub("\r\n", '"],["')
        "[[\"#{list.byteslice(0, list.bytesize - 3)}]" if list.bytesize - pairs.bytesize == 3 * colons && list.end_with?('"],["')
      end

      def header(line)
        name, colon, value = line.partition(':')
        "[#{quote(name)},#{quote(value.strip)}]" unless colon.empty?
      end

      def escape(character)
        case character
        when '"', '\\' then "\\#{character}"
        else format('\\u%04x', character.ord)
        end
      end
    end
  end
end
