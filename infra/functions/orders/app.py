"""Takes an order over HTTP, has it paid and hands it over for fulfilment.

An order is {"order_id": "o-1", "customer": {"email": "…", "password": "…"}, "card_number": "…", "ship_to": "…",
"items": [{"sku": "tea", "quantity": 2}, …]}. The answer is 202 with the order's and the payment's id.
"""

import base64
import json
import os

import boto3
import requests

PAYMENT_TIMEOUT_SECONDS = 5
BATCH_LIMIT = 10  # entries that SQS takes in one request

sqs = boto3.client("sqs")


def handler(event, context):
    try:
        order = parse(event)
    except ValueError as problem:
        return answer(400, {"error": str(problem)})
    payment_id = pay(order)
    send_order(order)
    send_items(order)
    return answer(202, {"order_id": order["order_id"], "payment_id": payment_id})


def parse(event):
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    order = json.loads(body)  # its error is a ValueError
    if not isinstance(order, dict) or not order.get("order_id"):
        raise ValueError("an order has an order_id")
    items = order.get("items")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) and item.get("sku") for item in items):
        raise ValueError("an order has items, each with a sku")
    return order


def pay(order):
    response = requests.post(
        os.environ["PAYMENT_URL"],
        json={"order_id": order["order_id"], "card_number": order.get("card_number")},
        timeout=PAYMENT_TIMEOUT_SECONDS,
    )
    response.raise_for_status()
    return response.json()["payment_id"]


def send_order(order):
    # The card number has done its work and goes no further.
    message = {key: value for key, value in order.items() if key not in ("card_number", "items")}
    sqs.send_message(QueueUrl=os.environ["ORDERS_QUEUE_URL"], MessageBody=json.dumps(message))


def send_items(order):
    entries = [
        {"Id": str(number), "MessageBody": json.dumps({"order_id": order["order_id"], **item})}
        for number, item in enumerate(order["items"])
    ]
    for start in range(0, len(entries), BATCH_LIMIT):
        result = sqs.send_message_batch(QueueUrl=os.environ["ITEMS_QUEUE_URL"], Entries=entries[start : start + BATCH_LIMIT])
        if result.get("Failed"):
            raise RuntimeError(f"{len(result['Failed'])} items of order {order['order_id']} were not sent")


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
