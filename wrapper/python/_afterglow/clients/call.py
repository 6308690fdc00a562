"""One request and its response: what every client keeps of them, and how both become records.

A client is a file beside this one. It gives what it has seen of a library's request; whatever it gives is of the built-in types.
"""

import os
import sys
import time

from .. import guard, handler
from ..spool import ERROR_BYTES, URL_BYTES, cut

try:
    from _json import encode_basestring_ascii as _quote  # without what the module json loads besides
except ImportError:
    from json.encoder import py_encode_basestring_ascii as _quote

BYTES = (bytes, bytearray, memoryview)

# Where a call is noted on the objects of a library.
MARK = "_afterglow_call"

# What an end takes beside what is counted: names of fields, times, lengths.
MOST_FIELDS = 400

_monotonic_ns = time.monotonic_ns
_time_ns = time.time_ns


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

    __slots__ = ("id", "invocation", "began", "connecting", "unsent", "request", "at_hand", "response", "head", "lines", "peer", "unwritten", "busy", "nested", "trouble", "whole", "key", "ended")

    def __init__(self, at_hand):
        self.id = state.spool.next_call()
        self.invocation = handler.belongs_to()
        self.began = _monotonic_ns()
        self.connecting = False  # the request has not been put together
        self.unsent = True  # its headers have not been sent
        self.at_hand = at_hand  # the request's body goes into call.start
        self.request = None if at_hand else Copy(state.settings.body_bytes)
        self.response = None  # a copy of its body, once there is a response
        self.head = ""  # fields of the end that are known since the response's head came
        self.lines = None  # those of the response's head
        self.peer = None  # its address
        self.unwritten = None  # why the start was not written
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


def start(noted, library, method, url, lines, body):
    """A request is about to be sent, or its connection made; note the call where its library's object keeps its attributes.
    lines are those of the request's head. A body that is not there yet is None or of any other type."""
    call = noted[MARK] = Call(type(body) in BYTES)
    lines = headers(lines)
    parts, bodies = '{"of":"headers","len":%d}' % len(lines), (lines,)
    if call.at_hand:
        whole = Copy(state.settings.body_bytes)
        whole.add(body)
        parts, bodies = parts + "," + whole.part("request"), (lines, whole.kept)
    call.unwritten = state.spool.write(
        (
            '{"kind":"call.start","inv":%s,"t":%d,"call":"%s","lib":"%s","method":%s,"url":%s,"parts":[%s]}'
            % (_quote(call.invocation), _time_ns() // 1000, call.id, library, _quote(method), _quote(url[:URL_BYTES]), parts)
        ).encode("ascii"),
        bodies,
    )
    return call


def is_runtime_api(host, port):
    """Tell Lambda's own Runtime API from where a function's requests go."""
    return "%s:%s" % (host, port) == state.runtime_api


def headers(lines):
    """Give the lines of a head that the budget has room for."""
    budget = state.settings.header_bytes
    if len(lines) <= budget:
        return lines
    kept, left_out, count = [], 0, 0
    for line in lines.split(b"\n"):
        name, _, value = line.partition(b":")
        size = len(name) + len(value.strip())
        if size > budget or left_out:
            left_out += size
            count += 1
        else:
            budget -= size
            kept.append(line)
    if count:
        state.spool.lost("headers", count, left_out)
    return b"\n".join(kept)


def lines(pairs, separator=": "):
    """Make the lines of a head of names and values that are all text, or all bytes with a separator of bytes."""
    count = len(pairs)
    if type(separator) is bytes:
        text = b"\n".join(map(separator.join, pairs))
        if text.count(b"\n") >= max(count, 1):  # a value of several lines
            text = b"\n".join(separator.join(pair).replace(b"\r\n", b" ").replace(b"\n", b" ") for pair in pairs)
        return text
    text = "\n".join(map(separator.join, pairs))
    if text.count("\n") >= max(count, 1):
        text = "\n".join(separator.join(pair).replace("\r\n", " ").replace("\n", " ") for pair in pairs)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def peer(address):
    """Give a socket's address as text."""
    if type(address) is tuple and len(address) > 1:
        return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address[:2]
    return str(address)


def responded(call, status, proto, lines):
    """The head of the response has come; its body may follow."""
    call.head = ',"status":%d,"proto":"%s","ttfb":%d' % (status, proto, (_monotonic_ns() - call.began) // 1000)
    call.lines = headers(lines)
    if call.response is None:
        call.response = Copy(state.settings.body_bytes)
    call.trouble = None


def end(call, partial=False, error=None):
    """There is nothing more to come of a call."""
    if call.ended:
        return
    call.ended = True
    call.__class__ = Ended
    error = call.trouble if error is None else error
    call.trouble = None
    if call.unwritten is not None:  # the end of what nobody knows of
        state.spool.lost(call.unwritten, 1, 0)
        return
    parts, bodies = [], []
    if not call.at_hand and (call.request.size or not call.request.measured):
        parts.append(call.request.part("request"))
        bodies.append(call.request.kept)
    if call.response is not None:
        if call.lines:
            parts.append('{"of":"headers","len":%d}' % len(call.lines))
            bodies.append(call.lines)
        call.response.measured = call.response.measured and not partial
        parts.append(call.response.part("response"))
        bodies.append(call.response.kept)
    fields = call.head
    if call.peer is not None:
        fields += ',"peer":%s' % _quote(call.peer)
    fields += ',"dur":%d' % ((_monotonic_ns() - call.began) // 1000)
    if error is not None:
        fields += ',"error":{"type":%s,"message":%s}' % (_quote(type(error).__name__), _quote(cut(_message(error), ERROR_BYTES)))
    if partial:
        fields += ',"partial":true'
    spool = state.spool
    if spool.is_full(sum(map(len, bodies)) + len(fields) + MOST_FIELDS):  # past the cap an end is told without what passed
        parts, bodies = [_nothing_of(call, of) for of in ("request", "response") if any('"of":"%s"' % of in part for part in parts)], ()
    if parts:
        fields += ',"parts":[%s]' % ",".join(parts)
    spool.write(
        ('{"kind":"call.end","inv":%s,"t":%d,"call":"%s"%s}' % (_quote(call.invocation), _time_ns() // 1000, call.id, fields)).encode("ascii"),
        bodies,
        vital=True,
    )


def _nothing_of(call, of):
    copy = getattr(call, of)
    copy.kept = b""
    return copy.part(of)


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
        """Describe what is kept, in JSON."""
        if not self.measured:
            return '{"of":"%s","len":%d,"truncated":true}' % (of, len(self.kept))
        return '{"of":"%s","len":%d,"size":%d%s}' % (of, len(self.kept), self.size, ',"truncated":true' if self.size > len(self.kept) else "")


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
