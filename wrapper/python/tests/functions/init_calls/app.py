"""Sends a request before the first invocation."""

import os
import urllib.request

ANSWER = urllib.request.urlopen(os.environ["PEER"] + "/at-init").read().decode()


def handler(event, context):
    return ANSWER
