# frozen_string_literal: true

# The Runtime API, spoken over Net::HTTP as AWS's gem does: whoever patches Net::HTTP sees this traffic and
# has to let it pass.
class RapidClient
  API_VERSION = '2018-06-01'
  # An environment may be frozen for as long as it lives, and nothing else ends the wait for an event.
  EVENT_TIMEOUT = 1_000_000
  # RAPID refuses a request whose headers are longer; the cause is left out then.
  MAX_HEADER_SIZE_BYTES = 1024 * 1024

  def initialize(server_address, user_agent)
    @host, port = server_address.split(':')
    @port = Integer(port)
    @headers = { 'User-Agent' => user_agent }
  end

  # Returns the request id and the response that has the event.
  def next_invocation
    http = Net::HTTP.new(@host, @port)
    http.read_timeout = EVENT_TIMEOUT
    response = http.start { |connection| connection.get("/#{API_VERSION}/runtime/invocation/next", @headers) }
    raise LambdaErrors::InvocationError, "The Runtime API answered #{response.code} and no event." unless response.is_a?(Net::HTTPSuccess)

    [response['Lambda-Runtime-Aws-Request-Id'], response]
  rescue LambdaErrors::InvocationError
    raise
  rescue SignalException => e
    raise LambdaErrors::InvocationError, "Interrupted by #{e} while waiting for an event."
  rescue StandardError => e
    raise LambdaErrors::InvocationError, e
  end

  def send_response(request_id:, response_object:, content_type: 'application/json')
    body = content_type == AwsLambda::Marshaller::RAW ? response_object.read : response_object
    post("invocation/#{request_id}/response", body, 'Content-Type' => content_type)
  rescue StandardError => e
    raise LambdaErrors::LambdaRuntimeError.new(e)
  end

  def send_error_response(request_id:, error_object:, error:, xray_cause:)
    headers = { 'Lambda-Runtime-Function-Error-Type' => error.runtime_error_type }
    headers['Lambda-Runtime-Function-XRay-Error-Cause'] = xray_cause if xray_cause.bytesize < MAX_HEADER_SIZE_BYTES
    post("invocation/#{request_id}/error", error_object.to_json, headers)
  rescue StandardError => e
    raise LambdaErrors::LambdaRuntimeError.new(e)
  end

  def send_init_error(error_object:, error:)
    post('init/error', error_object.to_json, 'Lambda-Runtime-Function-Error-Type' => error.runtime_error_type)
  rescue StandardError => e
    raise LambdaErrors::LambdaRuntimeInitError.new(e)
  end

  private

  def post(path, body, headers)
    Net::HTTP.new(@host, @port).start do |connection|
      connection.post("/#{API_VERSION}/runtime/#{path}", body, @headers.merge(headers))
    end
  end
end
