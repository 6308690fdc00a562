"""A function with an HTTP call, a line in its log, and the ends that an invocation can have."""
import os
import urllib.error
import urllib.request


def handler(event, context):
    for n in range(event.get("calls", 1)):
        body = ('{"order":"A-%d","password":"hunter2hunter2","note":"' % n + "n" * event.get("bytes", 0) + '"}').encode()
        request = urllib.request.Request(os.environ["PEER"] + "/orders?token=hunter2hunter2", body, {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request).read()
        except urllib.error.HTTPError:
            pass
    print("took order A-1, password=hunter2hunter2")
    if event.get("fail"):
        raise ValueError("no such order: password=hunter2hunter2")
    return {"statusCode": 200, "body": "{\"ok\":true}"}
