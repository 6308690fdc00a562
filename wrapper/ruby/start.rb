# frozen_string_literal: true

# The hook's way in: exec-wrapper has Ruby -r this file before Lambda's runtime client runs.
#
# It takes nothing but the environment. It waits until the classes that the hook looks into are defined, and loads nothing of
# the hook before. It promises that whatever fails in here, the runtime starts as if the hook were not there.
#
# A child process of any version may inherit RUBYOPT: this file keeps to syntax that all of them understand.

module AfterglowHook
  # Waits for the ends of class definitions, which costs some tenths of a microsecond for each.
  class Waiting
    # What is waited for: the file that looks into it, and the module in there that does.
    AWAITED = {
      'RapidClient' => %w[handler Handler],
      'Net::HTTP' => ['clients/net_http', 'NetHTTP']
    }.freeze

    NAME = Module.instance_method(:name) # a class may have its own idea of its name

    def initialize
      @awaited = AWAITED.dup
      @point = TracePoint.new(:end) { |at| ended(at.self) }
    end

    def start
      @awaited.keys.each { |name| found(name) if defined_already?(name) } # something that ran before us wanted it
      @point.enable unless @awaited.empty?
    end

    private

    def defined_already?(name)
      name.split('::').inject(Object) do |scope, part|
        return false if scope.autoload?(part) || !scope.const_defined?(part, false)

        scope.const_get(part, false)
      end
      true
    end

    def ended(opened)
      name = NAME.bind(opened).call
      found(name) if @awaited.key?(name)
    end

    def found(name)
      file, looker = @awaited.delete(name)
      @point.disable if @awaited.empty? && @point.enabled?
      AfterglowHook.install(file, looker)
    end
  end

  class << self
    # Has a part of the hook loaded and look into what has been defined.
    def install(file, looker)
      require_relative 'guard'
      Guard.run("start") do
        require_relative 'spool'
        require_relative file
        AfterglowHook.const_get(looker).install
      end
    rescue StandardError, ScriptError => error
      not_started(error) # guard.rb itself could not be loaded
    end

    def start
      Waiting.new.start if known? && !disabled?
    rescue StandardError, ScriptError => error
      not_started(error)
    end

    private

    # The kill switch goes before everything else, so it is read without help of any other file.
    def disabled?
      %w[1 true].include?(ENV.fetch('AFTERGLOW_DISABLED', 'false').strip.downcase)
    end

    # Other interpreters of the language have other ideas of TracePoint.
    def known?
      RUBY_ENGINE == 'ruby' && (RUBY_VERSION.split('.').map(&:to_i) <=> [3, 1]) >= 0
    end

    def not_started(error)
      IO.for_fd(2, 'w', :autoclose => false).syswrite("afterglow: ruby hook not started: #{error.class}\n")
    rescue SystemCallError
      nil # a function without a log has none for us either
    end
  end

  start
end
