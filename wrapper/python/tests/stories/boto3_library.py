"""boto3: JSON and XML protocols, uploads that wait for 100 Continue, downloads, retries, an endpoint that is not there."""

import io
import logging

NEEDS = ("boto3", "botocore")
RAISES = True
ALIKE = (
    (rb"(?i)(amz-sdk-invocation-id: )[0-9a-f-]+", rb"\1#"),
    (rb"(?i)(x-amz-date: )\w+", rb"\1#"),
    (rb"Credential=\w+/\d+/", b"Credential=#/"),
    (rb"Signature=[0-9a-f]+", b"Signature=#"),
)
CALLS = [
    {"line": "POST /", "status": 200, "request_truncated": False},
    {"line": "POST /", "status": 200},
    {"line": "PUT /stored/key", "status": 200},
    {"line": "PUT /stored/from-file", "status": 200, "request": b"some more bytes", "request_size": 15},
    {"line": "GET /json/key", "status": 200, "response": b'{"got": 0}'},
    {"line": "GET /large/key", "status": 200, "partial": True},
    {"line": "GET /chunked/key", "status": 200},
    {"line": "HEAD /json/key", "status": 200},
    {"line": "PUT /unexpected/key", "status": 403},
    {"line": "GET /error/key", "status": 500, "response": b'{"why": "because"}'},
    {"line": "GET /error/key", "status": 500},
    {"line": "GET /vanish/key", "error": "RemoteDisconnected"},
    {"line": "GET /vanish/key", "error": "RemoteDisconnected"},
    {"line": "GET http://127.0.0.1:1/json/key", "error": "NewConnectionError"},
    {"line": "GET http://127.0.0.1:1/json/key", "error": "NewConnectionError"},
    {"line": "GET https://127.0.0.1:1/json/key", "error": "NewConnectionError"},
    {"line": "GET https://127.0.0.1:1/json/key", "error": "NewConnectionError"},
]


def attempt(what):
    try:
        answer = what()
        print({key: value for key, value in answer.items() if key in ("ETag", "ContentLength")} if isinstance(answer, dict) else answer)
    except Exception as error:
        print(type(error).__name__)
        logging.exception("failed", exc_info=error)


def run(base):
    import boto3
    from botocore.config import Config

    def client(service, endpoint=base):
        style = {"s3": {"addressing_style": "path"}} if service == "s3" else {}
        retries = {"total_max_attempts": 2, "mode": "standard"}
        return boto3.client(
            service, endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret",
            config=Config(retries=retries, read_timeout=20, connect_timeout=20, **style),
        )

    import botocore.retries.standard

    botocore.retries.standard.ExponentialBackoff.delay_amount = lambda self, context: 0
    attempt(lambda: client("sqs").send_message(QueueUrl=base + "/000000000000/q", MessageBody="hello"))
    attempt(lambda: client("dynamodb").get_item(TableName="orders", Key={"id": {"S": "1"}}))
    s3 = client("s3")
    attempt(lambda: s3.put_object(Bucket="stored", Key="key", Body=b"some bytes"))
    attempt(lambda: s3.put_object(Bucket="stored", Key="from-file", Body=io.BytesIO(b"some more bytes")))
    attempt(lambda: s3.get_object(Bucket="json", Key="key")["Body"].read())
    attempt(lambda: s3.get_object(Bucket="large", Key="key")["Body"].close())
    attempt(lambda: b"".join(s3.get_object(Bucket="chunked", Key="key")["Body"].iter_chunks(7)))
    attempt(lambda: s3.head_object(Bucket="json", Key="key"))
    attempt(lambda: s3.put_object(Bucket="unexpected", Key="key", Body=b"never sent"))
    attempt(lambda: s3.get_object(Bucket="error", Key="key"))
    attempt(lambda: s3.get_object(Bucket="vanish", Key="key"))
    attempt(lambda: client("s3", "http://127.0.0.1:1").get_object(Bucket="json", Key="key"))
    attempt(lambda: client("s3", "https://127.0.0.1:1").get_object(Bucket="json", Key="key"))
