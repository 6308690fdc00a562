"""Requests sent with aiohttp's client.

What is asynchronous is looked at when it is called, never while it runs: the function's coroutines are the library's own. So the
events are those that pass between aiohttp and the event loop, in plain calls: what its parser has made of the bytes that came, what
is given to its writer, and its timers, which surround whatever a request waits for and so see how that fails. A body is copied as it
comes, before any decompression.
"""

import sys

from .. import guard
from . import call as calls
from .call import BYTES, MARK

# By module and class: the functions that are looked at, with their first arguments.
_KNOWN = {
    ("connector", "BaseConnector"): {"connect": ("self", "req"), "_release": ("self", "key", "protocol")},
    ("client_reqrep", "ClientRequest"): {"send": ("self", "conn"), "write_bytes": ("self", "writer", "conn")},
    ("http_writer", "StreamWriter"): {"write": ("self", "chunk"), "write_eof": ("self", "chunk")},
    ("streams", "DataQueue"): {"feed_data": ("self", "data")},
    ("streams", "StreamReader"): {"feed_data": ("self", "data"), "feed_eof": ("self",), "set_exception": ("self", "exc")},
    ("http_parser", "DeflateBuffer"): {"feed_data": ("self", "chunk")},
    ("helpers", "TimerContext"): {"__exit__": ("self", "exc_type", "exc_val")},
    ("helpers", "TimerNoop"): {"__exit__": ("self", "exc_type", "exc_val")},
}


# What aiohttp itself says to a body that nobody wants the rest of.
_CLOSED = ("Connection closed",)


_NONE = {}


class _State:
    def __init__(self):
        self.payloads = None  # the module
        self.nothing = None  # the body of a response without one
        # The call that a request's timer is for, by the timer's id: timers have no room for a mark. A call keeps its timer, and is
        # taken out when it ends.
        self.timed = {}


_state = _State()


def install(module, settings):
    """Look at aiohttp from now on, if it is the one that this file knows. aiohttp.client has loaded all of it."""
    classes = {}
    for (file, name), methods in _KNOWN.items():
        classes[name] = getattr(sys.modules.get("aiohttp." + file), name, None)
        missing = calls.expects(classes[name], methods)
        if missing:
            guard.say("warn", "aiohttp has no %s as expected; its requests are not seen" % missing)
            return
    _state.payloads = sys.modules["aiohttp.payload"]
    _state.nothing = sys.modules["aiohttp.streams"].EMPTY_PAYLOAD
    handler = sys.modules["aiohttp.client_proto"].ResponseHandler
    calls.prepare(settings)
    for name, method, before in (
        ("BaseConnector", "connect", _connects),
        ("BaseConnector", "_release", _releases),
        ("ClientRequest", "send", _sends),
        ("ClientRequest", "write_bytes", _sends_body),
        ("StreamWriter", "write", _writes),
        ("StreamWriter", "write_eof", _writes),
        ("StreamReader", "feed_data", _comes),
        ("StreamReader", "feed_eof", _ends),
        ("StreamReader", "set_exception", _breaks),
        ("DeflateBuffer", "feed_data", _comes_compressed),
        ("TimerContext", "__exit__", _leaves),
        ("TimerNoop", "__exit__", _leaves),
    ):
        cls = classes[name]
        setattr(cls, method, guard.around(cls.__dict__[method], before, None, None))
    handler.feed_data = guard.around(handler.feed_data, _responds, None, None)  # a queue's; other queues are left alone


def _argument(args, kwargs, position, name):
    return args[position] if len(args) > position else kwargs.get(name)


def _marked(protocol):
    """Give the attributes of a connection's protocol. A server's has none that could hold a mark."""
    return getattr(protocol, "__dict__", _NONE)


def _end(call, partial=False, error=None):
    key, call.key = call.key, None
    if key is not None and _state.timed.get(id(key)) is call:
        del _state.timed[id(key)]
    calls.end(call, partial, error)


# The request


@guard.observer
def _connects(args, kwargs):
    """connect(req, ...): a request is ready and gets a connection, one after the other if it is redirected or tried again."""
    request = _argument(args, kwargs, 1, "req")
    url = request.url
    if calls.is_runtime_api(url.raw_host, url.port):
        return None
    headers = calls.lines([(str.__str__(name), str.__str__(value)) for name, value in request.headers.items()])
    call = calls.start(request.__dict__, "aiohttp", str.__str__(request.method), str(url), headers, _body(request))
    if call.parent is not None:
        request.headers["traceparent"] = call.parent
    call.connecting = True  # until the head of the response is there
    call.key = request._timer
    _state.timed[id(call.key)] = call
    return None


