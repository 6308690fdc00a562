def handler(event:, context:)
  { hello: event['name'], wrapped: ENV.fetch('WRAPPED', 'no') }
end
