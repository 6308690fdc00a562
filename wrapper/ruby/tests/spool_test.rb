# frozen_string_literal: true

# The writer of spool/FORMAT.md where something is in its way. That its bytes are right is what the vectors are for.

require_relative 'check'
require 'json'
AfterglowHook.part('guard')
AfterglowHook.part('settings')
AfterglowHook.part('spool')

# A spool in a folder of its own.
class Spooled
  attr_reader :directory

  def initialize(directory, env = {})
    @directory = directory
    @spool = AfterglowHook::Spool.new(AfterglowHook::Settings.new({ 'AFTERGLOW_SPOOL_DIR' => directory }.merge(env)), 'init')
  end

  def begin(id) = @spool.begin(id)
  def end = @spool.end
  def announce = @spool.announce
  def call(number, body = 'body') = @spool.record('call.start', 'A', AfterglowHook::Json.members('call' => number.to_s), [body.b])
  def ends(number) = @spool.record('call.end', 'A', '', ['x' * 65_000]) { ",\"call\":\"#{number}\"" }
  def vital = @spool.record('invocation.end', 'A', ',"dur":1', [], vital: true)

  def files = Dir.children(@directory).sort
  def bytes = files.map { |name| File.binread("#{@directory}/#{name}") }.join

  # Kinds of the records, with the number of calls and what was lost.
  def records
    bytes.scan(/@\h{16} \d+ ({.*})$/n).map do |header,|
      record = JSON.parse(header)
      [record['kind'], *record.values_at('call', 'reason', 'records').compact]
    end
  end
end

def spooled(env = {})
  Dir.mktmpdir { |directory| yield Spooled.new("#{directory}/spool", env) }
end

check 'a file for each invocation, renamed when it has ended' do
  spooled do |spool|
    spool.announce
    equal(["init.#{$$}.1.open"], spool.files)
    spool.begin('A')
    equal(["init.#{$$}.1.done"], spool.files)
    spool.call(1)
    spool.vital
    equal(["A.#{$$}.2.open", "init.#{$$}.1.done"], spool.files)
    spool.end
    equal(["A.#{$$}.2.done", "init.#{$$}.1.done"], spool.files)
    equal([%w[process], %w[call.start 1], %w[invocation.end], %w[process]], spool.records)
    equal([0o40700, 0o100600], [File.stat(spool.directory).mode, File.stat("#{spool.directory}/A.#{$$}.2.done").mode])
  end
end

check 'an id that is no name of a file is none there' do
  spooled do |spool|
    spool.begin('../../A')
    spool.call(1)
    equal(["none.#{$$}.1.open"], spool.files)
  end
end

check 'numbers go on from what an earlier process with this id has left' do
  spooled do |spool|
    Dir.mkdir(spool.directory)
    File.write("#{spool.directory}/B.#{$$}.41.done", '')
    spool.call(1)
    equal(["B.#{$$}.41.done", "init.#{$$}.42.open"], spool.files)
  end
end

check 'the folder is missing' do
  spooled do |spool|
    spool.begin('A')
    spool.call(1)
    Dir.children(spool.directory).each { |name| File.unlink("#{spool.directory}/#{name}") }
    Dir.rmdir(spool.directory)
    spool.call(2)
    spool.end
    equal([%w[process], %w[call.start 2], ['loss', 'deleted', 1]], spool.records)
  end
end

check 'a folder that cannot be made' do
  Dir.mktmpdir do |directory|
    File.write("#{directory}/file", '')
    spool = Spooled.new("#{directory}/file/spool")
    lines = said do
      spool.announce
      spool.begin('A')
      3.times { |n| spool.call(n) }
      spool.vital
      4.times do |n| # with 4, 5, 6 and 7 that are lost
        spool.end
        spool.call(n)
      end
      2.times { spool.end }
    end
    equal(["afterglow: ruby hook: the spool cannot be written (Errno::ENOTDIR); this function is not recorded\n",
           *[4, 8].map { |n| "afterglow: ruby hook: records lost so far: #{n}; the spool cannot be written\n" }], lines.lines)
  end
