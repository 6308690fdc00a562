# frozen_string_literal: true

# The hook's way in: exec-wrapper has Ruby -r this file before Lambda's runtime client runs.
#
# It takes nothing but the environment. It waits until the classes that the hook looks into are defined, and loads nothing of
# the hook before. It promises that whatever fails in here, the runtime starts as if the hook were not there.
#
# A child process of any version may inherit RUBYOPT: this file keeps to syntax that all of them understand.

module AfterglowHook
  HERE = __dir__

  # The files of the hook, and what each has to define.
  PARTS = {
    'guard' => :Guard, 'settings' => :Settings, 'json' => :Json, 'spool' => :Spool, 'shorten' => :Shorten, 'handler' => :Handler,
    'clients/call' => :Call, 'clients/wire' => :Wire, 'clients/net_http' => :NetHTTP, 'clients/excon' => :ExconClient, 'clients/httpx' => :HttpxClient,
    'clients/ethon' => :EthonClient, 'clients/propagation' => :Propagation
  }.freeze

  # What is waited for, and the file that looks into it when all of it is there.
  AWAITED = {
    'RapidClient' => 'handler', 'Net::HTTP' => 'clients/net_http', 'Excon::Connection' => 'clients/excon', 'Excon::Response' => 'clients/excon',
    'Excon::Socket' => 'clients/excon', 'HTTPX::Connection' => 'clients/httpx', 'HTTPX::Request' => 'clients/httpx', 'HTTPX::Response' => 'clients/httpx',
    'Ethon::Easy' => 'clients/ethon', 'Ethon::Multi' => 'clients/ethon'
  }.freeze

  # Classes that are opened again and again, and what the last time brings.
  LAST = { 'Ethon::Easy' => :perform, 'Ethon::Multi' => :add }.freeze

  # Waits for the ends of class definitions, which costs some tenths of a microsecond for each.
  class Waiting
    NAME = Module.instance_method(:name) # a class may have its own idea of its name
    HAS = Module.instance_method(:method_defined?)

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
      found(name) if @awaited.key?(name) && (!LAST.key?(name) || HAS.bind(opened).call(LAST[name]))
    end

    def found(name)
      file = @awaited.delete(name)
      @awaited.clear unless @awaited.value?(file) || AfterglowHook.install(file)
      @point.disable if @awaited.empty? && @point.enabled?
    end
  end

  class << self
    # Loads a part. Not by require: the function's list of loaded features is its own. And what a broken file does not define
    # must not be looked for in the function.
    def part(file)
      name = PARTS.fetch(file)
      return if const_defined?(name, false)

      load("#{HERE}/#{file}.rb")
      raise LoadError, file unless const_defined?(name, false)
    end

    # Has a part of the hook look into what has been defined. Gives nothing if not even the guard can be had.
    def install(file)
      part('guard')
      const_get(:Guard, false).run('start') do
        part(file)
        const_get(PARTS.fetch(file), false).install
      end
      $LOADED_FEATURES.delete("#{HERE}/start.rb")
      true
    rescue StandardError, ScriptError => e
      not_started(e)
    end

    def start
      Waiting.new.start if known? && !disabled?
    rescue StandardError, ScriptError => e
      not_started(e)
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
      nil
    rescue SystemCallError
      nil # a function without a log has none for us either
    end
  end

  start
end

Object.class_eval { private_constant :AfterglowHook }
