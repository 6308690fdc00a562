"""Makes the calls that its event asks for."""

import os
import sys

sys.path.insert(0, os.environ["BENCH_LIBRARIES"])

import requests
import urllib3



def traced(handler):
    """Has spans made of calls and invocations, collected into batches, and at the end of each invocation exported, or thrown away."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter() if os.environ["BENCH_OTEL"] == "export" else Nowhere()))
    trace.set_tracer_provider(provider)
    # One of them for each call: requests rides on urllib3, and both would be counted.
    {"requests": RequestsInstrumentor, "urllib3": URLLib3Instrumentor}[os.environ["BENCH_LIBRARY"]]().instrument()
    tracer = trace.get_tracer("bench")

    def handle(event, context):
        try:
            with tracer.start_as_current_span("invocation"):
                return handler(event, context)
        finally:
            provider.force_flush()

    return handle


pool = urllib3.PoolManager()
session = requests.Session()
session.trust_env = False
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer 0123456789"}


def with_urllib3(method, url, body):
    return pool.request(method, url, body=body, headers=HEADERS).data


def with_requests(method, url, body):
    return session.request(method, url, data=body, headers=HEADERS).content


def handler(event, context):
    call = {"urllib3": with_urllib3, "requests": with_requests}[event["library"]]
    size = event.get("body", 0)
    body = b'{"document":"' + b"x" * (size - 15) + b'"}' if size else None
    file = os.open(event["append"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if "append" in event else -1
    received = 0
    for _ in range(event["calls"]):
        answer = call("POST" if body else "GET", event["url"], body)
        received += len(answer)
        if file >= 0:
            os.write(file, answer)
    if file >= 0:
        os.close(file)
    return {"received": received}


if "BENCH_OTEL" in os.environ:
    handler = traced(handler)
