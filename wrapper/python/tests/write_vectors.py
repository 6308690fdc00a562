"""Writes the records of the spool's vectors with the hook's own writer, for Go's reader to compare."""

import base64
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from _afterglow.spool import Spool  # noqa: E402
from _afterglow.start import Settings  # noqa: E402

manifest, directory = sys.argv[1:]
with open(manifest, encoding="utf-8") as file:
    vectors = json.load(file)
for vector in vectors:
    spool = Spool(Settings({"AFTERGLOW_SPOOL_DIR": os.path.join(directory, vector["name"])}), "vector")
    spool.begin("vector")
    for record in vector["records"]:
        header, body, at, parts = dict(record["header"]), base64.b64decode(record.get("body", "")), 0, []
        kind, invocation, _ = header.pop("kind"), header.pop("inv"), header.pop("t")
        for part in header.pop("parts", ()):
            parts.append((part, body[at : at + part["len"]]))
            at += part["len"]
        spool.record(kind, invocation, header, parts)
    spool.end()
