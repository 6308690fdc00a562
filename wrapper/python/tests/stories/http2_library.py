"""httpx over HTTP/2, with and without asyncio, to a server of the story's own at the other end of a file."""

import asyncio
import logging
import os
import socket
import tempfile
import threading

NEEDS = ("httpx", "h2")
ONCE = [
    {"line": "GET /two", "status": 200, "response": b"framed", "response_size": 6, "proto": "HTTP/2", "response_headers": [["x-path", "/two"]]},
    {"line": "POST /two?stream", "status": 200, "request": b"one two ", "request_size": 8},
    {"line": "POST /two?bytes", "status": 200, "request": b"whole", "request_size": 5},
    {"line": "GET /reset", "status": 200, "partial": True, "error": "RemoteProtocolError"},
    {"line": "GET /early", "status": 200, "partial": True},
]
CALLS = ONCE + ONCE
RAISES = True


def serve(listener):
    import h2.config
    import h2.connection
    import h2.events

    for _ in range(2):
        client = listener.accept()[0]
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        client.sendall(connection.data_to_send())
        paths = {}
        while data := client.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    paths[event.stream_id] = dict(event.headers)[b":path"]
                if isinstance(event, h2.events.StreamEnded):
                    answer(connection, event.stream_id, paths[event.stream_id])
            client.sendall(connection.data_to_send())
        client.close()


def answer(connection, stream, path):
    connection.send_headers(stream, [(":status", "200"), ("x-path", path)])
    if path == b"/reset":
        connection.reset_stream(stream)
    else:
        connection.send_data(stream, b"framed", end_stream=path != b"/early")


async def later():
    for word in (b"one ", b"two "):
        yield word


def failed(error):
    print(type(error).__name__, error.args)
    logging.exception("failed", exc_info=error)


def plainly(httpx, transport, base):
    with httpx.Client(transport=transport, base_url=base) as client:
        print(client.get("/two").content)
        print(client.post("/two?stream", content=iter((b"one ", b"two "))).content)
        print(client.post("/two?bytes", content=b"whole").content)
        try:
            client.get("/reset")
        except httpx.RemoteProtocolError as error:
            failed(error)
        with client.stream("GET", "/early") as response:
            print(next(response.iter_bytes(6)))


async def asynchronously(httpx, transport, base):
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        print((await client.get("/two")).content)
        print((await client.post("/two?stream", content=later())).content)
        print((await client.post("/two?bytes", content=b"whole")).content)
        try:
            await client.get("/reset")
        except httpx.RemoteProtocolError as error:
            failed(error)
        async with client.stream("GET", "/early") as response:
            async for piece in response.aiter_bytes(6):
                print(piece)
                break


def run(base):
    import h2.connection  # noqa: F401
    import httpx

    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(directory, "peer"))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        plainly(httpx, httpx.HTTPTransport(uds=listener.getsockname(), http1=False, http2=True), base)
        asyncio.run(asynchronously(httpx, httpx.AsyncHTTPTransport(uds=listener.getsockname(), http1=False, http2=True), base))
        server.join()
