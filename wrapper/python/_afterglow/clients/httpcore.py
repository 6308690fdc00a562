"""Requests sent with httpcore, and with httpx that rides on it: HTTP/1.1 and HTTP/2, with and without asyncio.

What is asynchronous is looked at when it is called, never while it runs: the function's coroutines and generators are the library's
own. So the events are those that pass between httpcore and the protocol libraries below it, which know nothing of coroutines: h11
and h2 give what has come, and httpcore's Trace, which surrounds each step of a request, tells how the step ended.
"""

import sys

from .. import guard
from . import call as calls
from .call import BYTES, MARK

_CONNECTION = {"_connect": ("self", "request")}
_HTTP11 = {"_send_request_headers": ("self", "request"), "_send_event": ("self", "event"), "_response_closed": ("self",)}
_HTTP2 = {
    "_send_request_headers": ("self", "request", "stream_id"),
    "_send_stream_data": ("self", "request", "stream_id", "data"),
    "_response_closed": ("self", "stream_id"),
}

# Steps after whose failure httpcore goes on to read an answer, or tells by _response_closed that there is none.
_GOES_ON = ("send_request_headers", "send_request_body", "receive_response_headers", "receive_response_body")


class _State:
    library = None
    h11 = None


_state = _State()


def install(module, settings):
    """Look at httpcore from now on, if it is the one that this file knows."""
    kinds = [
        (sys.modules.get("httpcore._sync." + file), sys.modules.get("httpcore._async." + file), name, methods)
        for file, name, methods in (("connection", "HTTPConnection", _CONNECTION), ("http11", "HTTP11Connection", _HTTP11), ("http2", "HTTP2Connection", _HTTP2))
    ]
    classes = []
    for synchronous, asynchronous, name, methods in kinds:
        if methods is _HTTP2 and synchronous is None:
            continue  # without h2
        for owner in (getattr(synchronous, name, None), getattr(asynchronous, "Async" + name, None)):
            missing = calls.expects(owner, methods)
            if missing:
                guard.say("warn", "httpcore has no %s as expected; requests are not seen" % missing)
                return
            classes.append((owner, methods))
    trace = getattr(sys.modules.get("httpcore._trace"), "Trace", None)
    missing = calls.expects(trace, {"__init__": ("self", "name", "logger", "request"), "__exit__": ("self",), "__aexit__": ("self",)})
    _state.h11 = sys.modules.get("h11")
    reader = getattr(_state.h11, "Connection", None)
    missing = missing or calls.expects(reader, {"next_event": ("self",)})
    if missing:
        guard.say("warn", "httpcore has no %s as expected; requests are not seen" % missing)
        return
    calls.prepare(settings)
    for owner, methods in classes:
        for name in methods:
            _look(owner, name, _OBSERVERS[methods is _HTTP2, name], None, None)
    _look(trace, "__init__", _steps, None, None)
    _look(trace, "__exit__", _leaves, None, None)
    _look(trace, "__aexit__", _leaves, None, None)
    _look(reader, "next_event", _reads, _has_read, None)
    h2 = getattr(sys.modules.get("h2.connection"), "H2Connection", None)
    if h2 is not None and "receive_data" in vars(h2):
        _look(h2, "receive_data", _receives, _has_received, None)


def _look(cls, name, before, after, failed):
    setattr(cls, name, guard.around(cls.__dict__[name], before, after, failed))


def _argument(args, kwargs, position, name):
    return args[position] if len(args) > position else kwargs.get(name)


# The request


@guard.observer
def _connects(args, kwargs):
    """_connect(request): of a request whose connection has to be made."""
    _started(_argument(args, kwargs, 1, "request"))
    return None


def _started(request):
    """Give the call of a request, which starts here if it has not yet."""
    noted = request.__dict__
    call = noted.get(MARK)
    if call is not None and not call.ended:
        return call
    method, url = request.method.decode("latin-1"), request.url
    host, port, target = url.host.decode("latin-1"), url.port, url.target.decode("latin-1")
    if method == "CONNECT" or calls.is_runtime_api(host, port):  # a tunnel's request is no request of the function's
        return None
    secure = url.scheme in (b"https", b"wss")
    if target.startswith("/") or "://" not in target:  # else to a proxy
        host = "[%s]" % host if ":" in host and not host.startswith("[") else host
        place = host if port in (None, 443 if secure else 80) else "%s:%d" % (host, port)
        target = ("https://" if secure else "http://") + place + target
    call = calls.start(noted, "httpcore", method, target, calls.lines(request.headers, b": "), _body(request.stream))
    if call.parent is not None:
        request.headers = [*request.headers, (b"traceparent", call.parent.encode("ascii"))]
    return call


def _body(stream):
    """Give a body that is there as a whole, as httpx and httpcore keep it."""
    known = getattr(stream, "__dict__", {})
    if type(stream).__module__ in ("httpx._content", "httpcore._models") and type(stream).__name__ == "ByteStream":
        return known.get("_stream", known.get("_content"))
    return None


