"""One request and its response: what every client keeps of them, and how both become records.

A client is a file beside this one. It gives what it has seen of a library's request; whatever it gives is of the built-in types.
"""

import os
import sys
import time
from itertools import chain

from .. import guard, handler
from ..spool import ERROR_BYTES, URL_BYTES, cut

BYTES = (bytes, bytearray, memoryview)

# Where a call is noted on the objects of a library.
MARK = "_afterglow_call"

_monotonic_ns = time.monotonic_ns


class _State:
    spool = None
    settings = None
    runtime_api = None


state = _State()


def prepare(settings):
    """Have the spool ready for calls. Every client's install begins with it."""
    state.settings = settings
    state.spool = handler.invocations.open(settings, "none")
    state.runtime_api = os.environ.get("AWS_LAMBDA_RUNTIME_API")


def expects(owner, methods):
    """Tell whether a class has these functions, with these first arguments; if not, give the name of one that is missing."""
    known = vars(owner or object)
    for method, arguments in methods.items():
        code = getattr(known.get(method), "__code__", None)
        if code is None or code.co_varnames[: len(arguments)] != arguments:
            return "%s.%s" % (getattr(owner, "__name__", "class"), method)
    return None


class Ended:
    """One request and its response, when all is told."""

    __slots__ = ("id", "invocation", "began", "connecting", "unsent", "request", "at_hand", "response", "head", "busy", "nested", "trouble", "whole", "key", "ended")

    def __init__(self, at_hand):
        self.id = state.spool.next_call()
        self.invocation = handler.belongs_to()
        self.began = _monotonic_ns()
        self.connecting = False  # the request has not been put together
        self.unsent = True  # its headers have not been sent
        self.at_hand = at_hand  # the request's body goes into call.start
        self.request = None if at_hand else Copy(state.settings.body_bytes)
        self.response = None  # a copy of its body, once there is a response
        self.head = {}
        self.busy = False  # between a method's beginning and its end a connection may be closed as part of it
        self.nested = False  # in a method that may call others which are looked at, too
        self.trouble = None  # an error that the response may yet make up for
        self.whole = False  # the response's body has come to its end
        self.key = None  # under which a client finds it, beside MARK
        self.ended = False

    def __reduce__(self):
        return type(None), ()  # whoever copies or pickles a connection gets it without us


class Call(Ended):
    """One request and its response. If nobody ever asks for the end, the finalizer tells it. A call that has ended takes the class
    without one: whatever a signal handler raises while a finalizer runs, Python would print and forget."""

    __slots__ = ()

    def __del__(self):
        _abandoned(self)


@guard.observer
def _abandoned(call):
    # A call that an exception of the user's has kept from being made has nothing to tell.
    if not getattr(call, "ended", True) and not sys.is_finalizing():
        end(call, partial=True)


def start(noted, library, method, url, pairs, body):
    """A request is about to be sent, or its connection made; note the call where its library's object keeps its attributes.
    A body that is not there yet is None or of any other type."""
    call = noted[MARK] = Call(type(body) in BYTES)
    parts = ()
    if call.at_hand:
        whole = Copy(state.settings.body_bytes)
        whole.add(body)
        parts = (whole.part("request"),)
    fields = {"call": call.id, "lib": library, "method": method, "url": url[:URL_BYTES], "headers": headers(pairs)}
    state.spool.record("call.start", call.invocation, fields, parts)
    return call


def is_runtime_api(host, port):
    """Tell Lambda's own Runtime API from where a function's requests go."""
    return "%s:%s" % (host, port) == state.runtime_api


def headers(pairs):
    """Give the headers that the budget has room for."""
    budget = state.settings.header_bytes
    if sum(map(len, chain.from_iterable(pairs))) <= budget:
        return pairs
    kept, left_out = [], 0
    for pair in pairs:
        size = sum(map(len, pair))
        if size > budget or left_out:
            left_out += size
        else:
            budget -= size
            kept.append(pair)
    state.spool.lost("headers", len(pairs) - len(kept), left_out)
    return kept


