'use strict';

// Stands in for two services of other companies, payment and shipping, where the example has no real ones to call.

exports.handler = async (event) => {
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body;
  const request = JSON.parse(body || '{}');
  switch (event.rawPath) {
    case '/payment':
      return answer(200, { payment_id: `pay-${request.order_id}`, status: 'paid' });
    case '/shipping':
      if (request.ship_to === 'nowhere') {
        return answer(500, { error: 'no carrier goes to nowhere' });
      }
      return answer(200, { label: `label-${request.order_id}`, ship_to: request.ship_to });
    default:
      return answer(404, { error: `nothing at ${event.rawPath}` });
  }
};

function answer(statusCode, body) {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
