# frozen_string_literal: true

# What can go wrong, in the forms that the Runtime API takes. An error keeps what it was made from as its
# message, and what it says about that to the caller.
module LambdaErrors
  # The Runtime API gave no event.
  class InvocationError < StandardError
  end

  class LambdaError < StandardError
    # A stack of endless recursion has ten thousand lines.
    MAX_FRAMES = 100
    # Frames that X-Ray is told of.
    MAX_CAUSE_FRAMES = 15
    # Errors of the language itself keep their name in the header; of all others it only says "user".
    NAMED = %w[ArgumentError Exception LoadError NameError NoMethodError StandardError SystemExit SystemStackError].freeze

    def initialize(original_error, classification = 'Function')
      @error_class = original_error.class.to_s
      @error_type = "#{classification}<#{@error_class}>"
      @error_message = original_error.message
      @frames = (original_error.backtrace_locations || []).first(MAX_FRAMES)
      super(original_error)
    end

    # The value of Lambda-Runtime-Function-Error-Type.
    def runtime_error_type
      NAMED.include?(@error_class) ? @error_type : 'Function<UserException>'
    end

    # What the caller gets.
    def to_lambda_response
      { errorMessage: @error_message, errorType: @error_type, stackTrace: @frames }
    end

    # The value of Lambda-Runtime-Function-XRay-Error-Cause.
    def to_xray_cause
      stack = @frames.first(MAX_CAUSE_FRAMES).map { |f| { path: f.path, line: f.lineno, label: f.label } }
      JSON.generate(working_directory: Dir.pwd, paths: Gem.path,
                    exceptions: [{ message: @error_message, type: @error_type, stack: stack }])
    end
  end

  # The handler raised; the environment goes on.
  class LambdaHandlerError < LambdaError
  end

  # The handler raised what no environment survives.
  class LambdaHandlerCriticalException < LambdaError
  end

  # The Runtime API did not take an answer.
  class LambdaRuntimeError < LambdaError
    def initialize(original_error)
      super(original_error, 'Runtime')
    end
  end

  # The code could not be loaded.
  class LambdaRuntimeInitError < LambdaError
    def initialize(original_error)
      super(original_error, 'Init')
    end
  end
end
