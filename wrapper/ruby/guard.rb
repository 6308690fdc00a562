# frozen_string_literal: true

module AfterglowHook
  # The one place through which everything of the hook is called.
  #
  # What fails in the hook stays in the hook: it is told in one line, and after a few failures the hook lets go. It looks at
  # methods of libraries through TracePoint, which Ruby calls beside the method instead of in its place: the method, its
  # owner and its ancestors stay what they are, and no frame of the hook is on the stack while code of the function's runs,
  # so that none can show up in a backtrace.
  #
  # What is meant for the function and arrives while the hook runs (Timeout, Thread#raise, a signal) goes on to the function,
  # with the backtrace that it would have had without the hook.
  module Guard
    # After this many failures something is wrong that will not pass; each one costs time that belongs to the function.
    MOST_FAILURES = 8

    LEVELS = %w[debug info warn error off].freeze

    # Puts off what other threads raise into this one. Frozen and compared by identity, it is taken as it is, not copied.
    LATER = { Object => :never }.compare_by_identity.freeze

    HERE = "#{__dir__}/"

    CLOCK = Process.method(:clock_gettime) # the function may put another one in its place, for a test

    BACKTRACE = Exception.instance_method(:backtrace) # a class may have its own idea of it
    LOCATIONS = Exception.instance_method(:backtrace_locations)

    # The function is at the end of its stack or its memory, where the hook's piece may need more than the method that it looks at: no failure of the
    # hook's, and none that will not pass.
    EXHAUSTED = [SystemStackError, NoMemoryError].freeze

    # What the system refuses the hook. Of the same kinds may be what a signal's handler of the function's raises at any line; that goes on.
    module Refused
      def self.===(error) = (error.is_a?(SystemCallError) || error.is_a?(IOError)) && !Guard.foreign?(error)
    end

    @off = false
    @failures = 0
    @level = 'warn'
    @told = {}
    @points = []

    class << self
      attr_writer :level

      def off? = @off

      # Gives microseconds that nobody sets.
      def now = CLOCK.call(Process::CLOCK_MONOTONIC, :microsecond)

      # Gives microseconds since the Unix epoch.
      def time = CLOCK.call(Process::CLOCK_REALTIME, :microsecond)

      # Writes one line into the function's log, the same one at most once. Never content of requests.
      def say(level, text)
        return if LEVELS.index(level) < LEVELS.index(@level) || @told[text]

        @told[text] = true
        IO.for_fd(2, 'w', autoclose: false).syswrite("afterglow: ruby hook: #{text}\n")
      rescue SystemCallError
        nil # a function without a log has none for us either
      end

      # Has the observer called with a TracePoint at a method's :call, :return or both. It must not raise, and may not see
      # anything else while it runs: Ruby calls no TracePoint from within another one.
      def watch(name, method, *events, &observer)
        point = TracePoint.new(*events) { |at| guarded(name, observer, at) unless @off }
        point.enable(target: method)
        @points << point
      end

      # Tells whether a class has a method of Ruby's own making that takes these arguments.
      def known?(owner, name, parameters)
        method = owner.instance_method(name)
        !method.source_location.nil? && (parameters - method.parameters.map(&:last)).empty?
      rescue NameError
        false
      end

      # Tells of a library whether each of its classes has the methods that the hook looks at, and says so if not.
      def knows?(library, classes)
        missing = classes.flat_map do |owner, methods|
          methods.reject { |name, parameters| known?(Object.const_get(owner), name, parameters) }.keys
        end
        say('warn', "#{library} has no #{missing.join(', ')} as expected; its requests are not seen") unless missing.empty?
        missing.empty?
      end

      # Runs a piece of the hook's. While the hook is off, or when it failed, it gives nil.
      def run(name, &piece)
        guarded(name, piece, nil) unless @off
      end

      # Has a holder of a lock release it when a piece has ended at the end of the stack, where Ruby has no room to run what stands behind ensure.
      def releases(holder)
        @holder = holder
      end

      # Tells what the user's code raised into the hook from the hook's own failures. The hook calls no code of the user's,
      # but a signal's handler may run at any line.
      def foreign?(error)
        case error
        when SignalException, SystemExit then true
        else # one that was frozen before it was raised has none
          line = BACKTRACE.bind_call(error)&.find { |place| !place.start_with?('<internal:') }
          line.nil? || !line.start_with?(HERE)
        end
      end

      private

      def guarded(name, piece, argument)
        whole = false
        result = Thread.handle_interrupt(LATER) do
          piece.call(argument)
        rescue *EXHAUSTED
          @holder&.release
          nil
        rescue Exception => e
          raise if foreign?(e)

          failed(name, e)
        end
        whole = true
        result
      rescue SystemStackError # before the piece was reached
        whole = true
        nil
      ensure
        hide($!) unless whole # as it goes on its way: raised again, a frozen one would be another object
      end

      # Takes the hook's frames out of the backtrace of an exception that passes by. Ruby gives out the very arrays that it
      # keeps, so that nothing is set on the exception, which may be frozen; set_backtrace would lose the locations.
      def hide(error)
        return if error.nil?

        BACKTRACE.bind_call(error)&.reject! { |line| line.start_with?(HERE) }
        LOCATIONS.bind_call(error)&.reject! { |location| location.path&.start_with?(HERE) }
      end

      def failed(name, error)
        @failures += 1
        # The message of an exception may quote content; its type and place do not.
        place = BACKTRACE.bind_call(error)&.find { |line| line.start_with?(HERE) }.to_s.delete_prefix(HERE)[/\A[^:]*:\d+/]
        say('error', "#{name} failed: #{error.class} at #{place}; the function is not affected") if @failures == 1
        return if @failures < MOST_FAILURES

        @off = true
        say('error', "off after #{@failures} failures, the last one #{error.class} at #{place}")
      end
    end
  end
end
