# frozen_string_literal: true

# Becomes /var/runtime/index.rb: starts the runtime client that lies beside it, AWS's own gem if this
# machine had it at installation, else ours. Both have the same names (see aws_lambda_ric.rb).

# Where the local Lambda has no mount namespace, layers have another name; a function has no use for it.
ENV.delete('LAMBDA_LOCAL_OPT')

$LOAD_PATH.unshift(*Dir[File.join(__dir__, 'gems', 'aws_lambda_ric-*', 'lib')])
require 'aws_lambda_ric'

AwsLambdaRIC::Bootstrap.new.start
