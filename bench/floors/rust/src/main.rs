//! An external extension as one would write it on AWS's own crate: it subscribes to the Telemetry API, waits
//! for the end of each invocation, and exports a span of it with OpenTelemetry's own OTLP exporter before it
//! asks for the next event. It is there to be measured beside Afterglow's, so it does what is usual and useful,
//! and is told of nothing later than the crate allows.
//!
//! AWS_LAMBDA_RUNTIME_API and OTEL_EXPORTER_OTLP_ENDPOINT are in its environment, and TELEMETRY_PORT if it is
//! not to listen on the crate's own port.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_extension::{
    service_fn, Error, Extension, InvokeEvent, LambdaEvent, LambdaTelemetry, LambdaTelemetryRecord, LogBuffering,
    NextEvent, SharedService,
};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::sync::{mpsc, Mutex};

/// What is left of an invocation's time when an export is given up.
const MARGIN: Duration = Duration::from_millis(100);

/// The end of an invocation, as the Telemetry API told it.
struct Ended {
    request_id: String,
    at: SystemTime,
    status: String,
}

struct Worker {
    exporter: SpanExporter,
    ended: mpsc::UnboundedReceiver<Ended>,
    early: HashMap<String, Ended>, // of invocations whose event comes later
}

impl Worker {
    /// Waits for the end of the invocation and exports its span; the deadline ends both.
    async fn invocation(&mut self, e: InvokeEvent) {
        let begun = SystemTime::now();
        let left = (UNIX_EPOCH + Duration::from_millis(e.deadline_ms)).duration_since(begun).unwrap_or_default();
        let work = async {
            let Some(ended) = self.end_of(&e.request_id).await else { return };
            if let Err(error) = self.exporter.export(vec![span(&e, begun, &ended)]).await {
                println!("cannot export: {error}");
            }
        };
        if tokio::time::timeout(left.saturating_sub(MARGIN), work).await.is_err() {
            println!("no time left for the export of {}", e.request_id);
        }
    }

    async fn end_of(&mut self, id: &str) -> Option<Ended> {
        loop {
            if let Some(ended) = self.early.remove(id) {
                return Some(ended);
            }
            let ended = self.ended.recv().await?;
            self.early.insert(ended.request_id.clone(), ended);
        }
    }
}

/// The span of an invocation, under the trace that Lambda names.
fn span(e: &InvokeEvent, begun: SystemTime, ended: &Ended) -> SpanData {
    let root = e.tracing.value.split(';').find_map(|part| part.strip_prefix("Root=1-")).unwrap_or_default();
    let trace = TraceId::from_hex(&root.replace('-', "")).unwrap_or(TraceId::INVALID);
    let id = SpanId::from_hex(&e.request_id.replace('-', "")[..16]).unwrap_or(SpanId::INVALID);
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Server,
        name: Cow::from(std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()),
        start_time: begun,
        end_time: ended.at,
        attributes: vec![
            KeyValue::new("faas.invocation_id", e.request_id.clone()),
            KeyValue::new("cloud.resource_id", e.invoked_function_arn.clone()),
            KeyValue::new("status", ended.status.clone()),
        ],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("rust-extension").build(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let _ = rustls::crypto::ring::default_provider().install_default(); // it is the first
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
    let (tell, ended) = mpsc::unbounded_channel();
    let worker = Arc::new(Mutex::new(Worker { exporter, ended, early: HashMap::new() }));

    let events = service_fn(move |e: LambdaEvent| {
        let worker = worker.clone();
        async move {
            match e.next {
                NextEvent::Invoke(invoke) => worker.lock().await.invocation(invoke).await,
                NextEvent::Shutdown(_) => std::process::exit(0), // the crate itself would ask for one more event
            }
            Ok::<(), Error>(())
        }
    });
    let telemetry = SharedService::new(service_fn(move |records: Vec<LambdaTelemetry>| {
        for r in records {
            if let LambdaTelemetryRecord::PlatformRuntimeDone { request_id, status, .. } = r.record {
                let _ = tell.send(Ended { request_id, at: r.time.into(), status: format!("{status:?}") });
            }
        }
        async { Ok::<(), Error>(()) }
    }));

    let mut extension = Extension::new()
        .with_events(&["INVOKE", "SHUTDOWN"])
        .with_events_processor(events)
        .with_telemetry_types(&["platform"])
        // The shortest that Lambda allows.
        .with_telemetry_buffering(LogBuffering { timeout_ms: 25, max_bytes: 262_144, max_items: 1000 });
    if let Ok(port) = std::env::var("TELEMETRY_PORT") {
        extension = extension.with_telemetry_port_number(port.parse()?);
    }
    extension.with_telemetry_processor(telemetry).run().await
}