end

check 'a disk that is full, and then is not' do
  spooled do |spool|
    trap('XFSZ', 'IGNORE')
    spool.begin('A')
    spool.call(1)
    Process.setrlimit(Process::RLIMIT_FSIZE, spool.bytes.bytesize + 20, Process::RLIM_INFINITY)
    spool.call(2) # its first bytes are written
    spool.call(3)
    Process.setrlimit(Process::RLIMIT_FSIZE, Process::RLIM_INFINITY)
    spool.call(4)
    spool.end
    equal([%w[process], %w[call.start 1], %w[call.start 4], ['loss', 'write-failed', 2]], spool.records)
  end
end

check 'a first record that is cut short leaves no file' do
  spooled do |spool|
    trap('XFSZ', 'IGNORE')
    Process.setrlimit(Process::RLIMIT_FSIZE, 40, Process::RLIM_INFINITY)
    spool.call(1)
    equal([], spool.files)
  end
end

check 'no descriptor is left' do
  spooled do |spool|
    spool.announce
    soft, hard = Process.getrlimit(Process::RLIMIT_NOFILE)
    Process.setrlimit(Process::RLIMIT_NOFILE, 0, hard)
    spool.call(1) # goes to the file that is open
    spool.begin('A')
    spool.call(2)
    Process.setrlimit(Process::RLIMIT_NOFILE, soft, hard)
    spool.call(3)
    equal([%w[process], %w[call.start 3], ['loss', 'write-failed', 1], %w[process], %w[call.start 1]], spool.records)
  end
end

check 'its descriptor has a high number, and is closed with the file' do
  spooled do |spool|
    before = File.open('/dev/null', &:fileno)
    spool.begin('A')
    spool.call(1)
    equal(before, File.open('/dev/null', &:fileno))
    equal([60], Dir.children('/proc/self/fd').map(&:to_i).select { |number| number.between?(60, 63) })
    spool.end
    equal([], Dir.children('/proc/self/fd').map(&:to_i).select { |number| number.between?(60, 63) })
  end
end

check 'the function closes the descriptor, and is given its number' do
  spooled do |spool|
    spool.begin('A')
    spool.call(1)
    IO.for_fd(60, 'w').close
    Dir.mktmpdir do |directory|
      own = File.open("#{directory}/own", 'w')
      there = own.fcntl(0, 60) # F_DUPFD
      spool.call(2)
      spool.end
      GC.start
      own.write('its own')
      own.flush
      equal(['7', true], [File.size("/proc/self/fd/#{there}").to_s, IO.for_fd(there, 'w', autoclose: false).stat.ino == own.stat.ino])
    end
    equal([%w[process], %w[call.start 1], %w[call.start 2]], spool.records)
  end
end

check 'the function closes all that Ruby knows to be open' do
  spooled do |spool|
    spool.begin('A')
    spool.call(1)
    ObjectSpace.each_object(IO) { |io| io.close if io.fileno > 2 rescue nil }
    spool.call(2)
    spool.end
    equal([%w[process], %w[call.start 1], %w[call.start 2]], spool.records)
  end
end

check 'a fork leaves its parent’s descriptor alone' do
  spooled do |spool|
    spool.begin('A')
    spool.call(1)
    child = fork do
      spool.call(2)
      numbers = Dir.children('/proc/self/fd').map(&:to_i).select { |number| number.between?(60, 63) }
      exit!(numbers == [60, 61] ? 0 : 1)
    end
    _, status = Process.wait2(child)
    spool.call(3)
    spool.end
    equal([true, 3], [status.success?, spool.records.count { |kind,| kind == 'call.start' }])
  end
end

check 'past the cap of an invocation calls are counted, and its end is written' do
  spooled('AFTERGLOW_SPOOL_INVOCATION_BYTES' => '65536') do |spool|
    spool.begin('A')
    3.times { |n| spool.call(n, 'x' * 30_000) }
    spool.vital
    spool.end
    equal([%w[process], %w[call.start 0], %w[call.start 1], %w[invocation.end], ['loss', 'invocation-full', 1]], spool.records)
  end
