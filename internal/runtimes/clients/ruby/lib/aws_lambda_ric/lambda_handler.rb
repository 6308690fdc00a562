# frozen_string_literal: true

# The user's method, named as FILE.METHOD or FILE.CLASS.METHOD.
class LambdaHandler
  attr_reader :handler_file_name, :handler_method_name

  def initialize(env_handler:)
    parts = env_handler.split('.')
    unless [2, 3].include?(parts.size)
      raise ArgumentError, "Invalid handler #{env_handler.inspect}: it has to be FILE.METHOD, or FILE.CLASS.METHOD " \
                           'for a method of a class or module, where FILE.rb is a file of the function'
    end
    @handler_file_name, *@handler_class, @handler_method_name = parts
  end

  # Calls the method and returns what the marshaller makes of its result. Raises LambdaHandlerError, or
  # LambdaHandlerCriticalException for what ends the process: an unknown name, SystemExit and whatever else
  # is no StandardError.
  def call_handler(request:, context:)
    # A method at the top level of a file is a private method of every object, this one too.
    receiver = @handler_class.empty? ? self : Kernel.const_get(@handler_class.first)
    AwsLambda::Marshaller.marshall_response(receiver.__send__(@handler_method_name, event: request, context: context))
  rescue NameError => e
    raise LambdaErrors::LambdaHandlerCriticalException.new(e)
  rescue StandardError => e
    raise LambdaErrors::LambdaHandlerError.new(e)
  rescue Exception => e
    raise LambdaErrors::LambdaHandlerCriticalException.new(e)
  end
end
