"""http.client: every way of reading a response."""

import http.client
import io
import urllib.parse

CHUNKED = b"first line\nsecond line\nthird" + b"x" * 100 + b"\r\nend"
GOT = b'{"got": 0}'
CALLS = [
    {"line": "GET /json", "status": 200, "response": GOT, "response_size": 10, "response_truncated": False},
    {"line": "GET /json?2", "status": 200, "response": GOT},
    {"line": "GET /json?3", "status": 200, "response": GOT},
    {"line": "GET /json?4", "status": 200, "response": GOT},
    {"line": "GET /json?5", "status": 200, "response": GOT},
    {"line": "GET /chunked", "status": 200, "response": CHUNKED, "response_size": len(CHUNKED)},
    {"line": "GET /chunked?2", "status": 200, "response": CHUNKED},
    {"line": "GET /chunked?3", "status": 200, "response": CHUNKED},
    {"line": "GET /chunked?4", "status": 200, "response": CHUNKED},
    {"line": "GET /chunked?5", "status": 200, "response": CHUNKED},
    {"line": "GET /chunked?6", "status": 200, "response": CHUNKED},
    {"line": "GET /until-close", "status": 200, "response": b"read until the end"},
    {"line": "GET /until-close?2", "status": 200, "response": b"read until the end"},
    {"line": "GET /old", "status": 200, "response": b"old", "proto": "HTTP/1.0"},
    {"line": "HEAD /json", "status": 200, "response": b"", "response_size": 0},
    {"line": "DELETE /empty", "status": 204, "response": b"", "response_size": 0},
    {"line": "GET /same", "status": 304, "response": b"", "response_size": 0},
]


def run(base):
    place = urllib.parse.urlsplit(base).netloc
    connection = http.client.HTTPConnection(place)

    def get(target, method="GET"):
        connection.request(method, target)
        return connection.getresponse()

    def piecewise(response, size):
        pieces = []
        while True:
            piece = response.read(size)
            if not piece:
                return pieces
            pieces.append(piece)

    def into(response, size):
        room, pieces = bytearray(size), []
        while True:
            length = response.readinto(memoryview(room))
            if not length:
                return pieces
            pieces.append(bytes(room[:length]))

    print(get("/json").read())
    print(piecewise(get("/json?2"), 3))
    print(into(get("/json?3"), 4))
    response = get("/json?4")
    print(response.readline(), response.read())
    print(io.BufferedReader(get("/json?5")).read())
    print(get("/chunked").read())
    print(piecewise(get("/chunked?2"), 7))
    print(into(get("/chunked?3"), 7))
    print(list(get("/chunked?4")))
    print(get("/chunked?5").readlines())
    response = get("/chunked?6")
    print(response.peek(4)[:5], response.read1(4), response.read1(), b"".join(iter(lambda: response.read1(50), b"")))
    print(get("/until-close").read())
    print(piecewise(get("/until-close?2"), 5))
    print(get("/old").read())
    response = get("/json", "HEAD")
    print(response.read(), response.isclosed(), response.getheader("Content-Length"))
    print(get("/empty", "DELETE").read())
    print(get("/same").read())
    connection.close()
