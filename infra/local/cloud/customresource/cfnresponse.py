"""What CloudFormation lays beside inline code: send() answers the event of a custom resource."""

import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    answer = {
        "Status": responseStatus,
        "Reason": reason or "See the log of " + context.log_stream_name,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "NoEcho": noEcho,
        "Data": responseData,
    }
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        answer[name] = event.get(name)
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request) as response:
        print("CloudFormation was answered:", response.status)
