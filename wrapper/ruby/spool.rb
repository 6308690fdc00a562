# frozen_string_literal: true

module AfterglowHook
  part 'json'

  VERSION = '0.1.0'

  # One file of the spool.
  #
  # It is opened for each record. A descriptor that stayed open would be one less for the function, would shift the numbers of
  # its own, and could be closed by it and given to something else between two records.
  class SpoolFile
    APPEND = File::WRONLY | File::APPEND # Ruby adds CLOEXEC
    FILE = ::File # the function may put something else in its place

    attr_reader :path, :size, :records

    def initialize(path, first)
      @mark = Random.urandom(8).unpack1('H*')
      @path = path
      @open = "#{path}.open"
      @size = 0
      @records = 0 # but for the process' description
      FILE.new(@open, APPEND | File::CREAT | File::EXCL, 0o600).close
      return if write("afterglow-spool 1 #{@mark}\n@#{@mark} 0 #{first}\n\n".b)

      FILE.unlink(@open)
      raise IOError, 'the first record was cut short'
    rescue SystemCallError => e
      FILE.unlink(@open) unless e.is_a?(Errno::EEXIST) || e.is_a?(Errno::ENOENT)
      raise
    end

    # Writes one record and tells whether all of it was written. opening is the beginning of its header, as far as fields.
    def append(length, opening, fields, bodies)
      data = "@#{@mark} #{length} #{opening}#{fields}}\n".force_encoding(Encoding::BINARY)
      bodies.each { |body| data << body }
      return false unless write(data << "\n")

      @records += 1
      true
    end

    def finish
      FILE.rename(@open, "#{@path}.done")
    end

    private

    def write(data)
      file = FILE.new(@open, APPEND)
      begin
        written = file.syswrite(data)
      ensure
        file.close
      end
      @size += written
      written == data.bytesize
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

    def initialize(settings, invocation)
      @settings = settings
      @invocation = invocation # names the next file
      anew
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
    # bodies, in binary, are what its parts describe. A vital one is written past the invocation's cap. The block gives fields of
    # a shorter one, without bodies, that is written where the cap leaves no room for the record.
    def record(kind, invocation, fields, bodies = [], vital: false)
      own
      alone do
        lacks = put(kind, invocation, fields, bodies, vital)
        lacks = put(kind, invocation, yield, [], true) if lacks == 'invocation-full' && block_given?
        if lacks
          lost(lacks, 1, @last)
        elsif @losses.key?('write-failed')
          write_losses(['write-failed'])
        end
        lacks
      end
    end

    private

    # What was inherited by a fork is the parent's.
    def own
      anew if @pid != Process.pid
    end

    def anew
      @pid = Process.pid
      @lock = Mutex.new
      @file = nil
      @number = nil # of the last file
      @uncollected = {} # name without state: bytes, of this process
      @uncollected_bytes = 0
      @looked = -LOOK_AGAIN
      @written = 0 # bytes in files of the invocation
      @calls = 0
      @losses = {} # reason: [records, bytes]
      @last = 0 # size of the last record
      @complained = 0
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
      opening = "{\"kind\":\"#{kind}\",\"inv\":#{quoted(invocation)},\"t\":#{Guard.time}"
      header = opening.bytesize + fields.bytesize + 1
      length = 0
      bodies.each { |body| length += body.bytesize }
      @last = size = header + length
      return 'too-large' if header > MOST_HEADER || length > MOST_BODY
      return 'invocation-full' if !vital && @written + size > @settings.invocation_bytes
      return 'spool-full' unless append(length, opening, fields, bodies)

      @written += size
      nil
    rescue SystemCallError, IOError
      'write-failed'
    end

    # The same one comes again and again.
    def quoted(invocation)
      return @quoted if @quoting.equal?(invocation)

      @quoting = invocation
      @quoted = Json.quote(invocation)
    end

    # Appends to the open file or to a new one; tells whether there was room for one.
    def append(length, opening, fields, bodies)
      2.times do
        file = @file || new_file
        return false if file.nil?
        raise IOError, 'the record was cut short' unless file.append(length, opening, fields, bodies)

        return true
      rescue Errno::ENOENT, Errno::ENOTDIR # somebody has deleted it
        raise if @file.nil?

        deleted(@file)
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
    rescue SystemCallError
      Guard.say('debug', 'a spool file could not be renamed')
    end

    def deleted(file)
      lost('deleted', file.records, file.size) if file.records.positive?
    end

    # Says how many records are lost of which the extension could not be told. If the spool stays as it is, nobody else will.
    def complain
      records = @losses.values.sum(&:first)
      Guard.say('warn', "records lost so far: #{records}; the spool cannot be written") if records > @complained
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
