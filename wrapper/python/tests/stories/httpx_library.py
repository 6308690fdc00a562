"""httpx, and httpcore below it: the same with and without asyncio."""

import asyncio
import logging

NEEDS = ("httpx",)
LARGE = bytes(range(256)) * 1000
CHUNKED = b"first line\nsecond line\nthird" + b"x" * 100 + b"\r\nend"
RAISES = True
ONCE = [
    {"line": "GET /json?q=%C3%A9", "status": 200, "response": b'{"got": 0}', "response_size": 10, "proto": "HTTP/1.1"},
    {"line": "POST /json", "status": 200, "request": b"card=4111", "request_size": 9},
    {"line": "PUT /json?stream", "status": 200, "request": b"one two ", "request_size": 8},
    {"line": "GET /chunked", "status": 200, "response": CHUNKED, "response_truncated": False},
    {"line": "GET /gzip", "status": 200, "response_truncated": False},
    {"line": "GET /large", "status": 200, "response": LARGE[:32768], "response_size": 256000, "response_truncated": True},
    {"line": "GET /large?early", "status": 200, "partial": True},
    {"line": "HEAD /json", "status": 200},
    {"line": "GET /moved", "status": 307},
    {"line": "GET /json", "status": 200},
    {"line": "GET /vanish", "error": "RemoteProtocolError"},
    {"line": "GET /never", "error": "ReadTimeout"},
    {"line": "GET /half", "status": 200, "partial": True, "error": "RemoteProtocolError"},
    {"line": "GET http://127.0.0.1:1/", "error": "ConnectError"},
    {"line": "POST /reject", "status": 413},
]
CALLS = ONCE + ONCE


def words():
    yield b"one "
    yield b"two "


async def later():
    for word in words():
        yield word


REQUESTS = [
    ("GET", "/json", {"params": {"q": "é"}}),
    ("POST", "/json", {"data": {"card": "4111"}}),
    ("PUT", "/json?stream", {}),
    ("GET", "/chunked", {}),
    ("GET", "/gzip", {}),
    ("GET", "/large", {}),
    ("GET", "/large?early", None),
    ("HEAD", "/json", {}),
    ("GET", "/moved", {"follow_redirects": True}),
    ("GET", "/vanish", {}),
    ("GET", "/never", {"timeout": (5, 0.1, 5, 5)}),
    ("GET", "/half", {}),
    ("GET", "http://127.0.0.1:1/", {}),
    ("POST", "/reject", {"content": b"x" * 3000000}),
]


def show(response):
    print(response.status_code, dict(response.headers), response.content[:60], len(response.content))


def failed(error):
    print(type(error).__name__, type(error.__context__).__name__, error.args)
    logging.exception("failed", exc_info=error)


def plainly(httpx, base):
    with httpx.Client(base_url=base, trust_env=False) as client:
        for method, path, arguments in REQUESTS:
            try:
                if arguments is None:
                    with client.stream(method, path) as response:
                        print(next(response.iter_bytes(10)))
                else:
                    if path.endswith("?stream"):
                        arguments = {"content": words()}
                    show(client.request(method, path, **arguments))
            except Exception as error:
                failed(error)


async def asynchronously(httpx, base):
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        for method, path, arguments in REQUESTS:
            try:
                if arguments is None:
                    async with client.stream(method, path) as response:
                        async for piece in response.aiter_bytes(10):
                            print(piece)
                            break
                else:
                    if path.endswith("?stream"):
                        arguments = {"content": later()}
                    show(await client.request(method, path, **arguments))
            except Exception as error:
                failed(error)


def run(base):
    import httpx

    plainly(httpx, base)
    asyncio.run(asynchronously(httpx, base))
