# frozen_string_literal: true

# The actor for Ruby: carries out the steps of stories. ../../README.md describes the verbs.

require 'json'
require 'logger'
require 'open3'
require 'rbconfig'
require_relative 'calls'
require_relative 'installed'

LOG = Logger.new($stdout)

# Threads that live as long as the function, made at init, as functions do.
class Pool
  def initialize(size)
    @queue = Thread::Queue.new
    size.times { Thread.new { work } }
  end

  def all(pieces)
    answers = Thread::Queue.new
    pieces.each_with_index { |piece, n| @queue << [n, piece, answers] }
    results = pieces.map { answers.pop }.sort_by(&:first).map(&:last)
    results.each { |result| raise result if result.is_a?(Exception) }
  end

  private

  def work
    while (n, piece, answers = @queue.pop)
      answers << [n, begin
        piece.call
      rescue StandardError => e
        e
      end]
    end
  end
end

POOL = Pool.new(4)

# An error with arguments of its own.
class Custom < StandardError
  def initialize(one, two, three:)
    super(one)
    @two = two
    @three = three
  end
end

# Cannot be made from its message, prints as it likes, and cannot be changed.
class Odd < StandardError
  def initialize(_one, _two)
    super()
    freeze
  end

  def message = 'odd €'
  def to_s = 'odd, as text'
  def exception(*) = self
end

# Fails when it is printed.
class Unprintable < StandardError
  def message = raise('cannot be printed')
end

