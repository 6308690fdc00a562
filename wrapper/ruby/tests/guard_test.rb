# frozen_string_literal: true

# Every way through guard.rb.

require_relative 'check'
require 'timeout'
AfterglowHook.part('guard')

GUARD = AfterglowHook::Guard

# Stands for a library.
class Library
  def answer(number = 1)
    number + 1
  end

  def fails = raise(IOError, 'of the library')

  attr_reader :written # of C's making: it has no lines

  def with_block = yield

  # Goes deeper by itself than the hook's way to its guard, as all methods do that the hook looks at.
  def deeper = deepest(6)
  def deepest(left) = left.zero? || deepest(left - 1)
end

def watch(method, *events, &observer)
  GUARD.watch('test', Library.instance_method(method), *events, &observer)
end

# Code that looks like the hook's own, as failures of it come from its files.
def ours(code) = eval(code, TOPLEVEL_BINDING, "#{GUARD::HERE}ours.rb", 7)

check 'an observer sees a call and its return, and the method stays what it is' do
  before = [Library.instance_method(:answer), Library.ancestors, Library.instance_methods(false)]
  seen = []
  watch(:answer, :call, :return) { |at| seen << [at.event, at.binding.local_variable_get(:number), (at.return_value if at.event == :return)] }
  equal(6, Library.new.answer(5))
  equal([[:call, 5, nil], [:return, 5, 6]], seen)
  equal(before, [Library.instance_method(:answer), Library.ancestors, Library.instance_methods(false)])
end

check 'what fails in the hook is told once and changes nothing' do
  failing = ours('proc { |_| raise ArgumentError, "secret" }')
  watch(:answer, :call, &failing)
  lines = said { 3.times { equal(2, Library.new.answer) } }
  equal("afterglow: ruby hook: test failed: ArgumentError at ours.rb:7; the function is not affected\n", lines)
  equal(false, GUARD.off?)
end

check 'after eight failures the hook lets go' do
  calls = 0
  watch(:answer, :call, &ours('proc { |counter| proc { |_| counter.call; raise "x" } }').call(-> { calls += 1 }))
  lines = said { 20.times { equal(2, Library.new.answer) } }
  equal(8, calls)
  equal(true, GUARD.off?)
  holds(lines.lines.last.include?('off after 8 failures'), lines)
  equal(nil, GUARD.run('test') { raise 'is not run' })
end

check 'not even what is no StandardError gets out' do
  lines = said do
    equal(nil, GUARD.run('test', &ours('proc { |_| raise NotImplementedError }')))
  end
  equal(1, lines.lines.size, lines)
end

check 'the end of the stack or of the memory is no failure, and passes' do
  lines = said do
    9.times do
      equal(nil, GUARD.run('test', &ours('proc { |_| raise NoMemoryError }')))
      equal(nil, GUARD.run('test', &ours('endless = proc { endless.call }')))
    end
  end
  equal(['', false], [lines, GUARD.off?])
end

check 'a function at the end of its stack gets as far as it would' do
  library = Library.new
  plain = room { library.deeper }
  watch(:deeper, :call) { |_| deep(30) { true } }
  equal(plain, room { library.deeper })
end

check 'run gives what the piece gives' do
  equal(7, GUARD.run('test') { 7 })
end

check 'an exit, a signal and an interrupt go on' do
  raises(SystemExit) { GUARD.run('test', &ours('proc { |_| exit(3) }')) }
  raises(Interrupt) { GUARD.run('test', &ours('proc { |_| raise Interrupt }')) }
end

check 'what a signal handler of the function raises goes on, without a frame of the hook' do
  trap('USR1') { raise Library.new.answer.to_s }
  watch(:answer, :return) { |_| nil }
  piece = ours('proc { |_| Process.kill("USR1", Process.pid); sleep(5) }')
  error = raises(RuntimeError) { GUARD.run('test', &piece) }
  equal('2', error.message)
  equal([], error.backtrace.grep(/\A#{GUARD::HERE}(?!tests)/))
  equal([], error.backtrace_locations.map(&:path).grep(/\A#{GUARD::HERE}(?!tests)/))
end

check 'what another thread raises waits until the hook is done' do
  done = false
  entered = Thread::Queue.new
  thread = Thread.new do
    Thread.current.report_on_exception = false
    GUARD.run('test') do
      entered << true
      sleep(0.05)
      done = true
    end
    sleep(60)
  end
  entered.pop
  thread.raise(KeyError, 'for the function')
  error = raises(KeyError) { thread.join }
  equal(true, done)
  equal([], error.backtrace.grep(/guard\.rb/))
end

check 'a timeout of the function reaches it, as its own' do
  watch(:with_block, :call) { |_| nil }
  raises(Timeout::Error) { Timeout.timeout(0.05) { Library.new.with_block { sleep(60) } } }
end

check 'a frozen error passes by as the same object' do
  error = IOError.new('frozen').freeze
  trap('USR1') { raise error }
  got = raises(IOError) { GUARD.run('test', &ours('proc { |_| Process.kill("USR1", Process.pid); sleep(5) }')) }
  equal(true, got.equal?(error))
end

check 'an error of the library passes by' do
  watch(:fails, :return) { |_| nil }
  plain = raises(IOError) { Library.new.fails }
  equal([], plain.backtrace.grep(/guard\.rb/))
end

check 'a line is told once, and as the level wants it' do
  equal("afterglow: ruby hook: a\n", said { 2.times { GUARD.say('warn', 'a') } })
  equal('', said { GUARD.say('info', 'b') })
  GUARD.level = 'off'
  equal('', said { GUARD.say('error', 'c') })
end

check 'without standard error nothing is told and nothing fails' do
  $stderr.reopen('/dev/full', 'w') # every write fails
  GUARD.say('error', 'd')
end

check 'a method is known by its name and its arguments' do
  equal(true, GUARD.known?(Library, :answer, %i[number]))
  equal(false, GUARD.known?(Library, :answer, %i[other]))
  equal(false, GUARD.known?(Library, :nothing, []))
  equal(false, GUARD.known?(Library, :written, [])) if Library.instance_method(:written).source_location.nil?
  equal(false, GUARD.known?(String, :upcase, []))
end
