'use strict';

// Fulfils orders that arrive over SQS: an order is written down, given to the shipping service, and its label is stored; the items of
// an order, which arrive in batches of their own, are written down. What fails is thrown: SQS puts it into the dead letter queue.

const { DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb');
const { S3Client, PutObjectCommand } = require('@aws-sdk/client-s3');

const SHIPPING_TIMEOUT_MS = 5000;

const dynamodb = new DynamoDBClient({});
const s3 = new S3Client({});

exports.handler = async (event) => {
  for (const record of event.Records) {
    const message = JSON.parse(record.body);
    if (message.sku) {
      await reserve(message);
    } else {
      await fulfil(message);
    }
  }
};

async function reserve(item) {
  await put(item.order_id, `item#${item.sku}`, { quantity: { N: String(item.quantity ?? 1) } });
}

async function fulfil(order) {
  await put(order.order_id, 'order', { ship_to: { S: String(order.ship_to ?? '') } });
  const label = await ship(order);
  await s3.send(
    new PutObjectCommand({
      Bucket: process.env.BUCKET_NAME,
      Key: `labels/${order.order_id}.json`,
      Body: JSON.stringify(label),
      ContentType: 'application/json',
    }),
  );
}

async function put(orderId, part, attributes) {
  await dynamodb.send(
    new PutItemCommand({
      TableName: process.env.TABLE_NAME,
      Item: { order_id: { S: orderId }, part: { S: part }, ...attributes },
    }),
  );
}

async function ship(order) {
  const response = await fetch(process.env.SHIPPING_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ order_id: order.order_id, ship_to: order.ship_to }),
    signal: AbortSignal.timeout(SHIPPING_TIMEOUT_MS),
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(`shipping answered ${response.status} to order ${order.order_id}: ${answer.error}`);
  }
  return answer;
}