# The verbs, a method each.
class Verbs
  def initialize(event, context)
    @event = event
    @context = context
  end

  def run(steps)
    steps.map do |step|
      (name, args), = step.to_a
      raise Unsupported, "the verb #{name}" unless self.class.method_defined?("do_#{name}")

      __send__("do_#{name}", args)
    end
  end

  def do_call(args)
    call = Call.new(args, @event)
    by = LIBRARIES[call.library] or raise Unsupported, "the library #{call.library}"
    __send__(by, call)
  rescue Unsupported
    raise
  rescue StandardError => e
    raise if args['raise']

    { 'error' => "#{e.class}: #{e.message}" }
  end

  def do_parallel(args)
    raise Unsupported, "parallel with #{args['with']}" unless args.fetch('with', 'threads') == 'threads'

    POOL.all(args['steps'].map { |step| -> { run([step]).first } })
  end

  def do_pool(args)
    POOL.all(Array.new(args['times']) { -> { run(args['steps']) } })
  end

  def do_thread(args)
    Thread.new { run(args['steps']) }.value
  end

  def do_later(args)
    Thread.new do
      sleep(args.fetch('ms', 0) / 1000.0)
      run(args['steps'])
    end
    nil
  end

  def do_generator(args)
    steps = Enumerator.new { |out| args['steps'].each { |step| out << run([step]).first } }
    Array.new(args['steps'].size) { steps.next } # by a fiber
  end

  def do_subprocess(args)
    child = JSON.generate(@event.merge('steps' => args['steps']))
    program = File.exist?('/var/lang/bin/ruby') ? '/var/lang/bin/ruby' : RbConfig.ruby
    out, err, status = Open3.capture3(program, File.expand_path(__FILE__), stdin_data: child)
    { 'code' => status.exitstatus, 'out' => out, 'err' => err }
  end

  def do_command(args)
    out, err, status = Open3.capture3(*args['argv'])
    { 'code' => status.exitstatus, 'out' => out, 'err' => err }
  end

  def do_fork(args)
    pid = fork do
      run(args['steps'])
      exit!(0)
    rescue Exception # whatever it is
      exit!(1)
    end
    Process.wait2(pid).last.exitstatus
  end

  def do_raise(args)
    message = args.fetch('message', 'it went wrong')
    case args.fetch('kind', 'plain')
    when 'plain' then raise ArgumentError, message
    when 'custom' then raise Custom.new(message, 2, three: 3)
    when 'odd' then raise Odd.new(message, 2)
    when 'deep' then deep(50, message)
    when 'chained' then chained(message)
    when 'async' then Fiber.new { do_raise('message' => message) }.resume
    when 'thread' then Thread.new { Thread.current.report_on_exception = false; do_raise('message' => message) }.value
    when 'unhandled' then unhandled(message)
    when 'stack' then deep(-1, message)
    when 'unprintable' then raise Unprintable, message
    when 'string' then throw message.to_sym
    else raise Unsupported, "to raise #{args['kind']}"
    end
  end

  def do_exit(args) = exit(args.fetch('code', 0))
  def do_abort(args) = exit!(args.fetch('code', 0))

  def do_kill(args)
    Process.kill(args.fetch('signal', 'KILL'), Process.pid)
    sleep(60)
  end

  def do_sleep(args)
    sleep(args['ms'] / 1000.0)
    nil
  end

  def do_print(args)
    text = args.fetch('text', 'a line')
    args.fetch('times', 1).times do
      case args.fetch('to', 'stdout')
      when 'stdout' then puts text
      when 'stderr' then warn text
      else LOG.warn(text)
      end
    end
    nil
  end

  def do_close(_args)
    [$stdout, $stderr].each(&:close)
    nil
  end

  def do_mutate(_args)
    @event['steps'] = nil
    @event['changed'] = true
    @event.delete('pad')
    nil
  end

  # The function itself puts something before its HTTP library's way to send.
  def do_patch(_args)
    Net::HTTP.class_eval do
      alias_method :request_as_it_was, :request
      def request(request, body = nil, &block)
        request['X-Patched'] = 'yes' if started?
        request_as_it_was(request, body, &block)
      end
    end
    Net::HTTP.instance_method(:request).name
  end

  def do_allocate(args)
    held = "\x01" * (args['mb'] << 20)
    held.bytesize
  end

  def do_environment(args) = args['names'].to_h { |name| [name, ENV.fetch(name, nil)] }

  def do_context(_args)
    [@context.aws_request_id, @context.function_name, @context.memory_limit_in_mb, @context.invoked_function_arn, !@context.log_stream_name.empty?]
  end

  # All the descriptors that there are but for some, for as long as the steps last.
  def do_descriptors(args)
    taken = []
    begin
      loop { taken << File.open('/dev/null') }
    rescue Errno::EMFILE
      nil
    end
    args.fetch('left', 0).times { taken.pop.close }
    run(args['steps'])
  ensure
    taken&.each(&:close)
  end

  def do_again(args) = handler(event: @event.merge('steps' => args['steps']), context: @context)

  # The wall clock steps, for this process: the function does it as test libraries do.
  def do_clock(args)
    seconds = args['seconds']
    now = Time.method(:now)
    gettime = Process.method(:clock_gettime)
    Time.define_singleton_method(:now) { |*given, **named| now.call(*given, **named) + seconds }
    Process.define_singleton_method(:clock_gettime) do |clock, unit = :float_second|
      time = gettime.call(clock, unit)
      step = { float_second: 1, second: 1, millisecond: 1000, microsecond: 1_000_000, nanosecond: 1_000_000_000 }.fetch(unit, 1)
      clock == Process::CLOCK_REALTIME ? time + seconds.to_i * step : time
    end
    nil
  end

  def do_return(args)
    case args.fetch('kind', 'value')
    when 'value' then args['value']
    when 'size' then 'r' * args['size']
    when 'binary' then (0..255).to_a.pack('C*')
    when 'unicode' then "grüße, мир, 世界 \u2028 \u{1f980} #{'€' * 1000}"
    when 'event' then @event
    when 'nothing' then nil
    when 'many' then Array.new(args['size']) { |n| { 'n' => n, 'text' => 'é' * (n % 10) } }
    when 'generator' then Enumerator.new { |out| 3.times { |n| out << n } }
    when 'proxy' then { 'statusCode' => args.fetch('status', 200), 'headers' => { 'X-A' => '1' }, 'body' => args.fetch('body', 'text') }
    when 'unserializable' then { 'number' => Float::NAN }
    else raise Unsupported, "to return #{args['kind']}"
    end
  end

  private

  def deep(n, message)
    raise ArgumentError, message if n.zero?

    deep(n - 1, message)
  end

  def chained(message)
    do_raise('message' => 'the cause')
  rescue ArgumentError
    raise message
  end

  # In a thread that nobody waits for.
  def unhandled(message)
    one = Thread.new { do_raise('message' => message) }
    sleep(0.01) while one.alive?
  end
end

def handler(event:, context:)
  return event unless event.is_a?(Hash) && event.key?('steps')

  steps = event['steps']
  begin
    results = Verbs.new(event, context).run(steps)
  rescue Unsupported => e
    return { 'unsupported' => e.message }
  end
  steps.last.key?('return') ? results.last : results
end

if $PROGRAM_NAME == __FILE__ # a child process
  print JSON.generate(handler(event: JSON.parse($stdin.read), context: nil))
elsif ENV.key?('STORY_INIT')
  at_init = JSON.parse(ENV['STORY_INIT'])
  Verbs.new(at_init, nil).run(at_init['steps'])
end
