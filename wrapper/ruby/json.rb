# frozen_string_literal: true

module AfterglowHook
  # Makes JSON, in one line of UTF-8. Ruby's own module is not asked: the function need not have loaded it, and libraries change
  # what it does.
  module Json
    ESCAPED = /["\\\x00-\x1f\x7f]/

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

      def escape(character)
        case character
        when '"', '\\' then "\\#{character}"
        else format('\\u%04x', character.ord)
        end
      end
    end
  end
end
