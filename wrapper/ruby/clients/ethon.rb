# frozen_string_literal: true

module AfterglowHook
  part 'handler'
  part 'clients/call'

  # Requests sent with ethon, on which typhoeus rides: libcurl sends them, so that what is seen is what Ruby tells libcurl and what
  # libcurl tells Ruby. Headers that libcurl adds are not seen, nor are bodies of requests that it reads by itself. Redirects that
  # libcurl follows are one call, with the last answer.
  module EthonClient
    # Handles that were set up and are not used must not pile up.
    MOST_SET_UP = 128

    # What a handle was told.
    class Plan
      attr_accessor :headers, :call
      attr_reader :body

      def initialize(budget)
        @budget = budget
        @told = {}
        @headers = ''
      end

      def told(option, value)
        @told[option] = value.instance_of?(String) && option == :customrequest ? value.dup : !!value
        self.body = value if %i[copypostfields postfields].include?(option)
      end

      # Keeps no more of it than is written.
      def body=(value)
        @body = Copy.new(@budget)
        value.instance_of?(String) ? @body.add(value) : @body = nil
      end

      # As libcurl decides (CURLOPT_CUSTOMREQUEST(3) and its like).
      def method
        return @told[:customrequest] if @told[:customrequest].is_a?(String)
        return 'HEAD' if @told[:nobody]
        return 'PUT' if @told[:upload]

        @told[:post] || @told[:httppost] || @told[:copypostfields] || @told[:postfields] ? 'POST' : 'GET'
      end
    end

    OPTIONS = %i[customrequest nobody upload post httppost httpget copypostfields postfields].freeze

    METHODS = {
      'Ethon::Easy' => { perform: [], body: %i[chunk], complete: [], reset: [], 'headers=': %i[headers], set_read_callback: %i[body] },
      'Ethon::Multi' => { add: %i[easy] }
    }.freeze

    @plans = {} # by the identity of the handle's Ruby object, so that none is kept alive

    class << self
      def install
        return unless Guard.knows?('ethon', METHODS)

        INVOCATIONS.open('none')
        Guard.watch('ethon set_option', ::Ethon::Curl.method(:set_option), :call) { |at| told(at.binding) }
        watch_plans(::Ethon::Easy)
        watch_transfers(::Ethon::Easy)
        watch(::Ethon::Multi, :add, :call) { |at| start(at.binding.local_variable_get(:easy)) }
      end

      private

      def watch_plans(easy)
        watch(easy, :headers=, :call) { |at| plan(at.self.handle).headers = lines(at.binding.local_variable_get(:headers)) }
        watch(easy, :set_read_callback, :call) { |at| plan(at.self.handle).body = at.binding.local_variable_get(:body) }
        watch(easy, :reset, :call) { |at| forget(at.self) }
      end

      def watch_transfers(easy)
        watch(easy, :perform, :call, :return) { |at| at.event == :call ? start(at.self) : left(at.self) }
        watch(easy, :body, :call) { |at| came(at.self, at.binding.local_variable_get(:chunk)) }
        watch(easy, :complete, :call) { |at| completed(at.self) }
      end

      def watch(owner, name, *events, &observer)
        Guard.watch("ethon #{name}", owner.instance_method(name), *events, &observer)
      end

      def told(arguments)
        option = arguments.local_variable_get(:option)
        plan(arguments.local_variable_get(:handle)).told(option, arguments.local_variable_get(:value)) if OPTIONS.include?(option)
      end

      def plan(handle)
        @plans[handle.__id__] ||= begin
          @plans.shift if @plans.size >= MOST_SET_UP
          Plan.new(INVOCATIONS.settings.body_bytes)
        end
      end

      # libcurl takes a header without a value for one that it is not to send (CURLOPT_HTTPHEADER(3)).
      def lines(headers)
        return '' unless headers.is_a?(Hash)

        headers.map { |name, value| "#{name}: #{value}\r\n" if value.instance_of?(String) && !value.empty? }.join
      end

      def forget(easy)
        @plans.delete(easy.handle.__id__)
      end

      def start(easy)
        plan = plan(easy.handle)
        return if plan.call

        plan.call = Call.new('ethon')
        plan.call.start(plan.method, easy.url.to_s, plan.headers, plan.body)
      end

      def call(easy) = @plans[easy.handle.__id__]&.call

      def came(easy, chunk)
        call = call(easy)
        return if call.nil?

        answered(easy, call) unless call.answered?
        call.received(chunk)
      end

      # What has come before the last head was told to follow, or to wait.
      def answered(easy, call)
        head = easy.response_headers.to_s.b.split("\r\n\r\n").reverse.find { |lines| lines.start_with?('HTTP/') }
        return if head.nil?

        first, headers = head.split("\r\n", 2)
        protocol, status = first.split(' ', 3)
        call.answered(status.to_i, headers ? "#{headers}\r\n" : '', proto: protocol)
      end

      # libcurl is done with it. What is told of a failure is the name of libcurl's code.
      def completed(easy)
        plan = @plans[easy.handle.__id__]
        call = plan&.call
        return if call.nil?

        plan.call = nil
        answered(easy, call) unless call.answered?
        code = easy.return_code
        call.finish(partial: code != :ok && call.answered?, error: ("Ethon: #{code}" if code != :ok))
      end

      # Something was raised in between.
      def left(easy)
        plan = @plans[easy.handle.__id__]
        plan&.call&.finish(partial: true)
        plan.call = nil if plan
      end
    end
  end
end
