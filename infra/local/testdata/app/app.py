"""A CDK app for tests, without the CDK's library: it writes the cloud assembly itself, from state.json beside it.

state.json maps logical ids of functions to what is special about them: "code", "env", "queue", "custom", "properties". One with a
"queue" is given the messages of a queue of that name, one that is "custom" has to answer for a custom resource.
"""

import json
import os

out = os.environ["CDK_OUTDIR"]
with open("state.json") as file:
    state = json.load(file)
if "fail" in state:
    raise SystemExit(state["fail"])

resources = {}
for logical_id, function in state.items():
    resources[logical_id] = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "test-" + logical_id.lower(),
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/test",
            "Architectures": [os.environ["TEST_ARCHITECTURE"]],
            "Timeout": 30,
            "Code": {"ZipFile": function.get("code", "def handler(event, context): return 1")},
            "Environment": {"Variables": function.get("env", {})},
            **function.get("properties", {}),
        },
    }
    if function.get("custom"):
        resources[logical_id + "Custom"] = {
            "Type": "Custom::Test",
            "Properties": {"ServiceToken": {"Fn::GetAtt": [logical_id, "Arn"]}},
        }
    if "queue" in function:
        queue = logical_id + "Queue"
        resources[queue] = {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": function["queue"], "VisibilityTimeout": 60},
        }
        resources[logical_id + "Mapping"] = {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": [queue, "Arn"]},
                "FunctionName": {"Ref": logical_id},
                "BatchSize": 1,
            },
        }

with open(os.path.join(out, "Test.template.json"), "w") as file:
    json.dump({"Resources": resources}, file)
with open(os.path.join(out, "manifest.json"), "w") as file:
    json.dump(
        {
            "version": "36.0.0",
            "artifacts": {
                "Test": {
                    "type": "aws:cloudformation:stack",
                    "environment": os.environ.get("TEST_ENVIRONMENT", "aws://unknown-account/unknown-region"),
                    "properties": {"templateFile": "Test.template.json"},
                }
            },
        },
        file,
    )
