//! An external extension on AWS's own crate: it says what reaches it, and leaves the protocol to the crate.
//!
//! TELEMETRY_PORT in its environment makes it subscribe to the Telemetry API and listen there.

use lambda_extension::{service_fn, Error, Extension, LambdaEvent, LambdaTelemetry, NextEvent, SharedService};

async fn event(e: LambdaEvent) -> Result<(), Error> {
    match e.next {
        NextEvent::Invoke(invoke) => println!(
            "rust INVOKE {} {} deadline {} tracing {}",
            invoke.request_id, invoke.invoked_function_arn, invoke.deadline_ms, invoke.tracing.value
        ),
        NextEvent::Shutdown(shutdown) => {
            println!("rust SHUTDOWN {} deadline {}", shutdown.shutdown_reason, shutdown.deadline_ms);
            std::process::exit(0); // the crate itself would ask for one more event
        }
    }
    Ok(())
}

async fn telemetry(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for e in events {
        println!("rust telemetry {:?}", e.record);
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let extension = Extension::new().with_events(&["INVOKE", "SHUTDOWN"]).with_events_processor(service_fn(event));
    match std::env::var("TELEMETRY_PORT") {
        Ok(port) => {
            extension
                .with_telemetry_types(&["platform", "function"])
                .with_telemetry_port_number(port.parse()?)
                .with_telemetry_processor(SharedService::new(service_fn(telemetry)))
                .run()
                .await
        }
        Err(_) => extension.run().await,
    }
}
