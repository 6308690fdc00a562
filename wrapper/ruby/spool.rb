# frozen_string_literal: true

module AfterglowHook
  part 'json'

  VERSION = '0.1.0'

  # A descriptor that stays open between records: to open a file and to close it takes longer than to write to it.
  #
  # It has a high number, so that the function's own have those that they would have without it. The function may close it and be
  # given its number for something of its own, or delete the file; so the file is looked at before each use.
  class Descriptor
    # High, and below the 64 of the table that every process begins with: to have that grow in a process with threads, as Ruby is one, the kernel
    # waits until all cores have passed (expand_fdtable in its fs/file.c), for 5 to 20 ms of a cold start.
    LEAST = 60
    DUPLICATE = 1030 # F_DUPFD_CLOEXEC (fcntl(2)), the same on every architecture that Lambda has

    # Gives one for a file that is open; nil where there is none to be had.
    def self.of(file)
      new(IO.for_fd(file.fcntl(DUPLICATE, LEAST), File::WRONLY | File::APPEND)) if RUBY_PLATFORM.include?('linux')
    rescue SystemCallError
      nil
    end

    def initialize(io)
      @io = io.binmode
      io.sync = true
      stat = io.stat
      @device = stat.dev
      @inode = stat.ino
    end

    # Gives the file; nil if somebody else has its number.
    def file
      stat = @io.stat
      return abandon unless stat.ino == @inode && stat.dev == @device
      raise Errno::ENOENT if stat.nlink.zero?

      @io
    rescue Guard::Refused => e
      raise if e.is_a?(Errno::ENOENT)

      abandon
    end

    def close
      file&.close
    rescue Errno::ENOENT
      @io.close
    end

    private

    def abandon
      @io.autoclose = false
      nil
    rescue IOError
      nil # it was closed by the object that Ruby has for it
    end
  end

  # One file of the spool. Where no descriptor of it can be kept, it is opened for each record.
  class SpoolFile
    APPEND = File::WRONLY | File::APPEND # Ruby adds CLOEXEC
    FILE = ::File # the function may put something else in its place

    attr_reader :path, :size, :records

    def initialize(path, first)
      mark = Random.urandom(8).unpack1('H*')
      @at = "@#{mark}".b
      @path = path
      @open = "#{path}.open"
      @size = 0
      @records = 0 # but for the process' description
      file = FILE.new(@open, APPEND | File::CREAT | File::EXCL, 0o600)
      begin
        @kept = Descriptor.of(file)
      ensure
        file.close
      end
      return if write("afterglow-spool 1 #{mark}\n@#{mark} 0 #{first}\n\n".b)

      remove
      raise IOError, 'the first record was cut short'
    rescue SystemCallError => e
      remove unless e.is_a?(Errno::EEXIST) || e.is_a?(Errno::ENOENT)
      raise
    end

    # Writes one record and tells whether all of it was written. data begins with room for the mark; rest are pieces behind it.
    def append(data, rest)
      data[0, @at.bytesize] = @at
      whole = write(data, rest)
      @records += 1 if whole
      whole
    end

    def finish
      close
      FILE.rename(@open, "#{@path}.done")
    end

    # Lets go of it as it is.
    def close
      @kept&.close
      @kept = nil
    end

    private

    def remove
      close
      FILE.unlink(@open)
    end

    def write(data, rest = nil)
      file = @kept&.file
      return write_to(file, data, rest) if file

      @kept = nil
      file = FILE.new(@open, APPEND)
      begin
        file.binmode.sync = true
        write_to(file, data, rest)
      ensure
        file.close
      end
    end

    # Several pieces are written with one writev(2), which is what IO#write does where it may not wait.
    def write_to(file, data, rest)
      written = rest ? file.write(data, *rest) : file.syswrite(data)
      @size += written
      written == data.bytesize + (rest ? rest.sum(&:bytesize) : 0)
    end
  end

  # Where records are put together: memory that is used again, because what is new to the processor costs more than all that is done with it.
  class Scratch
    MARK = "@#{'0' * 16}".b.freeze # room for a file's
    USUAL = 8192
    MOST = 131_072 # more is not kept

    def initialize
      @data = nil
    end

    # Gives memory that begins with a mark. Who takes a second one before the first is back, as a signal's handler may, has one of its own.
    def take
      data = @data || (String.new(capacity: USUAL) << MARK)
      @data = nil
      data
    end

    # Takes it back. To clear a text altogether frees its memory.
    def back(data)
      return if data.bytesize > MOST

      data.force_encoding(Encoding::BINARY)[MARK.bytesize, data.bytesize - MARK.bytesize] = ''
      @data = data
    end
  end

  # The spool, spool/FORMAT.md, as one process writes it: files that the extension reads after the response has gone out. A forked
  # child starts anew, with files of its own.
  #
  # It takes records, gives nothing, and promises one write a record, never a wait: what cannot be written is counted, and the
  # counts are written when that works again.
  class Spool
    # Limits of the format, not of taste: a reader refuses what is beyond them.
    MOST_HEADER = 262_144
    MOST_BODY = 16_777_216
    ERROR_BYTES = 16_384 # of an error's message and of its stack
    URL_BYTES = 16_384 # longer ones exist only by mistake

    # Past this many files of which it is not known whether they were collected, or past the cap, the directory is looked
    # through for what the extension has deleted; not more often than this.
    MOST_UNCOLLECTED = 1000
    LOOK_AGAIN = 1_000_000 # microseconds

    # What Lambda hides from an extension, and it has to know.
    HIDDEN = %w[AWS_EXECUTION_ENV AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_INITIALIZATION_TYPE _HANDLER].freeze

    NAME = /\A[A-Za-z0-9-]{1,64}\z/

    # Bodies from this size on are written from where they are; below, putting the pieces together first costs less.
    LARGE = 65_536

    def initialize(settings, invocation)
      @settings = settings
      @invocation = invocation # names the next file
      @scratch = Scratch.new
      anew
      Guard.releases(self)
    end

    def next_call
      own
      "#{@pid}-#{@calls += 1}"
    end

    # Makes the file with the process' description, by which the extension knows that there is a hook.
    def announce
      alone { new_file }
    rescue SystemCallError, IOError => e
      Guard.say('warn', "the spool cannot be written (#{e.class}); this function is not recorded")
    end

    # An invocation starts: what is open belongs to the one before, or to none.
    def begin(invocation)
      own
      alone do
        finish
        @invocation = invocation
        @written = 0
      end
    end

    # The invocation has ended in this process. The rename tells the extension.
    def end
      own
      alone do
        write_losses(@losses.keys)
        complain
        finish
      end
    end

    def lost(reason, records, size)
      count = @losses[reason] ||= [0, 0]
      count[0] += records
      count[1] += size
    end

    # Writes one record, and gives the reason if it could not. fields are members of its header, as Json.members gives them;
    # bodies, in ASCII or in binary, are what its parts describe. A vital one is written past the invocation's cap. The block gives fields of
    # a shorter one, without bodies, that is written where the cap leaves no room for the record.
    def record(kind, invocation, fields, bodies = [], vital: false)
      own
      alone do
        lacks = 'write-failed' # unless it comes to its end: a signal's handler may raise at any line
        lacks = put(kind, invocation, fields, bodies, vital)
        lacks = put(kind, invocation, yield, [], true) if lacks == 'invocation-full' && block_given?
        lacks
      ensure
        if lacks
          lost(lacks, 1, @last)
        elsif @losses.key?('write-failed')
          write_losses(['write-failed'])
        end
      end
    end

    # Lets others in, wherever this thread's work has ended.
    def release
      @lock.unlock if @lock.owned?
    end

    private

    # What was inherited by a fork is the parent's.
    def own
      anew if @pid != Process.pid
    end

    def anew
      @lock = Mutex.new
      @file = nil # the collector closes this process' copy of its descriptor; to close one here could wait for a thread that is the parent's
      @number = nil # of the last file
      @uncollected = {} # name without state: bytes, of this process
      @uncollected_bytes = 0
      @looked = -LOOK_AGAIN
      @written = 0 # bytes in files of the invocation
      @calls = 0
      @losses = {} # reason: [records, bytes]
      @last = 0 # size of the last record
      @complained = 0
      @pid = Process.pid # last: until then nothing of it is this process'
    end

    # Keeps other threads out; a signal's handler may come in between. A fiber scheduler of the function's is not asked: it would
    # run other code of the function's in the middle of this.
    def alone(&piece)
      if @lock.owned?
        yield
      elsif Fiber.current_scheduler && Fiber.respond_to?(:blocking)
        Fiber.blocking { locked(&piece) }
      else
        locked(&piece)
      end
    end

    def locked
      wait unless @lock.try_lock
      begin
        yield
      ensure
        @lock.unlock
      end
    end

    def wait
      @lock.lock
    rescue ThreadError # a signal's handler may not wait; another thread has the lock for a write and no longer
      Thread.pass until @lock.try_lock
    end

    # Writes one record and gives the reason why it was not written. Its size is kept as the last one.
    def put(kind, invocation, fields, bodies, vital)
      data = @scratch.take
      length = bodies.sum(&:bytesize)
      header = header(data, length, kind, invocation, fields)
      @last = size = header + length
      return 'too-large' if header > MOST_HEADER || length > MOST_BODY
      return 'invocation-full' if !vital && @written + size > @settings.invocation_bytes
      return 'spool-full' unless append(data, length, bodies)

      @written += size
      nil
    rescue Guard::Refused
      'write-failed'
    ensure
      @scratch.back(data)
    end

    # Puts together what goes before the bodies, and gives how much of it is the header.
    def header(data, length, kind, invocation, fields)
      data << ' ' << length.to_s << ' '
      before = data.bytesize
      data << "{\"kind\":\"#{kind}\",\"inv\":#{quoted(invocation)},\"t\":#{Guard.time}" << (fields.ascii_only? ? fields : fields.b) << "}\n"
      data.bytesize - before - 1
    end

    # The same one comes again and again. What is kept is whole or not there, whatever a signal's handler does in between.
    def quoted(invocation)
      of, quoted = @quoted
      return quoted if of.equal?(invocation)

      quoted = Json.quote(invocation).b
      @quoted = [invocation, quoted]
      quoted
    end

    # Appends to the open file or to a new one; tells whether there was room for one.
    def append(data, length, bodies)
      if length >= LARGE
        rest = [*bodies, "\n"]
      else
        bodies.each { |body| data << body }
        data << "\n"
      end
      2.times do
        file = @file || new_file
        return false if file.nil?
        raise IOError, 'the record was cut short' unless file.append(data, rest)

        return true
      rescue Errno::ENOENT, Errno::ENOTDIR # somebody has deleted it
        raise if @file.nil?

        deleted(@file)
        @file.close
        @file = nil
      end
      raise IOError, 'the file was deleted again and again'
    end

    def new_file
      @file ||= make if room?
    end

    def make
      open
    rescue Errno::ENOENT
      make_directory
      @number -= 1 # no file has it
      open
    rescue Errno::EEXIST
      open # whoever made it, the next one has another name
    end

    def make_directory
      Dir.mkdir(@settings.directory, 0o700)
    rescue Errno::EEXIST
      nil # the extension was quicker
    end

    def open
      @number = (@number || last_number) + 1
      named = NAME.match?(@invocation) ? @invocation : 'none'
      process = { 'pid' => @pid, 'ppid' => Process.ppid, 'runtime' => 'ruby', 'version' => RUBY_VERSION, 'hook' => VERSION,
                  'env' => ENV.slice(*HIDDEN) }
      first = Json.encode('kind' => 'process', 'inv' => @invocation, 't' => Guard.time, 'process' => process)
      SpoolFile.new("#{@settings.directory}/#{named}.#{@pid}.#{@number}", first)
    end

    # Looks for files of an earlier process with this process' id, whose names must not be used again.
    def last_number
      make_directory unless Dir.exist?(@settings.directory) # asked, not tried: with $DEBUG, Ruby tells of each exception
      names.map { |name| name.match(/\A[^.]+\.#{@pid}\.(\d+)\.[^.]+\z/).to_a[1].to_i }.max || 0
    end

    def names
      Dir.children(@settings.directory)
    rescue Errno::ENOENT
      []
    end

    def room?
      look if @uncollected_bytes >= @settings.directory_bytes || @uncollected.size >= MOST_UNCOLLECTED
      @uncollected_bytes < @settings.directory_bytes
    end

    def look
      now = Guard.now
      return if now - @looked < LOOK_AGAIN

      @looked = now
      there = names.to_h { |name| [name.rpartition('.').first, true] }
      @uncollected.select! { |name, _| there[name] }
      @uncollected_bytes = @uncollected.values.sum
    end

    def finish
      file = @file
      @file = nil
      return if file.nil?

      @uncollected[File.basename(file.path)] = file.size
      @uncollected_bytes += file.size
      file.finish
    rescue Errno::ENOENT, Errno::ENOTDIR
      deleted(file)
    rescue Guard::Refused
      Guard.say('debug', 'a spool file could not be renamed')
    end

    def deleted(file)
      lost('deleted', file.records, file.size) if file.records.positive?
    end

    # Says how many records are lost of which the extension could not be told, and again when they are twice as many. If the spool stays as it is, nobody else will.
    def complain
      records = @losses.values.sum(&:first)
      return if records.positive? && records < 2 * @complained

      Guard.say('warn', "records lost so far: #{records}; the spool cannot be written") if records.positive?
      @complained = records
    end

    def write_losses(reasons)
      reasons.each do |reason|
        records, bytes = @losses.delete(reason)
        fields = Json.members('reason' => reason, 'records' => records, 'bytes' => bytes)
        lost(reason, records, bytes) if put('loss', @invocation, fields, [], true)
      end
    end
  end
end
