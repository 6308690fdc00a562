"""http.client: every way in which a request fails; the exceptions are the same, to the last line of the traceback."""

import gc
import http.client
import socket
import ssl
import traceback
import urllib.parse

RAISES = True
CALLS = [
    {"line": "GET http://127.0.0.1:1/nobody", "error": "ConnectionRefusedError", "status": None},
    {"line": "GET http://no.such.host.invalid/", "error": "gaierror"},
    {"line": "GET /vanish", "error": "RemoteDisconnected"},
    {"line": "GET /reset", "error": "ConnectionResetError"},
    {"line": "GET /bad", "error": "BadStatusLine"},
    {"line": "GET /half", "status": 200, "error": "IncompleteRead", "partial": True},
    {"line": "GET /half?2", "status": 200, "partial": True, "response": b"only this"},
    {"line": "GET /half-chunked", "status": 200, "error": "IncompleteRead", "partial": True},
    {"line": "GET /never", "error": socket.timeout.__name__},
    {"line": "GET /stalls", "status": 200, "error": socket.timeout.__name__, "partial": True, "response": b"begin"},
    {"line": "POST /json", "error": "ValueError"},
    {"line": "POST /json?object", "error": "TypeError"},
    {"line": "GET https://127.0.0.1:PORT/tls", "error": "SSLError"},
    {"line": "GET /json?early", "status": 200},
    {"line": "GET /json?bad", "status": 200, "response": b'{"got": 0}'},
]


def attempt(what):
    try:
        print(what())
    except Exception as error:
        traceback.print_exc()
        traceback.print_exc(limit=-1)
        print(type(error), error.args, error.__traceback__.tb_next is None)


class Nowhere(http.client.HTTPConnection):
    """The answer of a resolver, without the time that a real one takes."""

    def connect(self):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def late_failure():
    yield b"first"
    raise ValueError("the body broke")


def run(base):
    place = urllib.parse.urlsplit(base).netloc

    def get(target, method="GET", where=place, read=None, timeout=30, kind=http.client.HTTPConnection, **arguments):
        connection = kind(where, timeout=timeout)
        try:
            connection.request(method, target, **arguments)
            response = connection.getresponse()
            return response.read() if read is None else read(response)
        finally:
            connection.close()

    attempt(lambda: get("/nobody", where="127.0.0.1:1"))
    attempt(lambda: get("/", where="no.such.host.invalid", kind=Nowhere))
    attempt(lambda: get("/vanish"))
    attempt(lambda: get("/reset"))
    attempt(lambda: get("/bad"))
    attempt(lambda: get("/half"))
    attempt(lambda: get("/half?2", read=lambda response: [response.read(50), response.read(50)]))
    attempt(lambda: get("/half-chunked"))
    attempt(lambda: get("/never", timeout=0.05))
    connection = http.client.HTTPConnection(place)
    connection.request("GET", "/stalls")
    response = connection.getresponse()
    print(response.read(5))
    connection.sock.settimeout(0.05)
    attempt(response.read)
    connection.close()
    attempt(lambda: get("/json", method="POST", body=late_failure()))
    attempt(lambda: get("/json?object", method="POST", body=object(), headers={"Content-Length": "3"}))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    attempt(lambda: get("/tls", kind=lambda *a, **k: http.client.HTTPSConnection(*a, context=context, **k)))
    attempt(lambda: get("/with space"))
    attempt(lambda: get("/", headers={"Bad\nName": "x"}))
    attempt(lambda: http.client.HTTPConnection(place).getresponse())
    attempt(lambda: http.client.HTTPConnection(place).endheaders())
    connection = http.client.HTTPConnection(place)
    connection.request("GET", "/json?early")
    attempt(lambda: connection.request("GET", "/json?too-early"))
    attempt(lambda: connection.getresponse(buffering=True))
    attempt(lambda: connection.getresponse().read())
    attempt(connection.getresponse)
    connection.request("GET", "/json?bad")
    response = connection.getresponse()
    attempt(lambda: response.read("all"))
    attempt(lambda: response.readinto(None))
    attempt(response.read)
    attempt(response.fileno)
    connection.close()
    gc.collect()
    print(socket.getdefaulttimeout())
