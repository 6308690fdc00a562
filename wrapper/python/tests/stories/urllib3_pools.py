"""urllib3 over TLS, with pools, streams and retries: a call starts before its connection is made."""

import gc
import io

NEEDS = ("urllib3",)
SECURE = True
RAISES = True
LARGE = bytes(range(256)) * 1000
CHUNKED = b"first line\nsecond line\nthird" + b"x" * 100 + b"\r\nend"
CALLS = [
    {"line": "POST /json", "status": 200, "request": b"first", "request_size": 5, "headers": [["X-Mine", "1"]]},
    {"line": "POST /json?warm", "status": 200, "request": b"second"},
    {"line": "POST /json?chunked", "status": 200, "request": b"one two ", "request_size": 8},
    {"line": "POST /json?file", "status": 200, "request": b"a file"},
    {"line": "GET /chunked", "status": 200, "response": CHUNKED, "response_truncated": False},
    {"line": "GET /chunked?read1", "status": 200, "partial": True},
    {"line": "GET /large", "status": 200, "response": LARGE[:32768], "response_size": 256000},
    {"line": "GET /large?part", "status": 200, "partial": True, "response": LARGE[:10]},
    {"line": "GET /large?dropped", "status": 200, "partial": True},
    {"line": "GET /redirect", "status": 302},
    {"line": "GET /json", "status": 200},
    {"line": "GET /json?untrusted", "error": {"SSLError", "SSLCertVerificationError"}},
    {"line": "GET https://127.0.0.1:1/", "error": "NewConnectionError", "headers": []},
    {"line": "GET https://127.0.0.1:1/", "error": "NewConnectionError"},
]


def words():
    yield b"one "
    yield b"two "


def attempt(what):
    try:
        response = what()
        print(response.status, response.data[:60], len(response.data))
    except Exception as error:
        print(type(error))


def run(base):
    import urllib3

    from peer import CERTIFICATE

    pool = urllib3.PoolManager(ca_certs=CERTIFICATE, retries=urllib3.Retry(1, backoff_factor=0, redirect=2))
    attempt(lambda: pool.request("POST", base + "/json", body=b"first", headers={"X-Mine": "1"}))
    attempt(lambda: pool.request("POST", base + "/json?warm", body=b"second"))
    attempt(lambda: pool.request("POST", base + "/json?chunked", body=words(), chunked=True))
    attempt(lambda: pool.request("POST", base + "/json?file", body=io.BytesIO(b"a file"), headers={"Content-Length": "6"}))
    response = pool.request("GET", base + "/chunked", preload_content=False)
    print(list(response.stream(16)))
    response = pool.request("GET", base + "/chunked?read1", preload_content=False)
    print(next(response.read_chunked(5)))
    response.close()
    attempt(lambda: pool.request("GET", base + "/large"))
    response = pool.request("GET", base + "/large?part", preload_content=False)
    print(response.read(10))
    response.close()
    response = pool.request("GET", base + "/large?dropped", preload_content=False)
    del response
    gc.collect()
    attempt(lambda: pool.request("GET", base + "/redirect"))
    attempt(lambda: urllib3.PoolManager(retries=False).request("GET", base + "/json?untrusted"))
    attempt(lambda: pool.request("GET", "https://127.0.0.1:1/"))
    pool.clear()
