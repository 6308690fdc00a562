# frozen_string_literal: true

module AwsLambda
  # Makes an event out of what came and an answer out of what the handler returned. Functions replace these
  # methods to see other things than JSON.
  class Marshaller
    class << self
      # raw_request is the response of Net::HTTP that brought the event.
      def marshall_request(raw_request)
        raw_request['Content-Type'] == 'application/json' ? JSON.parse(raw_request.body) : raw_request.body
      end

      # Returns the body, or the body and its content type. What can be read goes out as it is.
      def marshall_response(method_response)
        case method_response
        when StringIO, IO then [method_response, RAW]
        else method_response.to_json
        end
      end
    end

    RAW = 'application/unknown'
  end
end
