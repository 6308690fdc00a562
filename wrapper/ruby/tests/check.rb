# frozen_string_literal: true

# What the hook's own tests are written with: no gem, because the Rubies that they run on may have none.
#
# Each test has a process of its own, a fork of the one that has loaded the hook's parts: the hook keeps state in modules, and
# some tests break the process. What a test writes to standard error is given to it, not shown.

require 'stringio'
require 'tmpdir'

ENV['AFTERGLOW_DISABLED'] = 'true' # loads start.rb, which defines the parts, and starts nothing
require_relative '../start'

# A test that did not hold.
class Wrong < StandardError; end

def equal(want, got, of = nil)
  raise Wrong, "#{of}#{': ' if of}got #{got.inspect}, want #{want.inspect}" unless want == got
end

def holds(condition, what)
  raise Wrong, what unless condition
end

def raises(kind)
  yield
rescue kind => e
  e
else
  raise Wrong, "nothing was raised, want #{kind}"
end

# Gives what is written to the descriptor of standard error meanwhile.
def said
  Dir.mktmpdir do |directory|
    kept = $stderr.dup
    $stderr.reopen("#{directory}/said", 'w')
    begin
      yield
    ensure
      $stderr.reopen(kept)
    end
    File.read("#{directory}/said")
  end
end

# Gives how deep something can be called before the stack ends.
def room(&at_the_end)
  (1..).bsearch { |depth| deep(depth, &at_the_end).nil? } - 1
end

# Calls something so many calls deeper; gives nothing where the stack ends before.
def deep(depth, &at_the_end)
  depth.zero? ? (at_the_end.call || true) : deep(depth - 1, &at_the_end)
rescue SystemStackError
  nil
end

# Runs a test and says what became of it. The test's process ends without the hook's at_exit.
def check(name)
  $stdout.flush
  pid = fork do
    yield
    exit!(0)
  rescue Exception => e # whatever it is, the test has not passed
    puts "FAIL #{File.basename($PROGRAM_NAME)}: #{name}: #{e.class}: #{e.message}", *e.backtrace.first(3).map { |line| "    #{line}" }
    $stdout.flush
    exit!(1)
  end
  _, status = Process.wait2(pid)
  puts "ended by #{status.inspect}: #{name}" if status.exitstatus.nil?
  $failed = true unless status.success?
end

at_exit { exit!(1) if $failed }