def text(pairs):
    """Give headers that are bytes as text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


def peer(address):
    """Give a socket's address as text."""
    if type(address) is tuple and len(address) > 1:
        return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address[:2]
    return str(address)


def responded(call, status, proto, pairs):
    """The head of the response has come; its body may follow."""
    head = call.head
    head["status"] = int(status)
    head["proto"] = proto
    head["ttfb"] = (_monotonic_ns() - call.began) // 1000
    if pairs is not None:
        head["headers"] = headers(pairs)
    if call.response is None:
        call.response = Copy(state.settings.body_bytes)
    call.trouble = None


def end(call, partial=False, error=None):
    """There is nothing more to come of a call."""
    if call.ended:
        return
    call.ended = True
    call.__class__ = Ended
    fields = {"call": call.id, **call.head, "dur": (_monotonic_ns() - call.began) // 1000}
    error = call.trouble if error is None else error
    if error is not None:
        fields["error"] = {"type": type(error).__name__, "message": cut(_message(error), ERROR_BYTES)}
    if partial:
        fields["partial"] = True
        if call.response is not None:
            call.response.measured = False
    parts = []
    if not call.at_hand and (call.request.size or not call.request.measured):
        parts.append(call.request.part("request"))
    if call.response is not None:
        parts.append(call.response.part("response"))
    call.trouble = None
    state.spool.record("call.end", call.invocation, fields, parts)


def _message(error):
    """Give an exception's message without asking code of the user's for it."""
    if all(type(arg) in (str, int, float, bytes, bool, type(None)) for arg in error.args):
        return str(error) if type(type(error).__str__) is type(BaseException.__str__) else " ".join(map(str, error.args))
    return " ".join(arg for arg in error.args if type(arg) is str)


class Copy:
    """Keeps the beginning of a body, and counts all of it."""

    __slots__ = ("budget", "kept", "size", "measured", "framing")

    def __init__(self, budget):
        self.budget = budget
        self.kept = b""  # a body that comes in one piece stays the user's own object
        self.size = 0
        self.measured = True  # False when something passed whose size is not known
        self.framing = None  # of a chunked request, which the user's library writes

    def add(self, data):
        if self.framing is not None:
            for piece in self.framing.pieces(bytes(data)):
                self._add(piece)
        elif type(data) is memoryview and (data.ndim != 1 or data.itemsize != 1):
            self._add(data.cast("B"))
        else:
            self._add(data)

    def _add(self, data):
        room = self.budget - len(self.kept)
        if room > 0:
            if not self.kept:
                self.kept = bytes(data[:room])
            else:
                if type(self.kept) is bytes:
                    self.kept = bytearray(self.kept)
                self.kept += data[:room]
        self.size += len(data)

    def part(self, of):
        length = len(self.kept)
        part = {"of": of, "len": length}
        if self.measured:
            part["size"] = self.size
        if not self.measured or self.size > length:
            part["truncated"] = True
        return part, bytes(self.kept)


class Framing:
    """Takes the framing of a chunked body away as it passes by, wherever it is cut into pieces."""

    __slots__ = ("left", "line")

    def __init__(self):
        self.left = 0  # of the chunk's data and the line end behind it
        self.line = b""  # the beginning of a line with a chunk's length

    def pieces(self, data):
        while data:
            if self.left:
                piece, data = data[: self.left], data[self.left :]
                ends = max(0, len(piece) - max(0, self.left - 2))  # bytes of the line end
                self.left -= len(piece)
                yield piece[: len(piece) - ends]
                continue
            line, found, data = (self.line + data).partition(b"\r\n")
            self.line = b"" if found else line
            if found:
                length = int(line.partition(b";")[0] or b"0", 16)
                self.left = length + 2 if length else 0
