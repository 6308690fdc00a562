# frozen_string_literal: true

# Writes messages to the platform's log channel. Each has a head, so that a message of many lines stays
# one: type and length in 4 bytes each, the time in microseconds in 8, all big-endian.
class TelemetryLogSink < Logger::LogDevice
  TEXT = 0xa55a0003

  def initialize(file:)
    @file = file
    @lock = Mutex.new
  end

  def write(msg)
    return $stdout.write(msg) if @file.nil? || @file.closed?

    micros = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
    @lock.synchronize { @file.write([TEXT, msg.bytesize, micros].pack('L>L>Q>'), msg) }
  end

  # The channel is the platform's: nobody rotates it, nobody closes it.
  def reopen(_log = nil); end
  def close; end
end

# A line of Logger on the platform's channel, with the id of the invocation.
class LogFormatter < Logger::Formatter
  def call(severity, time, progname, msg)
    format('%s, [%s #%d] %5s %s -- %s: %s', severity[0], format_datetime(time), Process.pid, severity,
           $_global_aws_request_id, progname, msg2str(msg)).encode('UTF-8')
  end
end

# Sends loggers of the standard outputs to the platform's channel; those of files stay what they are.
module LoggerPatch
  def initialize(logdev = nil, *args, formatter: nil, level: Logger::DEBUG, **options)
    if logdev.nil? || logdev.equal?($stdout) || logdev.equal?($stderr)
      logdev = AwsLambdaRIC::TelemetryLogger.telemetry_log_sink
      formatter ||= LogFormatter.new
    end
    super(logdev, *args, formatter: formatter, level: level, **options)
  end
end

module AwsLambdaRIC
  # Takes over puts and Logger if the platform gives a log channel.
  class TelemetryLogger
    SETTING = '_LAMBDA_TELEMETRY_LOG_FD'

    class << self
      attr_accessor :telemetry_log_fd_file, :telemetry_log_sink

      # The setting is taken away: a program that the function starts has no such descriptor.
      def from_env
        fd = ENV.delete(SETTING)
        new(fd) if fd
      end

      def close
        telemetry_log_fd_file&.close
      end
    end

    def initialize(telemetry_log_fd)
      file = IO.new(Integer(telemetry_log_fd), 'wb')
      file.sync = true
      self.class.telemetry_log_fd_file = file
      self.class.telemetry_log_sink = TelemetryLogSink.new(file: file)
      Logger.prepend(LoggerPatch)
      take_over_puts
    rescue SystemCallError, ArgumentError
      # No such descriptor: what is written goes to the standard output, as without one.
    end

    private

    def take_over_puts
      Kernel.module_eval do
        def puts(*args)
          text = args.flatten.map { |a| a.to_s.encode('UTF-8') }.join("\n")
          text += "\n" unless text.end_with?("\n")
          AwsLambdaRIC::TelemetryLogger.telemetry_log_sink.write(text)
          nil
        end
      end
    end
  end
end