def _body(request):
    """Give a body that is there as a whole."""
    known = request.__dict__
    body = known.get("_body", known.get("body"))
    if type(body).__module__ != _state.payloads.__name__ or not isinstance(body, _state.payloads.BytesPayload) or known.get("compress"):
        return None
    return body._value


@guard.observer
def _sends(args, kwargs):
    """send(conn): the request has its connection."""
    request, connection = args[0], _argument(args, kwargs, 1, "conn")
    call = request.__dict__.get(MARK)
    protocol = connection.protocol
    protocol.__dict__.pop(MARK, None)
    if call is None or call.ended:  # of a tunnel through a proxy, which is no request of the function's
        return None
    calls.response(call)
    protocol.__dict__[MARK] = call
    if type(protocol.transport).__module__.startswith("asyncio."):
        address = protocol.transport.get_extra_info("peername")
        if address:
            call.peer = calls.peer(address)
    return None


@guard.observer
def _sends_body(args, kwargs):
    """write_bytes(writer, conn, ...): the body goes to this writer."""
    call = args[0].__dict__.get(MARK)
    writer = _argument(args, kwargs, 1, "writer")
    if call is not None and not call.at_hand:
        writer.__dict__[MARK] = call
    return None


@guard.observer
def _writes(args, kwargs):
    call = args[0].__dict__.get(MARK)
    if call is None:
        return None
    data = _argument(args, kwargs, 1, "chunk")
    if args[0].__dict__.get("_compress") is not None or data is not None and type(data) not in BYTES:
        calls.request(call).measured = False  # what is sent is something else
    elif data:
        calls.request(call).add(data)
    return None


@guard.observer
def _leaves(args, kwargs):
    """__exit__(exc_type, exc_val, exc_tb) of a timer: what it was for is done, or has failed."""
    call = _state.timed.get(id(args[0]))
    error = args[2] if len(args) > 2 else None
    if call is None or error is None:
        return None
    if getattr(args[0], "_cancelled", False):  # the time is up, which the timer is about to say in these words
        error = TimeoutError()
    _end(call, partial=not call.connecting, error=error)
    return None


# The response


@guard.observer
def _responds(args, kwargs):
    """feed_data((message, payload)) of the protocol: the head of a response has come, perhaps with all of its body."""
    protocol = args[0].__dict__
    call = protocol.get(MARK)
    if call is None:
        return None
    message, payload = _argument(args, kwargs, 1, "data")
    if 100 <= message.code < 200 and message.code != 101:
        return None
    call.connecting = False
    calls.responded(call, message.code, "HTTP/%d.%d" % tuple(message.version), calls.lines(message.raw_headers, b": "))
    if call.whole or payload is _state.nothing or message.code == 101:
        del protocol[MARK]
        _end(call)
    return None


@guard.observer
def _comes(args, kwargs):
    """feed_data(data) of a body."""
    call = _marked(args[0]._protocol).get(MARK)
    if call is not None and not call.nested:
        call.response.add(_argument(args, kwargs, 1, "data"))
    return None


@guard.observer
def _comes_compressed(args, kwargs):
    """feed_data(chunk) of what decompresses a body, and feeds that then."""
    call = _marked(args[0].out._protocol).get(MARK)
    if call is not None:
        call.response.add(_argument(args, kwargs, 1, "chunk"))
        call.nested = True  # from now on
    return None


@guard.observer
def _ends(args, kwargs):
    """feed_eof() of a body."""
    protocol = _marked(args[0]._protocol)
    call = protocol.get(MARK)
    if call is not None:
        call.whole = True
        if not call.connecting:  # else its head comes in the same piece
            del protocol[MARK]
            _end(call)
    return None


@guard.observer
def _breaks(args, kwargs):
    """set_exception(exc) of a body: there will be no more of it, for nobody wants it or nobody sends it."""
    call = _marked(args[0]._protocol).get(MARK)
    error = _argument(args, kwargs, 1, "exc")
    if call is not None and not call.connecting and call.trouble is None and getattr(error, "args", None) != _CLOSED:
        call.trouble = error
    return None


@guard.observer
def _releases(args, kwargs):
    """_release(key, protocol, ...): a connection is given back, or given up."""
    protocol = _marked(_argument(args, kwargs, 2, "protocol"))
    call = protocol.get(MARK)
    if call is not None and not call.connecting:
        del protocol[MARK]
        _end(call, partial=True)
    return None
