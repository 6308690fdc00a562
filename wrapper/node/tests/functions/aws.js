'use strict';
// What AWS's SDK sends. Its requests ride on node:http, with streams, checksums and retries of its own.
const { Readable } = require('stream');

const config = { region: 'us-east-1', endpoint: `http://${process.env.PEER}/aws`, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' } };
const lazy = (load) => { let made; return () => (made = made || load()); };
const sqs = lazy(() => { const { SQS } = require('@aws-sdk/client-sqs'); return new SQS(config); });
const s3 = lazy(() => { const { S3 } = require('@aws-sdk/client-s3'); return new S3({ ...config, forcePathStyle: true }); });
const dynamodb = lazy(() => { const { DynamoDB } = require('@aws-sdk/client-dynamodb'); return new DynamoDB(config); });
const where = { Bucket: 'b', Key: 'k' };

const stories = {
  send: async () => (await sqs().sendMessage({ QueueUrl: `${config.endpoint}/000000000000/q`, MessageBody: 'hello' })).MessageId,
  put: async () => (await dynamodb().putItem({ TableName: 't', Item: { id: { S: '1' }, card: { S: '4111' } } })).$metadata.httpStatusCode,
  upload: async () => (await s3().putObject({ ...where, Body: 'a text' })).$metadata.httpStatusCode,
  stream: async () => (await s3().putObject({ ...where, Body: Readable.from([Buffer.from('in '), Buffer.from('pieces')]), ContentLength: 9 })).$metadata.httpStatusCode,
  download: async () => (await s3().getObject(where)).Body.transformToString(),
  retried: async () => (await dynamodb().putItem({ TableName: 'retried', Item: { id: { S: '1' } } })).$metadata.attempts,
  refused: async () => { try { await dynamodb().putItem({ TableName: 'refused', Item: {} }); } catch (e) { return [e.name, e.message, e.$metadata.httpStatusCode]; } },
};
exports.handler = async (event) => stories[event.story]();
