"""A function that prints what it got, and fails or answers as its event says."""

import json
import os
import urllib.request


def handler(event, context):
    print("GOT " + json.dumps({
        "event": event, "requestId": context.aws_request_id, "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "arn": context.invoked_function_arn, "wrapped": os.environ.get("WRAPPED"),
    }))
    text = json.dumps(event)
    if "FAIL-ALWAYS" in text:
        raise ValueError("told to fail")
    records = event.get("Records", []) if isinstance(event, dict) else []
    early = [r for r in records if r.get("attributes", {}).get("ApproximateReceiveCount") == "1"]
    if any("FAIL-ONCE" in r["body"] for r in early):
        raise ValueError("told to fail once")
    if any("PARTLY" in r["body"] for r in early):
        return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in early if "PARTLY" in r["body"]]}
    if isinstance(event, dict) and "invoke" in event:
        return invoke(event["invoke"])
    if isinstance(event, dict) and "requestContext" in event:
        answer = {"statusCode": 201, "headers": {"x-own": "a", "content-type": "text/plain"}, "body": "made"}
        if event.get("version") == "2.0":
            answer["cookies"] = ["a=1; Secure", "b=2"]
        return answer
    return {"fine": True}


def invoke(function):
    address = os.environ["AWS_ENDPOINT_URL"] + "/2015-03-31/functions/" + function + "/invocations"
    request = urllib.request.Request(address, b'{"called": true}', {"X-Amzn-Trace-Id": os.environ["_X_AMZN_TRACE_ID"]})
    with urllib.request.urlopen(request) as answer:
        return {"answer": json.load(answer), "requestId": answer.headers["x-amzn-RequestId"]}
