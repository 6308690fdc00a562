# frozen_string_literal: true

module AfterglowHook
  # The settings of docs/settings.md that hooks read. A wrong value is a warning and the default.
  class Settings
    attr_reader :directory, :directory_bytes, :invocation_bytes, :body_bytes, :event_bytes, :header_bytes, :propagation

    def initialize(env)
      @env = env
      read_level
      @directory = read_directory
      @directory_bytes = bytes('AFTERGLOW_SPOOL_DIR_BYTES', 67_108_864, 1 << 20, 1 << 33)
      @invocation_bytes = bytes('AFTERGLOW_SPOOL_INVOCATION_BYTES', 16_777_216, 1 << 16, 1 << 30)
      @body_bytes = bytes('AFTERGLOW_CAPTURE_BODY_BYTES', 32_768, 0, 1 << 20)
      @event_bytes = bytes('AFTERGLOW_CAPTURE_EVENT_BYTES', 65_536, 0, 1 << 20)
      @header_bytes = bytes('AFTERGLOW_CAPTURE_HEADER_BYTES', 16_384, 0, 1 << 16)
      @propagation = read_propagation
    end

    private

    def text(name)
      @env[name].to_s.scrub.strip
    end

    def read_level
      level = text('AFTERGLOW_LOG_LEVEL').downcase
      return if level.empty?

      known = Guard::LEVELS.include?(level)
      known ? Guard.level = level : refuse('AFTERGLOW_LOG_LEVEL')
    end

    def read_directory
      directory = @env['AFTERGLOW_SPOOL_DIR'].to_s
      return directory if directory.start_with?('/')

      refuse('AFTERGLOW_SPOOL_DIR') unless directory.empty?
      '/tmp/afterglow'
    end

    # Gives nothing where no request is to get a traceparent.
    def read_propagation
      domains = text('AFTERGLOW_PROPAGATION_DOMAINS')
      return if domains.empty?

      AfterglowHook.part('clients/propagation')
      Propagation.new(domains)
    end

    def bytes(name, default, least, most)
      value = text(name)
      return default if value.empty?
      # A number of this length can be in no setting's bounds.
      return value.to_i if value.match?(/\A\d{1,19}\z/) && value.to_i.between?(least, most)

      refuse(name)
      default
    end

    def refuse(name)
      Guard.say('warn', "the value of #{name} cannot be used, the default is; docs/settings.md has the bounds")
    end
  end
end
