"""http.client: every way of sending a body."""

import array
import http.client
import io
import tempfile
import urllib.parse

BIG = b"0123456789" * 10000
CALLS = [
    {"line": "POST /json", "request": b"bytes", "request_size": 5, "request_truncated": False},
    {"line": "POST /json?2", "request": b"text", "request_size": 4},
    {"line": "POST /json?3", "request": b"bytearray", "request_size": 9},
    {"line": "POST /json?4", "request": b"one two three ", "request_size": 14},
    {"line": "POST /json?5", "request": b"from a file", "request_size": 11},
    {"line": "POST /json?6", "request": b"from a list", "request_size": 11},
    {"line": "POST /json?7", "request": BIG[:32768], "request_size": 100000, "request_truncated": True},
    {"line": "POST /json?8", "request": BIG[:32768], "request_size": 100000, "request_truncated": True},
    {"line": "POST /json?9", "request": b"piece by piece", "request_size": 14},
    {"line": "POST /json?10", "request": b"by file", "request_size": 7},
    {"line": "POST /json?11", "request": b"", "request_size": None, "request_truncated": True},
    {"line": "PUT /json?12", "request": None},
    {"line": "POST /json?13", "request": b"12", "request_size": 2},
    {"line": "POST /json?14", "request": b"in text", "request_size": 7},
    {"line": "POST /json?15", "request": b"head and body", "request_size": 13},
]


def words():
    yield b"one "
    yield b""
    yield b"two "
    yield b"three "


def run(base):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc)

    def post(target, method="POST", **arguments):
        connection.request(method, target, **arguments)
        print(connection.getresponse().read())

    def pieces(target, length, *parts):
        connection.putrequest("POST", target)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        for part in parts:
            connection.send(part)
        print(connection.getresponse().read())

    post("/json", body=b"bytes")
    post("/json?2", body="text")
    post("/json?3", body=bytearray(b"bytearray"))
    post("/json?4", body=words())
    with tempfile.TemporaryFile() as file:
        file.write(b"from a file")
        file.seek(0)
        post("/json?5", body=file)
        print(file.tell())
    post("/json?6", body=[b"from ", b"a ", b"list"], headers={"Content-Length": "11"})
    post("/json?7", body=BIG)
    post("/json?8", body=io.BytesIO(BIG))
    pieces("/json?9", 14, b"piece ", bytearray(b"by "), memoryview(b"piece"))
    pieces("/json?10", 7, io.BytesIO(b"by file"))
    pieces("/json?11", 11, iter([b"by ", b"iterator"]))
    post("/json?12", method="PUT")
    post("/json?13", body=memoryview(array.array("B", b"12")))
    post("/json?14", body=io.StringIO("in text"))
    connection.putrequest("POST", "/json?15")
    connection.putheader("Content-Length", 13)
    connection.endheaders(b"head and body")
    print(connection.getresponse().read())