@guard.observer
def _sends_head(args, kwargs):
    """_send_request_headers(request) of HTTP/1.1."""
    connection = args[0]
    call = _started(_argument(args, kwargs, 1, "request"))
    if call is not None:
        connection._h11_state.__dict__[MARK] = call
        _note_peer(call, connection)
    return None


@guard.observer
def _sends_head_2(args, kwargs):
    """_send_request_headers(request, stream_id) of HTTP/2."""
    connection = args[0]
    call = _started(_argument(args, kwargs, 1, "request"))
    if call is not None:
        streams = connection._h2_state.__dict__.setdefault(MARK, {})
        streams[_argument(args, kwargs, 2, "stream_id")] = call
        _note_peer(call, connection)
    return None


def _note_peer(call, connection):
    stream = connection._network_stream
    if not type(stream).__module__.startswith("httpcore."):
        return  # the function's own
    try:
        address = stream.get_extra_info("server_addr")
    except Exception:
        return  # gone already; the library will say so
    if type(address) is tuple:
        call.peer = calls.peer(address)


@guard.observer
def _sends(args, kwargs):
    """_send_event(event) of HTTP/1.1: the head, a piece of the body, or its end."""
    call = args[0]._h11_state.__dict__.get(MARK)
    event = _argument(args, kwargs, 1, "event")
    if call is not None and not call.at_hand and type(event) is _state.h11.Data:
        _passes(call, event.data)
    return None


@guard.observer
def _sends_2(args, kwargs):
    """_send_stream_data(request, stream_id, data) of HTTP/2."""
    call = args[0]._h2_state.__dict__.get(MARK, {}).get(_argument(args, kwargs, 2, "stream_id"))
    if call is not None and not call.at_hand:
        _passes(call, _argument(args, kwargs, 3, "data"))
    return None


def _passes(call, data):
    if type(data) in BYTES:
        calls.request(call).add(data)
    else:
        calls.request(call).measured = False


# The steps


@guard.observer
def _steps(args, kwargs):
    """Trace(name, logger, request): a step of a request begins."""
    request = _argument(args, kwargs, 3, "request")
    if request is not None:
        call = request.__dict__.get(MARK)
        if call is not None:
            args[0].__dict__[MARK] = call
    return None


@guard.observer
def _leaves(args, kwargs):
    """__exit__(type, error, traceback) of a step."""
    if len(args) > 2 and args[2] is not None:
        trace, error = args[0].__dict__, args[2]
        call = trace.get(MARK)
        if call is not None and not isinstance(error, GeneratorExit):  # nobody wants the rest of a body
            call.trouble = error
            if trace.get("name") not in _GOES_ON:  # of the connection: what is tried again is another call
                calls.end(call)
    return None


# The response


@guard.observer
def _reads(args, kwargs):
    return args[0].__dict__.get(MARK)


@guard.observer
def _has_read(call, event):
    """next_event() of h11."""
    kind = type(event)
    if kind is _state.h11.Data:
        calls.response(call).add(event.data)
    elif kind is _state.h11.Response or kind is _state.h11.InformationalResponse and event.status_code == 101:
        calls.responded(call, event.status_code, "HTTP/" + bytes(event.http_version).decode("latin-1"), calls.lines(event.headers.raw_items(), b": "))
        if event.status_code == 101:
            calls.end(call)
    elif kind is _state.h11.EndOfMessage:
        calls.end(call)


@guard.observer
def _receives(args, kwargs):
    return args[0].__dict__.get(MARK)


@guard.observer
def _has_received(streams, events):
    """receive_data() of h2: what has come, of all streams of a connection."""
    for event in events:
        call = streams.get(getattr(event, "stream_id", None))
        if call is None:
            continue
        kind = type(event).__name__
        if kind == "ResponseReceived":
            head = [(bytes(name), bytes(value)) for name, value in event.headers]
            status = [value for name, value in head if name == b":status"]
            calls.responded(call, int(status[0]), "HTTP/2", calls.lines([pair for pair in head if not pair[0].startswith(b":")], b": "))
        elif kind == "DataReceived" and call.head:
            calls.response(call).add(event.data)
        elif kind == "StreamEnded":
            calls.end(call)


@guard.observer
def _closes(args, kwargs):
    """_response_closed() of HTTP/1.1: nobody wants more of the response, or there is none."""
    call = args[0]._h11_state.__dict__.pop(MARK, None)
    if call is not None:
        calls.end(call, partial=bool(call.head))
    return None


@guard.observer
def _closes_2(args, kwargs):
    """_response_closed(stream_id) of HTTP/2."""
    call = args[0]._h2_state.__dict__.get(MARK, {}).pop(_argument(args, kwargs, 1, "stream_id"), None)
    if call is not None:
        calls.end(call, partial=bool(call.head))
    return None


_OBSERVERS = {
    (False, "_connect"): _connects,
    (False, "_send_request_headers"): _sends_head,
    (False, "_send_event"): _sends,
    (False, "_response_closed"): _closes,
    (True, "_send_request_headers"): _sends_head_2,
    (True, "_send_stream_data"): _sends_2,
    (True, "_response_closed"): _closes_2,
}
