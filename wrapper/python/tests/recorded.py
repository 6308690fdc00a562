"""Reads what the hook has written, as plainly as it can: the format's own reader is tested in Go, with the same files."""

import json
import os


def records(directory):
    """Give all records of a spool as (file name, header, body), file by file in the order in which they were made."""
    found = []
    names = os.listdir(directory) if os.path.isdir(directory) else []
    for name in sorted(names, key=lambda name: (name.split(".")[1], int(name.split(".")[2]))):
        with open(os.path.join(directory, name), "rb") as file:
            data = file.read()
        head, _, rest = data.partition(b"\n")
        mark = head.rpartition(b" ")[2]
        while rest:
            line, _, rest = rest.partition(b"\n")
            at, length, header = line.split(b" ", 2)
            assert at == b"@" + mark, line
            body, rest = rest[: int(length)], rest[int(length) :]
            assert rest[:1] == b"\n", rest[:20]
            rest = rest[1:]
            header = json.loads(header)
            lines = part(header, body, "headers")[1]
            if lines is not None:
                header["headers"] = [line.split(": ", 1) for line in lines.decode("latin-1").split("\n") if line]
            found.append((name, header, body))
    return found


def part(header, body, of):
    """Give the description and the bytes of one part of a record."""
    at = 0
    for description in header.get("parts", ()):
        if description["of"] == of:
            return description, body[at : at + description["len"]]
        at += description["len"]
    return None, None


def calls(directory):
    """Give the calls, start and end put together, in the order in which they started."""
    found = {}
    for _, header, body in records(directory):
        if header["kind"] == "call.start":
            assert header["call"] not in found, "two calls have one name"
            found[header["call"]] = {"start": header, "end": None, "request": part(header, body, "request"), "response": (None, None)}
        if header["kind"] == "call.end":
            call = found[header["call"]]
            assert call["end"] is None, "a call ended twice"
            call["end"] = header
            call["response"] = part(header, body, "response")
            if part(header, body, "request")[0]:
                assert call["request"][0] is None, "a request was recorded twice"
                call["request"] = part(header, body, "request")
    return list(found.values())
