# frozen_string_literal: true

# What a handler gets as context:.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :deadline_ms, :identity, :client_context, :tenant_id,
              :function_name, :function_version, :memory_limit_in_mb, :log_group_name, :log_stream_name

  # request answers to [] with the headers of the event.
  def initialize(request)
    @aws_request_id = request['Lambda-Runtime-Aws-Request-Id']
    @invoked_function_arn = request['Lambda-Runtime-Invoked-Function-Arn']
    @deadline_ms = request['Lambda-Runtime-Deadline-Ms'].to_i
    @identity = parsed(request['Lambda-Runtime-Cognito-Identity'])
    @client_context = parsed(request['Lambda-Runtime-Client-Context'])
    @tenant_id = presence(request['Lambda-Runtime-Aws-Tenant-Id'])
    @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    # Counted on the clock that nobody sets.
    @ends_at = monotonic + (@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond))
  end

  def get_remaining_time_in_millis
    [@ends_at - monotonic, 0].max
  end

  private

  def monotonic
    Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
  end

  def presence(header)
    header unless header.nil? || header.empty?
  end

  def parsed(header)
    JSON.parse(header) if presence(header)
  end
end
