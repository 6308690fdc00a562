//! A custom runtime on AWS's own crate: it answers an event with what it was and whom it was for, and
//! fails when the event asks for it.

use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if let Some(message) = event.payload.get("fail").and_then(Value::as_str) {
        return Err(message.into());
    }
    Ok(json!({
        "event": event.payload,
        "requestId": event.context.request_id,
        "arn": event.context.invoked_function_arn,
        "deadline": event.context.deadline,
        "trace": event.context.xray_trace_id,
        "function": event.context.env_config.function_name,
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
