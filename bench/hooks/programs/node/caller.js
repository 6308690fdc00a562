'use strict';
// Makes the calls that its event asks for.
const path = require('path');
const fs = require('fs');
const library = (name) => require(path.join(process.env.BENCH_LIBRARIES, name));

// openTelemetry has spans made of calls. It gives what has spans of invocations made as well, and all of them collected into batches and, at the end of each
// invocation, exported or thrown away. It goes before http is asked for, which it patches.
function openTelemetry() {
  const { NodeTracerProvider, BatchSpanProcessor } = library('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = library('@opentelemetry/exporter-trace-otlp-proto');
  const { registerInstrumentations } = library('@opentelemetry/instrumentation');
  const { HttpInstrumentation } = library('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } = library('@opentelemetry/instrumentation-undici');
  const nowhere = { export: (spans, done) => done({ code: 0 }), shutdown: async () => {}, forceFlush: async () => {} };
  const exporter = process.env.BENCH_OTEL === 'export' ? new OTLPTraceExporter() : nowhere;
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  provider.register();
  registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });
  const tracer = provider.getTracer('bench');
  return (handler) => async (event) => {
    try {
      return await tracer.startActiveSpan('invocation', (span) => handler(event).finally(() => span.end()));
    } finally {
      await provider.forceFlush();
    }
  };
}

const traced = process.env.BENCH_OTEL ? openTelemetry() : (handler) => handler;

const http = require('http');
const agent = new http.Agent({ keepAlive: true });
const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer 0123456789' };

const callers = {
  http: (method, url, body) => new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve(Buffer.concat(pieces)));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  }),
  fetch: async (method, url, body) => Buffer.from(await (await fetch(url, { method, headers, body })).arrayBuffer()),
};

exports.handler = traced(async (event) => {
  const call = callers[event.library];
  const body = event.body ? `{"document":"${'x'.repeat(event.body - 15)}"}` : undefined;
  const file = event.append ? fs.openSync(event.append, 'a', 0o600) : -1;
  let received = 0;
  for (let i = 0; i < event.calls; i++) {
    const answer = await call(body ? 'POST' : 'GET', event.url, body);
    received += answer.length;
    if (file >= 0) fs.writeSync(file, answer);
  }
  if (file >= 0) fs.closeSync(file);
  return { received };
});
