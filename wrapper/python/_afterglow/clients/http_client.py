"""Requests sent with http.client, and with all that rides on it: urllib, urllib3, requests, botocore.

Looks at the public methods of HTTPConnection and HTTPResponse and copies what passes through them, up to the budget. It reads
no stream of the user's, holds none back, and asks no object of the user's anything: only values of the built-in types.
"""

from .. import guard
from . import call as calls
from .call import BYTES, MARK, Framing

_CONNECTION = {"endheaders": ("self", "message_body"), "send": ("self",), "getresponse": ("self",), "close": ("self",)}
_RESPONSE = {name: ("self",) for name in ("read", "readinto", "read1", "readline", "close")}

# Where what is known of a call beforehand is noted on a connection.
_AHEAD = "_afterglow_ahead"


class _State:
    library = None


_state = _State()


def install(module, settings):
    """Look at http.client from now on, if it is the one that this file knows."""
    for name, methods in (("HTTPConnection", _CONNECTION), ("HTTPResponse", _RESPONSE)):
        missing = calls.expects(getattr(module, name, None), methods)
        if missing:
            guard.say("warn", "http.client has no %s as expected; requests are not seen" % missing)
            return
    calls.prepare(settings)
    _state.library = module
    for cls, observers in (
        (
            module.HTTPConnection,
            {
                "endheaders": (_begins, _begun, _not_begun),
                "send": (_sends, _sent, _not_sent),
                "getresponse": (_waits, _responded, _not_responded),
                "close": (_closes_connection, None, None),
            },
        ),
        (
            module.HTTPResponse,
            {
                "read": (_reads, _has_read, _not_read),
                "read1": (_reads, _has_read, _not_read),
                "readline": (_reads, _has_read, _not_read),
                "readinto": (_reads, _has_read_into, _not_read),
                "close": (_closes, None, None),
            },
        ),
    ):
        for name, triple in observers.items():
            setattr(cls, name, guard.around(cls.__dict__[name], *triple))


def look_at_chunks():
    """Look at _safe_read as well, with which urllib3 reads chunks past the methods that are there for it."""
    cls = _state.library.HTTPResponse
    original = vars(cls).get("_safe_read")
    if hasattr(original, "__code__"):
        cls._safe_read = guard.around(original, _reads, _has_read_chunk, _not_read)


# The request


@guard.observer
def _begins(args, kwargs):
    """endheaders(message_body): everything is known but a body that comes later."""
    connection = args[0]
    noted = connection.__dict__
    lines = noted.get("_buffer")
    if not lines or type(lines) is not list or type(lines[0]) is not bytes:
        return None  # the library will say what is wrong
    call = noted.get(MARK)
    if call is None or not call.connecting:
        if call is not None:  # the one before, whose answer nobody has asked for
            del noted[MARK]
            calls.end(call, partial=True)
        body = args[1] if len(args) > 1 else kwargs.get("message_body")
        if body is None:
            body = noted.get(_AHEAD)
        method, target = lines[0].decode("latin-1").split(" ")[:2]
        call = _start(connection, method, target, _head(lines), body)
    if call is None:
        return None
    call.connecting = False
    call.busy = True
    if not call.at_hand and any(line.lower() == b"transfer-encoding: chunked" for line in lines):
        call.request.framing = Framing()
    return call


def _head(lines):
    """Give the lines behind the first one. A header may have been given several, which are one here."""
    head = b"\n".join(lines[1:])
    return head if head.count(b"\n") == len(lines) - 2 else b"\n".join(line.replace(b"\r\n", b" ") for line in lines[1:])


def _start(connection, method, target, headers, body):
    noted = connection.__dict__
    url = _url(connection, noted, target)
    if url is None:
        return None
    return calls.start(noted, "http.client", method, url, headers, body)


def expect(connection, method, target, headers, body):
    """Take what a library above knows of the request that it is about to make.

    Where the connection has yet to be made, which the library does before it sends the headers, the call starts here, with the
    headers that it was given; elsewhere it starts when they are sent.
    """
    noted = connection.__dict__
    if type(body) is bytes:
        noted[_AHEAD] = body
    if connection.default_port == 443 and noted.get("sock") is None and MARK not in noted:
        given = calls.lines([(_text(name), _text(value)) for name, value in headers.items()]) if headers else b""
        call = _start(connection, method, target, given, body)
        if call is not None:
            call.connecting = True


def _text(value):
    return value.decode("latin-1") if type(value) is bytes else str.__str__(value) if isinstance(value, str) else type(value).__name__


def expect_no_more(connection, error):
    """The library above has its response, or has failed to get one."""
    noted = connection.__dict__
    noted.pop(_AHEAD, None)
    if error is not None:
        call = noted.pop(MARK, None)
        if call is not None:
            calls.end(call, error=error)