end

check 'past the cap of an invocation there is a shorter one' do
  spooled('AFTERGLOW_SPOOL_INVOCATION_BYTES' => '65536') do |spool|
    spool.begin('A')
    equal([nil, nil, 'invocation-full'], [spool.call(1, 'x' * 65_000), spool.ends(1), spool.call(2, 'x' * 65_000)])
    equal([%w[process], %w[call.start 1], %w[call.end 1]], spool.records)
  end
end

check 'past the cap of the directory nothing is written until somebody has deleted' do
  spooled('AFTERGLOW_SPOOL_DIR_BYTES' => '1048576') do |spool|
    spool.begin('A')
    spool.call(1, 'x' * 1_100_000)
    spool.end
    spool.begin('B')
    said do
      spool.call(2)
      spool.end
    end
    equal(["A.#{$$}.1.done"], spool.files)
    File.unlink("#{spool.directory}/A.#{$$}.1.done")
    clock = AfterglowHook::Guard.now
    AfterglowHook::Guard.define_singleton_method(:now) { clock + 2_000_000 } # it is looked for again only after a while
    spool.begin('C')
    spool.call(3)
    spool.end
    equal([%w[process], %w[call.start 3], ['loss', 'spool-full', 1]], spool.records)
  end
end

check 'what is beyond the limits of the format is not written' do
  spooled do |spool|
    spool.begin('A')
    spool.call('n' * 262_144)
    spool.call(2, 'x' * 16_777_217)
    spool.end
    equal([%w[process], ['loss', 'too-large', 2]], spool.records)
  end
end

check 'a fork has files and calls of its own' do
  spooled do |spool|
    spool.begin('A')
    spool.call(1)
    child = fork do
      spool.call(2)
      spool.end
      exit!(0)
    end
    Process.wait(child)
    equal(["A.#{$$}.1.open", "A.#{child}.1.done"].sort, spool.files)
  end
end

check 'threads do not get in each other’s way' do
  spooled do |spool|
    spool.begin('A')
    8.times.map { |n| Thread.new { 50.times { |m| spool.call(n * 100 + m, 'x' * 2000) } } }.each(&:join)
    spool.end
    equal((0..7).flat_map { |n| (0..49).map { |m| (n * 100 + m).to_s } }.sort, spool.records.filter_map { |_, call| call }.sort)
  end
end

check 'a handler of a signal may come in the middle' do
  spooled do |spool|
    spool.begin('A')
    trap('USR1') { spool.call('signal') }
    200.times do |n|
      Process.kill('USR1', $$) if n == 100
      spool.call(n)
    end
    equal(202, spool.records.size)
  end
end

check 'a record is counted where a handler of a signal raises in its middle' do
  spooled do |spool|
    spool.begin('A')
    trap('USR1') { raise IOError, 'of the function' }
    time = AfterglowHook::Guard.time
    AfterglowHook::Guard.define_singleton_method(:time) { Process.kill('USR1', $$) && sleep(5) } # asked while a record is put together
    raises(IOError) { spool.call(1) }
    AfterglowHook::Guard.define_singleton_method(:time) { time }
    spool.call(2)
    spool.end
    equal([%w[process], %w[call.start 2], ['loss', 'write-failed', 1]], spool.records)
  end
end

check 'at the end of the stack nobody is locked out' do
  spooled do |spool|
    spool.begin('A')
    Fiber.new do # has a small stack
      most = room { true }
      pads = (0..30).map { |size| eval("->(piece) { #{(0..size).map { |n| "a#{n} = " }.join}nil; piece.call }") } # frames of all sizes
      pads.each { |pad| (0..40).each { |less| deep(most - less) { pad.call(-> { AfterglowHook::Guard.run('test') { spool.vital } }) } } }
      holds(Thread.new { spool.call('of another thread') }.join(10), 'the lock was left locked')
    end.resume
    spool.end
    holds(spool.records.include?(['call.start', 'of another thread']), spool.records)
  end
end
