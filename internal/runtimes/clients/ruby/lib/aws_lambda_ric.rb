# frozen_string_literal: true

# A runtime client for Ruby, for machines that cannot get AWS's gem aws_lambda_ric. It takes its handler
# from _HANDLER, its code from the working directory and its events from the Runtime API.
#
# It is written from the public contract: the Runtime API's documentation and the names that the gem is
# hooked at. The names are the seam. A hook that works on LambdaHandler#call_handler, on
# AwsLambdaRIC::LambdaRunner#send_init_error_to_server, on AwsLambda::Marshaller or on RapidClient works on
# either client; what these take, give and raise is the same.

require 'json'
require 'logger'
require 'net/http'
require 'stringio'
require 'uri'

require_relative 'aws_lambda_ric/lambda_errors'
require_relative 'aws_lambda_ric/aws_lambda_marshaller'
require_relative 'aws_lambda_ric/lambda_context'
require_relative 'aws_lambda_ric/lambda_handler'
require_relative 'aws_lambda_ric/lambda_server'
require_relative 'aws_lambda_ric/telemetry_log_sink'

$stdout.sync = true # a line that is still buffered when the environment freezes would be late by hours

module AwsLambdaRIC
  VERSION = 'afterglow'

  def self.get_user_agent
    "aws-lambda-ruby/#{RUBY_VERSION}-#{VERSION}"
  end

  # What the process exits with after an error that it does not survive, as the gem does: 252, 255, 254.
  EXIT_AFTER_INIT_ERROR = -4
  EXIT_AFTER_CRITICAL_ERROR = -1
  EXIT_AFTER_API_ERROR = -2

  # Loads the function and answers one event after another.
  class LambdaRunner
    def initialize(runtime_server_addr, user_agent)
      @lambda_server = RapidClient.new(runtime_server_addr, user_agent)
    end

    # Ends with the process only.
    def run(app_root, handler)
      exit(work(app_root, handler))
    ensure
      TelemetryLogger.close
    end

    private

    # Returns what the process is to exit with.
    def work(app_root, handler)
      $LOAD_PATH.unshift(app_root) unless $LOAD_PATH.include?(app_root)
      @lambda_handler = LambdaHandler.new(env_handler: handler)
      require @lambda_handler.handler_file_name
      code = nil
      code = answer(*next_invocation) until code
      code
    rescue Exception => e # code outside of the handler may raise anything, SystemExit too
      send_init_error_to_server(e)
      EXIT_AFTER_INIT_ERROR
    end

    def next_invocation
      request_id, response = @lambda_server.next_invocation
      $_global_aws_request_id = request_id # the log's formatter reads it, and users do
      trace_id = response['Lambda-Runtime-Trace-Id']
      ENV['_X_AMZN_TRACE_ID'] = trace_id if trace_id # without one the last invocation's stays
      [request_id, response, AwsLambda::Marshaller.marshall_request(response)]
    end

    # Returns nil if the environment can go on, else what the process is to exit with.
    def answer(request_id, response, event)
      body, content_type = @lambda_handler.call_handler(request: event, context: LambdaContext.new(response))
      @lambda_server.send_response(request_id: request_id, response_object: body,
                                   content_type: content_type || 'application/json')
      nil
    rescue LambdaErrors::LambdaHandlerError => e
      tell('Error raised from handler method', e)
      send_error_response(request_id, e)
      nil
    rescue LambdaErrors::LambdaHandlerCriticalException => e
      tell('Critical exception from handler', e)
      send_error_response(request_id, e)
      EXIT_AFTER_CRITICAL_ERROR
    rescue LambdaErrors::LambdaRuntimeError => e
      send_error_response(request_id, e)
      EXIT_AFTER_API_ERROR
    end

    def send_error_response(request_id, error)
      @lambda_server.send_error_response(request_id: request_id, error_object: error.to_lambda_response,
                                         error: error, xray_cause: error.to_xray_cause)
    end

    def send_init_error_to_server(err)
      error = LambdaErrors::LambdaRuntimeInitError.new(err)
      tell("Init error when loading handler #{ENV['_HANDLER']}", error)
      @lambda_server.send_init_error(error_object: error.to_lambda_response, error: error)
    end

    def tell(what, error)
      puts what
      puts JSON.pretty_generate(error.to_lambda_response)
    end
  end

  # What index.rb starts.
  class Bootstrap
    def start
      TelemetryLogger.from_env
      bootstrap_handler
    end

    def bootstrap_handler
      LambdaRunner.new(setting('AWS_LAMBDA_RUNTIME_API'), AwsLambdaRIC.get_user_agent).run(Dir.pwd, setting('_HANDLER'))
    end

    private

    def setting(name)
      value = ENV[name]
      return value unless value.nil?

      warn "The runtime client has nothing to do: the environment variable #{name} is not set."
      exit(EXIT_AFTER_API_ERROR)
    end
  end
end