def _url(connection, noted, target):
    """Give the absolute URL of a request, or None if it goes to Lambda's own Runtime API."""
    host = noted.get("_tunnel_host") or connection.host
    port = noted.get("_tunnel_port") if noted.get("_tunnel_host") else connection.port
    if calls.is_runtime_api(connection.host, connection.port):
        return None
    if not target.startswith("/") and "://" in target:  # to a proxy
        return target
    secure = connection.default_port == 443
    if type(host) is bytes:
        host = host.decode("latin-1")
    if ":" in host and not host.startswith("["):
        host = "[" + host + "]"
    place = host if port in (None, 443 if secure else 80) else "%s:%s" % (host, port)
    return ("https://" if secure else "http://") + place + target


@guard.observer
def _begun(call, result):
    call.busy = False


@guard.observer
def _not_begun(call, error):
    call.busy = False
    _in_trouble(call, error)


@guard.observer
def _sends(args, kwargs):
    call = args[0].__dict__.get(MARK)
    if call is None or call.nested or call.at_hand or call.connecting:
        return None
    call.nested = True  # what is sent within a send goes to a proxy: CONNECT
    _passes(call, args[1] if len(args) > 1 else kwargs.get("data"))
    return call


def _passes(call, data):
    if type(data) not in BYTES:  # a file or an iterator: the library reads it, nobody else does
        call.request.measured = False
        return
    if call.unsent:
        # The first that is sent is the head; botocore sends the body with it.
        call.unsent = False
        data = bytes(data).partition(b"\r\n\r\n")[2]
    call.request.add(data)


@guard.observer
def _sent(call, result):
    call.nested = False


@guard.observer
def _not_sent(call, error):
    call.nested = False
    _in_trouble(call, error)


def _in_trouble(call, error):
    # A peer may answer and close before it has read everything; whoever knows that goes on to read the answer.
    if isinstance(error, (BrokenPipeError, ConnectionResetError)):
        call.trouble = error
    else:
        calls.end(call, error=error)


# The response


@guard.observer
def _waits(args, kwargs):
    connection = args[0]
    call = connection.__dict__.get(MARK)
    if call is None or len(args) > 1 or kwargs:  # urllib3 1 asks whether getresponse knows an argument that it does not
        return None
    call.busy = True
    sock = connection.__dict__.get("sock")
    if isinstance(sock, _state.library.socket.socket):
        try:
            call.peer = calls.peer(_state.library.socket.socket.getpeername(sock))
        except OSError:
            pass  # gone already; the library will say so
    return call, connection


@guard.observer
def _responded(token, response):
    call, connection = token
    call.busy = False
    connection.__dict__.pop(MARK, None)
    if not isinstance(response, _state.library.HTTPResponse) or response.headers is None:
        calls.end(call, partial=True)  # somebody's own idea of a response
        return
    head = calls.lines(list(response.headers.raw_items())) if type(response.headers) is _state.library.HTTPMessage else b""
    calls.responded(call, int(response.status), "HTTP/1.0" if response.version == 10 else "HTTP/1.1", head)
    if response.fp is None or response.length == 0 and not response.chunked:
        calls.end(call)
    else:
        response.__dict__[MARK] = call


@guard.observer
def _not_responded(token, error):
    call, connection = token
    call.busy = False
    if isinstance(error, _state.library.ImproperConnectionState):
        return  # not the time to ask; the request is still on its way
    connection.__dict__.pop(MARK, None)
    calls.end(call, error=error)


@guard.observer
def _reads(args, kwargs):
    call = args[0].__dict__.get(MARK)
    if call is None or call.nested:
        return None
    call.nested = True
    return call, args


@guard.observer
def _has_read(token, data):
    call, args = token
    call.nested = False
    if type(data) is bytes:
        call.response.add(data)
        _look_for_end(call, args[0])


@guard.observer
def _has_read_into(token, length):
    call, args = token
    call.nested = False
    call.response.add(memoryview(args[1]).cast("B")[:length])
    _look_for_end(call, args[0])


@guard.observer
def _has_read_chunk(token, data):
    """_safe_read(n), which urllib3 calls itself to read chunks, and once more with 2 for the line end behind each."""
    call, args = token
    call.nested = False
    if data != b"\r\n":
        call.response.add(data)


def _look_for_end(call, response):
    if response.fp is None:
        response.__dict__.pop(MARK, None)
        calls.end(call, partial=bool(response.length))  # read() with a size takes an early end for the end


@guard.observer
def _not_read(token, error):
    call, args = token
    call.nested = False
    if isinstance(error, (OSError, _state.library.HTTPException)):
        args[0].__dict__.pop(MARK, None)
        calls.end(call, partial=True, error=error)


@guard.observer
def _closes(args, kwargs):
    response = args[0]
    call = response.__dict__.get(MARK)
    if call is None or call.nested:
        return None
    del response.__dict__[MARK]
    # urllib3 reads chunks past http.client, which then does not know that it was the last one.
    whole = response.fp is None or response.length == 0 or bool(response.chunked) and guard.caller() == "read_chunked"
    calls.end(call, partial=not whole)
    return None


@guard.observer
def _closes_connection(args, kwargs):
    noted = args[0].__dict__
    call = noted.get(MARK)
    if call is not None and not call.busy and not call.nested and not call.connecting:
        del noted[MARK]
        calls.end(call, partial=True)
    return None
