# frozen_string_literal: true

module AfterglowHook
  part 'settings'
  part 'spool'

  # Invocations: when they start, what with, how they end.
  #
  # Seen at the methods by which the runtime client fetches events and posts answers, not around the user's handler: the event
  # and the answer are seen as they travel, and the answer has gone out before a byte of it is written down.
  class Invocations
    # A proxy response says its status first or last, or it is small enough to be parsed.
    PARSE_BYTES = 16_384
    TOKEN = /"(?:[^"\\]|\\.)*"|[{}\[\]]/mn

    attr_reader :settings, :spool, :current, :trace

    def initialize
      @settings = nil
      @spool = nil
      @current = 'none' # a request id, "init" or "none"; kept after the end, for what was left running
      @pid = 0
      @cold = true
      @started = nil # monotonic, while an invocation runs
      @unwritten = nil # fields and event of a start that waits for the client to parse a large event
      @watched = nil # the method that parses
    end

    # Gives the spool. Whoever asks first says what runs now: "init" in a runtime, "none" in any other process.
    def open(current)
      if @spool.nil?
        @settings = Settings.new(ENV)
        @current = current
        @pid = Process.pid
        @spool = Spool.new(@settings, current)
        at_exit { Guard.run('exit') { exited } }
      elsif @current == 'none' # a client was there before it was known that this is the runtime
        @current = current
        @spool.begin(current)
      end
      @spool
    end

    # Gives the invocation that what happens now belongs to. Fibers and threads inherit what is noted, since Ruby 3.2.
    if Fiber.respond_to?(:[])
      def belongs_to = Fiber[:afterglow_invocation] || @current
      def belong(invocation) = Fiber[:afterglow_invocation] = invocation
    else
      def belongs_to = @current
      def belong(_invocation) = nil
    end

    # Writes a record that belongs to an invocation. fields are members of its header, as JSON.
    def record(kind, fields, bodies = [], invocation = @current, vital: false, &shorter)
      write_start(*prefix('event', @unwritten.last)) if @unwritten
      @spool.record(kind, invocation, fields, bodies, vital: vital, &shorter)
    end

    # An event has come. response is that of the Runtime API.
    def begin(id, response)
      finish({}, Guard.now) if @started # answered in a way that is not known here
      @current = id.to_s
      @trace = response['Lambda-Runtime-Trace-Id']
      belong(@current)
      @spool.begin(@current)
      fields = facts(response)
      event = response.instance_variable_get(:@body).to_s
      @cold = false
      @started = Guard.now
      @unwritten = [fields, event]
      if event.bytesize > @settings.event_bytes && @settings.event_bytes.positive? && parser_watched?
        return # parsed writes it
      end

      write_start(*prefix('event', event))
    end

    # The client has parsed an event.
    def parsed(event)
      return if @unwritten.nil?

      AfterglowHook.part('shorten')
      data = Shorten.new(@settings.event_bytes).shorten(event).b
      part = { 'of' => 'event', 'len' => data.bytesize, 'size' => @unwritten.last.bytesize, 'truncated' => true, 'shortened' => true }
      write_start(part, data)
    end

    # The answer has gone out, at least as far as the client could tell.
    def answered(answer, posted_at)
      status = status_of(answer)
      part, kept = prefix('response', answer) if answer.is_a?(String)
      finish({ 'status' => status, 'parts' => part && [part] }, posted_at, [kept].compact)
    end

    # The error has gone out.
    def failed(told, posted_at)
      finish({ 'error' => error_of(told) }, posted_at)
    end

    # The function could not be loaded. The client says so too when it is told to end while it waits for an event.
    def init_failed(told)
      return unless @cold

      record('init.error', Json.members('error' => error_of(told)), vital: true)
    end

    private

    def facts(response)
      deadline = response['Lambda-Runtime-Deadline-Ms'].to_i
      { 'arn' => response['Lambda-Runtime-Invoked-Function-Arn'], 'deadline' => (deadline if deadline.positive?),
        'trace' => @trace, 'tenant' => response['Lambda-Runtime-Aws-Tenant-Id'],
        'handler' => ENV.fetch('_HANDLER', nil), 'cold' => (true if @cold) }
    end

    # A function may replace what parses events, so it is looked at when there is something to parse.
    def parser_watched?
      parse = AwsLambda::Marshaller.method(:marshall_request)
      return true if parse == @watched
      return false if parse.source_location.nil? # not Ruby's, or not there

      Guard.watch('event', parse, :return) { |at| parsed(at.return_value) }
      @watched = parse
      true
    rescue NameError, ArgumentError
      false
    end

    def write_start(part, data)
      fields, = @unwritten
      @unwritten = nil
      record('invocation.start', Json.members(**fields, 'parts' => [part]), [data], vital: true)
    end

    def finish(fields, ended_at, bodies = [])
      return if @started.nil?

      members = Json.members('dur' => ended_at - @started, **fields)
      @started = nil
      record('invocation.end', members, bodies, vital: true)
      @spool.end
    end

    # The interpreter ends. Nearly always the client has told why, before.
    def exited
      finish({ 'error' => { 'type' => 'SystemExit', 'message' => 'the process exited' } }, Guard.now) if @pid == Process.pid
      @spool.end
    end

    # Gives the part and the bytes of what is kept.
    def prefix(of, whole)
      kept = whole.byteslice(0, @settings.event_bytes).b
      part = { 'of' => of, 'len' => kept.bytesize, 'size' => whole.bytesize, 'truncated' => (true if kept.bytesize < whole.bytesize) }
      [part.compact, kept]
    end

    # Gives the statusCode of a proxy response without parsing a large one.
    def status_of(answer)
      return unless answer.is_a?(String) && answer.start_with?('{')

      if answer.bytesize <= PARSE_BYTES
        status = outermost(answer.b)
      else # with one bracket behind it, it is a member of the outermost object
        status = answer.byteslice(0, 30).b[/\A{"statusCode":"?(\d{3})\b/, 1] || answer.byteslice(-30, 30).b[/"statusCode":"?(\d{3})"?}\z/, 1]
      end
      status.to_i unless status.nil? || status.start_with?('0')
    end

    # Looks for the member of the outermost object. To have the answer parsed once more could warn of it a second time.
    def outermost(answer)
      depth = at = 0
      while (token = TOKEN.match(answer, at))
        at = token.end(0)
        case token[0]
        when '{', '[' then depth += 1
        when '}', ']' then depth -= 1
        when '"statusCode"'
          status = answer.match(/\G\s*:\s*"?(\d{3})"?\s*[,}]/, at)
          return status[1] if status && depth == 1
        end
      end
    end

    # Makes the error of a record of what the client tells Lambda.
    def error_of(told)
      stack = Array(told[:stackTrace]).join("\n")
      { 'type' => told[:errorType], 'message' => told[:errorMessage], 'stack' => stack }
        .filter_map { |name, text| [name, Json.cut(text.to_s, Spool::ERROR_BYTES)] unless text.to_s.empty? }.to_h
    end
  end

  INVOCATIONS = Invocations.new

  # The runtime client, as far as the hook looks into it.
  module Handler
    METHODS = {
      next_invocation: [],
      send_response: %i[request_id response_object content_type],
      send_error_response: %i[request_id error_object error xray_cause],
      send_init_error: %i[error_object error]
    }.freeze

    class << self
      # Looks at the client from now on, if it is the one that this file knows.
      def install
        client = ::RapidClient
        missing = METHODS.reject { |name, parameters| Guard.known?(client, name, parameters) }.keys
        unless missing.empty?
          Guard.say('warn', "this runtime client has no #{missing.join(', ')} as expected; invocations are not seen")
          return
        end
        INVOCATIONS.open('init').announce
        watch(client)
      end

      private

      def watch(client)
        Guard.watch('next', client.instance_method(:next_invocation), :return) { |at| fetched(at.return_value) }
        Guard.watch('response', client.instance_method(:send_response), :call, :return) { |at| answers(at) }
        Guard.watch('error', client.instance_method(:send_error_response), :call, :return) { |at| tells(at) }
        Guard.watch('init error', client.instance_method(:send_init_error), :call) do |at|
          INVOCATIONS.init_failed(at.binding.local_variable_get(:error_object))
        end
      end

      # What was raised instead of returned shows as nil.
      def fetched(event)
        INVOCATIONS.begin(*event) if event
      end

      def answers(at)
        return @posted_at = Guard.now if at.event == :call
        return if at.return_value.nil? # it was raised, and the client will tell of that next

        # What is no text, the client reads when it posts it, and puts the text in its place.
        INVOCATIONS.answered(at.binding.local_variable_get(:response_object), @posted_at)
      end

      def tells(at)
        return @posted_at = Guard.now if at.event == :call

        INVOCATIONS.failed(at.binding.local_variable_get(:error_object), @posted_at)
      end
    end
  end
end
