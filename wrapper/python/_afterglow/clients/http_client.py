"""Requests sent with http.client, and with all that rides on it: urllib, urllib3, requests, botocore.

Looks at the public methods of HTTPConnection and HTTPResponse and copies what passes through them, up to the budget. It reads
no stream of the user's, holds none back, and asks no object of the user's anything: only values of the built-in types.

What stands in for those methods is written out for each: a function runs it between two waits for its peer, from cold caches, where
each call of a function and each object made costs several times what it does in a loop.
"""

from _io import BytesIO
from _socket import socket as _socket  # what http.client has loaded
from _weakref import ref

from .. import guard
from . import call as calls
from .call import BYTES, MARK, Framing

# Where what is known of a call beforehand is noted on a connection.
AHEAD = "_afterglow_ahead"

_NONE = {}
_getpeername = _socket.getpeername

_peers = {}  # a socket's id: a weak reference to it, and whom it is connected to
_origins = {}  # of connections: how their URLs begin, or "" for Lambda's own Runtime API


class _State:
    response = message = too_soon = None  # classes of http.client's, whatever its names come to stand for
    failures = ()


_state = _State()


def install(module, settings):
    """Look at http.client from now on, if it is the one that this file knows."""
    stand_ins = {
        "HTTPConnection": {"endheaders": _endheaders, "send": _send, "getresponse": _getresponse, "close": _close_connection},
        "HTTPResponse": {"read": _read, "read1": _read1, "readline": _readline, "readinto": _readinto, "close": _close},
    }
    for name, methods in stand_ins.items():
        owner = getattr(module, name, None)
        for method, make in methods.items():
            if not _takes_the_same(vars(owner or object).get(method), make(None)):
                guard.say("warn", "http.client has no %s.%s as expected; requests are not seen" % (name, method))
                return
    calls.prepare(settings)
    _state.response, _state.message, _state.too_soon = module.HTTPResponse, module.HTTPMessage, module.ImproperConnectionState
    _state.failures = (OSError, module.HTTPException)
    for name, methods in stand_ins.items():
        owner = getattr(module, name)
        for method, make in methods.items():
            _stand_in(owner, method, make)


def _takes_the_same(original, stand_in):
    """Tell whether a method takes the arguments that its stand-in takes, by the same names, and the same where they are left out."""
    known, ours = getattr(original, "__code__", None), stand_in.__code__
    return (
        known is not None
        and (known.co_argcount, known.co_kwonlyargcount, known.co_flags & 12) == (ours.co_argcount, ours.co_kwonlyargcount, 0)
        and known.co_varnames[: known.co_argcount + known.co_kwonlyargcount] == ours.co_varnames[: ours.co_argcount + ours.co_kwonlyargcount]
        and (original.__defaults__, original.__kwdefaults__) == (stand_in.__defaults__, stand_in.__kwdefaults__)
    )


def _stand_in(owner, method, make):
    original = owner.__dict__[method]
    setattr(owner, method, guard.dress(make(original), original))


# The stand-ins. Each calls the original once, with what it was given. What an observer of ours raises ends in the guard; what the
# original raises leaves without the stand-in's frame. A line that is not within an observer reads what every object of these classes
# has, or an attribute of ours.


def _endheaders(original):
    observe, state = _begins.observes, guard.state

    def endheaders(self, message_body=None, *, encode_chunked=False):
        call = None
        try:
            if not state.off:
                try:
                    call = observe(self, message_body)
                except BaseException as error:
                    if not guard.swallowed(observe, error):
                        raise
            result = original(self, message_body, encode_chunked=encode_chunked)
            if call is not None:
                call.busy = False
            return result
        except BaseException as error:
            if call is not None:
                _not_begun(call, error)
            guard.leave(error)
            raise

    return endheaders


def _send(original):
    def send(self, data):
        call = None
        try:
            known = getattr(self, "__dict__", _NONE).get(MARK)
            if known is None or known.at_hand or known.nested or known.connecting:
                return original(self, data)
            call = known
            _sends(call, data)
            result = original(self, data)
            call.nested = False
            return result
        except BaseException as error:
            if call is not None:
                _not_sent(call, error)
            guard.leave(error)
            raise

    return send


def _getresponse(original):
    responded = _responded.observes

    def getresponse(self):
        call = None
        try:
            call = getattr(self, "__dict__", _NONE).pop(MARK, None)  # the connection may be closed as part of this
            if call is not None:
                sock = self.__dict__.get("sock")
                known = _peers.get(id(sock))
                if known is not None and known[0]() is sock:
                    call.peer = known[1]
                else:
                    _meets(call, sock)
            response = original(self)
            if call is not None:
                try:
                    responded(call, response)
                except BaseException as error:
                    if not guard.swallowed(responded, error):
                        raise
            return response
        except BaseException as error:
            if call is not None:
                _not_responded(self, call, error)
            guard.leave(error)
            raise

    return getresponse


