"""requests: bodies of all kinds, streaming, retries, sessions, errors."""

import io
import logging
import socket
import warnings

NEEDS = ("requests",)
LARGE = bytes(range(256)) * 1000
CHUNKED = b"first line\nsecond line\nthird" + b"x" * 100 + b"\r\nend"
RAISES = True
CALLS = [
    {"line": "GET /json?q=%C3%A9", "status": 200, "response": b'{"got": 0}'},
    {"line": "POST /json", "status": 200, "request": b'{"card": "4111"}', "request_size": 16},
    {"line": "POST /json?form", "status": 200, "request": b"a=1&b=2"},
    {"line": "PUT /json?stream", "status": 200, "request": b"one two ", "request_size": 8},
    {"line": "POST /json?file", "status": 200, "request": b"a file", "request_size": 6},
    {"line": "GET /chunked", "status": 200, "response": CHUNKED, "response_truncated": False},
    {"line": "GET /chunked?lines", "status": 200, "response": CHUNKED},
    {"line": "GET /gzip", "status": 200, "response_truncated": False},
    {"line": "GET /large", "status": 200, "response": LARGE[:32768], "response_size": 256000, "response_truncated": True},
    {"line": "GET /large-chunked", "status": 200, "response": LARGE[:32768], "response_size": 256000},
    {"line": "GET /large?early", "status": 200, "partial": True, "response_size": None},
    {"line": "GET /large-chunked?early", "status": 200, "partial": True, "response_size": None},
    {"line": "HEAD /json", "status": 200},
    {"line": "GET /moved", "status": 307},
    {"line": "GET /json", "status": 200},
    {"line": "GET /error", "status": 500},
    {"line": "GET /vanish", "error": "RemoteDisconnected"},
    {"line": "GET /never", "error": socket.timeout.__name__},
    {"line": "GET http://127.0.0.1:1/", "error": "NewConnectionError"},
    {"line": "GET /half", "status": 200, "partial": True},
    {"line": "GET /half-chunked", "status": 200, "partial": True, "error": "IncompleteRead", "response": b"hello"},
    {"line": "POST /reject", "status": 413},
]


def attempt(what):
    try:
        response = what()
        print(response.status_code, dict(response.headers), response.content[:60], len(response.content))
    except Exception as error:
        print(type(error).__name__, type(error.__context__).__name__, [type(arg).__name__ for arg in error.args])
        logging.exception("failed", exc_info=error)


def words():
    yield b"one "
    yield b"two "


def run(base):
    warnings.simplefilter("ignore", ResourceWarning)
    import requests

    session = requests.Session()
    session.trust_env = False
    attempt(lambda: session.get(base + "/json", params={"q": "é"}))
    attempt(lambda: session.post(base + "/json", json={"card": "4111"}))
    attempt(lambda: session.post(base + "/json?form", data={"a": 1, "b": 2}))
    attempt(lambda: session.put(base + "/json?stream", data=words()))
    attempt(lambda: session.post(base + "/json?file", data=io.BytesIO(b"a file")))
    attempt(lambda: session.get(base + "/chunked"))
    print(list(session.get(base + "/chunked?lines", stream=True).iter_lines(chunk_size=5)))
    attempt(lambda: session.get(base + "/gzip"))
    attempt(lambda: session.get(base + "/large"))
    attempt(lambda: session.get(base + "/large-chunked"))
    for path in ("/large?early", "/large-chunked?early"):
        with session.get(base + path, stream=True) as response:
            print(next(response.iter_content(1000))[:10])
    attempt(lambda: session.head(base + "/json"))
    attempt(lambda: session.get(base + "/moved"))
    attempt(lambda: session.get(base + "/error"))
    attempt(lambda: session.get(base + "/vanish"))
    attempt(lambda: session.get(base + "/never", timeout=0.1))
    attempt(lambda: session.get("http://127.0.0.1:1/"))
    attempt(lambda: session.get(base + "/half"))
    attempt(lambda: session.get(base + "/half-chunked"))
    attempt(lambda: session.post(base + "/reject", data=b"x" * 3000000))
    session.close()
