# frozen_string_literal: true

module AfterglowHook
  # Requests that name their call's span as parent: spool/FORMAT.md, a traceparent of the hook's. Loaded where the setting asks for it.
  class Propagation
    HEADER = 'traceparent'
    ROOT = /(?:\A|;)\s*root=1-([0-9a-f]{8})-([0-9a-f]{24})\s*(?:;|\z)/i
    ORIGIN = %r{\A[^:/?#]+://(?:[^/?\#@]*@)?((\[[^\]]*\]|[^/?\#:]*)[^/?\#]*)}
    TAKEN = %w[traceparent signature signature-input x-amz-content-sha256].freeze
    SIGNS = /signature=/i

    class << self
      # Gives a span for a request with these headers, a hash by names in lower case, and the value of its header, or nothing.
      def span(url, headers)
        one = INVOCATIONS.settings.propagation
        one&.span(url, headers, INVOCATIONS.trace) if INVOCATIONS.belongs_to == INVOCATIONS.current
      end
    end

    def initialize(domains)
      hosts = domains.split(',').map(&:strip).reject(&:empty?)
      patterns = hosts.map { |host| "#{'.+' if host.start_with?('.')}#{Regexp.escape(host).gsub('\*', '.*')}" }
      @meant = /\A(?:#{patterns.join('|')})\z/i unless patterns.empty?
    end

    def span(url, headers, trace)
      origin = ORIGIN.match(url) if @meant && trace
      root = ROOT.match(trace) if origin
      return if root.nil? || !(@meant.match?(origin[2]) || @meant.match?(origin[1])) || taken?(url, headers)

      span = Random.urandom(8).unpack1('H*')
      [span, "00-#{root[1].downcase}#{root[2].downcase}-#{span}-01"] if span.delete('0') != ''
    end

    private

    # Tells whether a request has a parent, or a signature that may be about its headers.
    def taken?(url, headers)
      return true if TAKEN.any? { |name| headers.key?(name) } || SIGNS.match?(url)

      signs = headers['authorization']
      Array(signs).any? { |value| value.instance_of?(String) && (value.match?(/\A\s*aws/i) || SIGNS.match?(value)) }
    end
  end
end