def _close_connection(original):
    def close(self):
        try:
            if MARK in getattr(self, "__dict__", _NONE):
                _closes_connection(self)
            return original(self)
        except BaseException as error:
            guard.leave(error)
            raise

    return close


# What reads takes the mark off the response for as long: one method may call another, or close the response.


def _read(original):
    has_read = _has_read.observes

    def read(self, amt=None):
        call = None
        try:
            call = getattr(self, "__dict__", _NONE).pop(MARK, None)
            data = original(self, amt)
            if call is not None:
                try:
                    has_read(self, call, data)
                except BaseException as error:
                    if not guard.swallowed(has_read, error):
                        raise
            return data
        except BaseException as error:
            if call is not None:
                _not_read(self, call, error)
            guard.leave(error)
            raise

    return read


def _read1(original):
    def read1(self, n=-1):
        call = None
        try:
            call = getattr(self, "__dict__", _NONE).pop(MARK, None)
            data = original(self, n)
            if call is not None:
                _has_read(self, call, data)
            return data
        except BaseException as error:
            if call is not None:
                _not_read(self, call, error)
            guard.leave(error)
            raise

    return read1


def _readline(original):
    def readline(self, limit=-1):
        call = None
        try:
            call = getattr(self, "__dict__", _NONE).pop(MARK, None)
            data = original(self, limit)
            if call is not None:
                _has_read(self, call, data)
            return data
        except BaseException as error:
            if call is not None:
                _not_read(self, call, error)
            guard.leave(error)
            raise

    return readline


def _readinto(original):
    def readinto(self, b):
        call = None
        try:
            call = getattr(self, "__dict__", _NONE).pop(MARK, None)
            length = original(self, b)
            if call is not None:
                _has_read_into(self, call, b, length)
            return length
        except BaseException as error:
            if call is not None:
                _not_read(self, call, error)
            guard.leave(error)
            raise

    return readinto


def _close(original):
    def close(self):
        try:
            if MARK in getattr(self, "__dict__", _NONE):
                _closes(self)
            return original(self)
        except BaseException as error:
            guard.leave(error)
            raise

    return close


# The request


@guard.observer
def _begins(connection, body):
    """endheaders(message_body): everything is known but a body that comes later."""
    noted = connection.__dict__
    ahead = noted.pop(AHEAD, None)
    lines = noted.get("_buffer")
    if not lines or type(lines) is not list:
        return None  # the library will say what is wrong
    line, *others = lines
    if type(line) is not bytes:
        return None
    call = noted.get(MARK)
    if call is None or not call.connecting:
        if call is not None:  # the one before, whose answer nobody has asked for
            del noted[MARK]
            calls.end(call, partial=True)
        method, target, _ = line.decode("latin-1").split(" ", 2)
        url = _url(connection, noted, target)
        if url is None:
            return None
        head = b"\n".join(others)
        if head.count(b"\n") >= len(lines) - 1:  # a header was given several lines, which are one here
            head = b"\n".join([other.replace(b"\r\n", b" ") for other in others])
        call = calls.start(noted, "http.client", method, url, head, ahead if body is None else body)
    if call.parent is not None:
        lines.append(b"traceparent: " + call.parent.encode("ascii"))
        call.parent = None
    call.connecting = False
    call.busy = True
    return call


def expect(connection, method, target, headers, body):
    """Take what a library above knows of the request that it is about to make.

    Where the connection has yet to be made, which the library does before it sends the headers, the call starts here, with the
    headers that it was given; elsewhere it starts when they are sent.
    """
    noted = connection.__dict__
    if connection.default_port == 443 and MARK not in noted:
        given = calls.lines([(_text(name), _text(value)) for name, value in headers.items()]) if headers else b""
        method, target = (text.encode("latin-1", "replace").decode("latin-1") for text in ("%s" % method, "%s" % target))
        url = _url(connection, noted, target)
        if url is not None:
            calls.start(noted, "http.client", method, url, given, body).connecting = True


def _text(value):
    return value.decode("latin-1") if type(value) is bytes else str.__str__(value) if isinstance(value, str) else type(value).__name__


def expect_no_more(connection, error):
    """The library above has failed to get a response."""
    noted = connection.__dict__
    noted.pop(AHEAD, None)
    call = noted.pop(MARK, None)
    if call is not None:
        calls.end(call, error=error)


def _url(connection, noted, target):
    """Give a request's absolute URL, or None if it goes to Lambda's own Runtime API."""
    host, port, tunnel = connection.host, connection.port, noted.get("_tunnel_host")
    if type(host) is str and type(port) is int and not tunnel:  # of no class that has its own idea of what is the same
        known = host, port, connection.default_port
        origin = _origins.get(known)
        if origin is None:
            origin = calls.remember(_origins, known, _origin(host, port, known[2] == 443))
    elif calls.is_runtime_api(host, port):
        origin = ""
    elif tunnel:
        origin = _origin(tunnel, noted.get("_tunnel_port"), connection.default_port == 443)
    else:
        origin = _origin(host, port, connection.default_port == 443)
    if not origin:
        return None
    if target[:1] != "/" and "://" in target:  # to a proxy
        return target
    return origin + target


