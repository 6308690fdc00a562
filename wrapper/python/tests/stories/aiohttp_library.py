"""aiohttp: bodies of all kinds, streams, redirects, errors, timeouts, tasks that are cancelled."""

import asyncio
import io
import logging

NEEDS = ("aiohttp",)
LARGE = bytes(range(256)) * 1000
CHUNKED = b"first line\nsecond line\nthird" + b"x" * 100 + b"\r\nend"
RAISES = True
ALIKE = ((rb"Sec-WebSocket-Key: \S+", b""),)
CALLS = [
    {"line": "GET /json?q=%C3%A9", "status": 200, "response": b'{"got": 0}', "response_size": 10},
    {"line": "POST /json", "status": 200, "request": b'{"card": "4111"}', "request_size": 16},
    {"line": "POST /json?form", "status": 200, "request": b"a=1&b=2"},
    {"line": "PUT /json?stream", "status": 200, "request": b"one two ", "request_size": 8},
    {"line": "POST /json?file", "status": 200, "request": b"a file"},
    {"line": "GET /chunked", "status": 200, "response": CHUNKED, "response_truncated": False},
    {"line": "GET /gzip", "status": 200, "response_truncated": False},
    {"line": "GET /large", "status": 200, "response": LARGE[:32768], "response_size": 256000, "response_truncated": True},
    {"line": "GET /large-chunked", "status": 200, "response_size": 256000},
    {"line": "HEAD /json", "status": 200},
    {"line": "GET /moved", "status": 307},
    {"line": "GET /json", "status": 200},
    {"line": "GET /error", "status": 500},
    {"line": "POST /vanish", "error": "ServerDisconnectedError"},
    {"line": "GET /never", "error": "TimeoutError"},
    {"line": "GET /never?socket", "error": {"SocketTimeoutError", "ServerTimeoutError"}},
    {"line": "GET /never?given-up", "error": "CancelledError"},
    {"line": "GET /stalls", "status": 200, "partial": True, "error": "TimeoutError"},
    {"line": "GET /half", "status": 200, "partial": True, "error": "ClientPayloadError"},
    {"line": "GET http://127.0.0.1:1/", "error": "ClientConnectorError"},
    {"line": "GET /json?upgrade", "status": 200},
]


async def words():
    yield b"one "
    yield b"two "


async def attempt(session, method, url, **arguments):
    try:
        async with session.request(method, url, **arguments) as response:
            body = await response.read()
            print(response.status, dict(response.headers), body[:60], len(body))
    except BaseException as error:
        print(type(error).__name__, type(error.__context__).__name__, [type(arg).__name__ for arg in error.args])
        logging.exception("failed", exc_info=error)


async def stories(base):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        await attempt(session, "GET", base + "/json", params={"q": "é"})
        await attempt(session, "POST", base + "/json", json={"card": "4111"})
        await attempt(session, "POST", base + "/json?form", data={"a": "1", "b": "2"})
        await attempt(session, "PUT", base + "/json?stream", data=words())
        await attempt(session, "POST", base + "/json?file", data=io.BytesIO(b"a file"))
        async with session.get(base + "/chunked") as response:
            print([line async for line in response.content])
        await attempt(session, "GET", base + "/gzip")
        await attempt(session, "GET", base + "/large")
        async with session.get(base + "/large-chunked") as response:
            print(len(b"".join([piece async for piece in response.content.iter_chunked(1000)])))
        await attempt(session, "HEAD", base + "/json")
        await attempt(session, "GET", base + "/moved")
        await attempt(session, "GET", base + "/error", raise_for_status=True)
        await attempt(session, "POST", base + "/vanish")
        await attempt(session, "GET", base + "/never", timeout=aiohttp.ClientTimeout(total=0.5))
        await attempt(session, "GET", base + "/never?socket", timeout=aiohttp.ClientTimeout(total=None, sock_read=0.3))
        task = asyncio.ensure_future(attempt(session, "GET", base + "/never?given-up"))
        await asyncio.sleep(0.5)
        task.cancel()
        await task
        await attempt(session, "GET", base + "/stalls", timeout=aiohttp.ClientTimeout(total=1))
        await attempt(session, "GET", base + "/half")
        await attempt(session, "GET", "http://127.0.0.1:1/")
        try:
            await session.ws_connect(base + "/json?upgrade")
        except aiohttp.WSServerHandshakeError as error:
            print(error.status)


def run(base):
    import aiohttp  # noqa: F401

    asyncio.run(stories(base))