def _origin(host, port, secure):
    """Give how URLs of a connection begin, nothing if it goes to Lambda's own Runtime API."""
    if calls.is_runtime_api(host, port):
        return ""
    if type(host) is bytes:
        host = host.decode("latin-1")
    if ":" in host and host[0] != "[":
        host = "[" + host + "]"
    if port is None or port == (443 if secure else 80):
        return ("https://" if secure else "http://") + host
    return "%s%s:%s" % ("https://" if secure else "http://", host, port)


@guard.observer
def _not_begun(call, error):
    call.busy = False
    _in_trouble(call, error)


@guard.observer
def _sends(call, data):
    call.nested = True  # what is sent within a send goes to a proxy: CONNECT
    if type(data) not in BYTES:
        _sends_file(call, data)
        return
    if call.unsent:
        # The first that is sent is the head; botocore sends the body with it.
        call.unsent = False
        head, _, data = bytes(data).partition(b"\r\n\r\n")
        if b"\r\ntransfer-encoding: chunked\r\n" in (head + b"\r\n").lower():
            calls.request(call).framing = Framing()
        if not data:
            return
    calls.request(call).add(data)


def _sends_file(call, data):
    """A file or an iterator: the library reads it, nobody else does. What is in memory can be had without reading."""
    copy = calls.request(call)
    if type(data) is not BytesIO or data.closed:
        copy.measured = False
        return
    with data.getbuffer() as whole, whole[data.tell() :] as rest:
        copy.add(rest)


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
def _meets(call, sock):
    """Note whom a socket is connected to: with the call, and for the next ones on it."""
    if issubclass(type(sock), _socket):
        try:
            call.peer = calls.peer(_getpeername(sock))
        except OSError:
            return  # gone already; the library will say so
        try:
            calls.remember(_peers, id(sock), (ref(sock), call.peer))
        except TypeError:
            pass  # of a class with slots and no place for references: it is asked each time


@guard.observer
def _responded(call, response):
    if not isinstance(response, _state.response) or response.headers is None:
        calls.end(call, partial=True)  # somebody's own idea of a response
        return
    headers = response.headers
    pairs = headers.__dict__.get("_headers") if type(headers) is _state.message else ()
    text = "\n".join(map(": ".join, pairs))
    if text.isascii() and text.count("\n") < len(pairs):
        head = text.encode("ascii")
    else:  # a value of several lines, or not in ASCII
        head = calls.lines(pairs)
    calls.responded(call, int(response.status), "HTTP/1.0" if response.version == 10 else "HTTP/1.1", head)
    if response.fp is None or response.length == 0 and not response.chunked:
        calls.end(call)
    else:
        response.__dict__[MARK] = call


@guard.observer
def _not_responded(connection, call, error):
    if isinstance(error, _state.too_soon):  # not the time to ask; the request is still on its way
        connection.__dict__.setdefault(MARK, call)
    else:
        calls.end(call, error=error)


@guard.observer
def _has_read(response, call, data):
    if response.fp is not None:  # there is more to come
        response.__dict__[MARK] = call
        if type(data) is bytes:
            calls.response(call).add(data)
    elif call.response is None and type(data) is bytes:
        calls.end(call, bool(response.length), None, data)
    else:
        if type(data) is bytes:
            calls.response(call).add(data)
        calls.end(call, bool(response.length))  # read() with a size takes an early end for the end


@guard.observer
def _has_read_into(response, call, room, length):
    calls.response(call).add(memoryview(room).cast("B")[:length])
    if response.fp is not None:
        response.__dict__[MARK] = call
    else:
        calls.end(call, bool(response.length))


def has_read_chunk(response, data):
    """A library above has read a chunk past the methods that are there for it."""
    call = response.__dict__.get(MARK)
    if call is not None:
        calls.response(call).add(data)


def has_not_read(response, error):
    call = response.__dict__.pop(MARK, None)
    if call is not None:
        _not_read(response, call, error)


@guard.observer
def _not_read(response, call, error):
    if isinstance(error, _state.failures):
        calls.end(call, partial=True, error=error)
    elif not call.ended:
        response.__dict__[MARK] = call


@guard.observer
def _closes(response):
    call = response.__dict__.pop(MARK)
    # urllib3 reads chunks past http.client, which then does not know that it was the last one.
    whole = response.fp is None or response.length == 0 or bool(response.chunked) and guard.caller() == "read_chunked"
    calls.end(call, partial=not whole)


@guard.observer
def _closes_connection(connection):
    call = connection.__dict__[MARK]
    if not call.busy and not call.connecting:
        del connection.__dict__[MARK]
        calls.end(call, partial=True)
