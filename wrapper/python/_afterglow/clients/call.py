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

# Of what nearly all calls of a function have in common, this many are remembered: addresses of peers, origins.
MOST_KNOWN = 64

_monotonic_ns = time.monotonic_ns
_time_ns = time.time_ns
_belongs_to = handler.of_context.get  # as handler.belongs_to asks it, for a call less
_invocations = handler.invocations

_peers = {}  # an address: the fields of a record that tell it


class _State:
    spool = None
    settings = None
    runtime_api = (None, None)  # host and port
    propagation = None  # where the setting asks for it


state = _State()


def prepare(settings):
    """Have the spool ready for calls. Every client's install begins with it."""
    state.settings = settings
    state.spool = handler.invocations.open(settings, "none")
    host, _, port = os.environ.get("AWS_LAMBDA_RUNTIME_API", "").rpartition(":")
    state.runtime_api = host, port
    if settings.propagation_domains and state.propagation is None:
        from .propagation import Propagation

        state.propagation = Propagation(settings.propagation_domains)


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

    # What a call has from its start on: id, invocation, and when it began. The rest is here until something else is known.
    began = None  # an exception of the user's, from a signal's handler, has kept it from being made: it has nothing to tell
    connecting = False  # the request has not been put together
    unsent = True  # its headers have not been sent
    at_hand = False  # the request's body goes into call.start
    request = None  # a copy of its body, if that comes later
    response = None  # a copy of its body, once there is a response
    head = ""  # the fields that tell of the response's head
    lines = b""  # those of the response's head
    peer = ""  # the field that tells its address
    parent = None  # value of the traceparent header that its client is to add
    unwritten = None  # why the start was not written
    busy = False  # while its request is on its way: a connection may be closed as part of that
    nested = False  # in a method that may call others which are looked at, too
    trouble = None  # an error that the response may yet make up for
    whole = False  # the response's body has come to its end
    key = None  # under which a client finds it, beside MARK
    ended = True

    def __reduce__(self):
        return type(None), ()  # whoever copies or pickles a connection gets it without us


class Call(Ended):
    """One request and its response. If nobody ever asks for the end, the finalizer tells it. A call that has ended takes the class
    without one: whatever a signal handler raises while a finalizer runs, Python would print and forget."""

    ended = False

    def __del__(self):
        _abandoned(self)


@guard.observer
def _abandoned(call):
    if call.began is not None and not sys.is_finalizing():
        end(call, partial=True)


def start(noted, library, method, url, lines, body):
    """A request is about to be sent, or its connection made; note the call where its library's object keeps its attributes.
    lines are those of the request's head. A body that is not there yet is None or of any other type."""
    spool, settings = state.spool, state.settings
    call = noted[MARK] = Call()
    name = call.id = next(spool.names)
    invocation = call.invocation = _belongs_to(_invocations.current)
    call.began = _monotonic_ns()
    span = ""
    if state.propagation is not None:
        lines, span = _propagates(call, url, lines)
    if len(lines) > settings.header_bytes:
        lines = headers(lines)
    length = size = len(lines)
    parts, bodies = "", (lines,)
    if type(body) in BYTES:
        call.at_hand = True
        if type(body) is not bytes:
            body = memoryview(body).cast("B")
        whole = len(body)
        if whole <= settings.body_bytes:
            length += whole
            parts, bodies = f',{{"of":"request","len":{whole},"size":{whole}}}', (lines, body)
        else:
            kept = body[: settings.body_bytes]
            length += len(kept)
            parts, bodies = f',{{"of":"request","len":{len(kept)},"size":{whole},"truncated":true}}', (lines, kept)
    if len(url) > URL_BYTES:
        url = url[:URL_BYTES]
    call.unwritten = "write-failed"  # unless it comes to its end: a signal's handler may raise at any line
    call.unwritten = spool.write(
        f'{{"kind":"call.start","inv":{_quote(invocation)},"t":{_time_ns() // 1000},"call":"{name}","lib":"{library}","method":{_quote(method)},'
        f'"url":{_quote(url)}{span},"parts":[{{"of":"headers","len":{size}}}{parts}]}}',
        bodies,
        length,
    )
    return call


def _propagates(call, url, lines):
    """Give the lines of a head with those that are to be added, and the field that tells of it."""
    found = state.propagation.span(url, lines, call.invocation)
    if found is None:
        return lines, ""
    span, call.parent = found
    added = ("traceparent: " + call.parent).encode("ascii")
    return lines + b"\n" + added if lines else added, ',"span":"%s"' % span


def request(call):
    """Give the copy of a request's body that passes."""
    if call.request is None:
        call.request = Copy(state.settings.body_bytes)
    return call.request


def response(call):
    """Give the copy of a response's body that passes."""
    if call.response is None:
        call.response = Copy(state.settings.body_bytes)
    return call.response


def is_runtime_api(host, port):
    """Tell Lambda's own Runtime API from where a function's requests go."""
    api = state.runtime_api
    return host == api[0] and str(port) == api[1]


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


def remember(known, key, value):
    """Keep what is asked for again and again, of a few."""
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[key] = value
    return value


def peer(address):
    """Give the field that tells a socket's address."""
    known = _peers.get(address)
    if known is not None:
        return known
    if type(address) is tuple and len(address) > 1:
        text = ("%s:%d" if ":" not in address[0] else "[%s]:%d") % address[:2]
    else:
        text = str(address)
    return remember(_peers, address, ',"peer":' + _quote(text))


def responded(call, status, proto, lines):
    """The head of the response has come; its body may follow."""
    call.head = f',"status":{status},"proto":"{proto}","ttfb":{(_monotonic_ns() - call.began) // 1000}'
    call.lines = lines if len(lines) <= state.settings.header_bytes else headers(lines)
    call.trouble = None


def end(call, partial=False, error=None, body=None):
    """There is nothing more to come of a call. A body is that of a response which has come in one piece."""
    if call.ended:
        return
    call.__class__ = Ended
    if call.began is None:
        return
    if call.unwritten is not None:  # the end of what nobody knows of
        state.spool.lost(call.unwritten, 1, 0)
        return
    duration = (_monotonic_ns() - call.began) // 1000
    fields = call.head + call.peer
    if error is None:
        error = call.trouble
    if error is not None:
        fields += _error(call, error)
    if partial:
        fields += ',"partial":true'
    spool, lines, length = state.spool, call.lines, -1
    room = spool.most - spool.written - len(fields) - MOST_FIELDS
    if body is not None and lines and call.request is None and not partial and len(body) <= state.settings.body_bytes:  # as nearly all calls end
        size = len(body)
        parts = f'{{"of":"headers","len":{len(lines)}}},{{"of":"response","len":{size},"size":{size}}}'
        bodies, length = (lines, body), len(lines) + size
    if not 0 <= length <= room:
        parts, bodies, length = _parts(call, partial, body, room)
    spool.write(
        f'{{"kind":"call.end","inv":{_quote(call.invocation)},"t":{_time_ns() // 1000},"call":"{call.id}"{fields},"dur":{duration},"parts":[{parts}]}}',
        bodies,
        length,
        True,
        False,
    )


def _parts(call, partial, body, room):
    """Give the parts of an end, their bytes, and how many these are. Past the cap an end is told without what passed."""
    request, head, copies = call.request, call.lines, []
    if request is not None and (request.size or not request.measured):
        copies.append(("request", request))
    if call.response is not None or call.head:
        copy = response(call)
        if body is not None:
            copy.add(body)
        if partial:
            copy.measured = False
        copies.append(("response", copy))
    if len(head) + sum([len(copy.kept) for _, copy in copies]) > room:
        head = b""
        for _, copy in copies:
            copy.kept = b""
    parts, bodies = [copy.part(of) for of, copy in copies], [copy.kept for _, copy in copies]
    if head:
        parts.append('{"of":"headers","len":%d}' % len(head))
        bodies.append(head)
    return ",".join(parts), bodies, sum(map(len, bodies))


def _error(call, error):
    call.trouble = None  # what it refers to may go now
    return ',"error":{"type":%s,"message":%s}' % (_quote(type(error).__name__), _quote(cut(_message(error), ERROR_BYTES)))


def _message(error):
    """Give an exception's message without asking code of the user's for it."""
    if all(type(arg) in (str, int, float, bytes, bool, type(None)) for arg in error.args):
        return str(error) if type(type(error).__str__) is type(BaseException.__str__) else " ".join(map(str, error.args))
    return " ".join(arg for arg in error.args if type(arg) is str)


class Copy:
    """Keeps the beginning of a body, and counts all of it."""

    kept = b""  # a body that comes in one piece stays the user's own object
    size = 0
    measured = True  # False when something passed whose size is not known
    framing = None  # of a chunked request, which the user's library writes

    def __init__(self, budget):
        self.budget = budget

    def add(self, data):
        if self.framing is not None:
            framing, self.framing = self.framing, None
            for piece in framing.pieces(bytes(data)):
                self.add(piece)
            self.framing = framing
            return
        if type(data) is memoryview and (data.ndim != 1 or data.itemsize != 1):
            data = data.cast("B")
        if not self.size:
            kept = data if len(data) <= self.budget else memoryview(data)[: self.budget]
            self.kept = kept if type(data) is bytes else bytes(kept)
        elif len(self.kept) < self.budget:
            if type(self.kept) is bytes:
                self.kept = bytearray(self.kept)
            self.kept += data[: self.budget - len(self.kept)]
        self.size += len(data)

    def part(self, of):
        """Describe what is kept, in JSON."""
        size = f',"size":{self.size}' if self.measured else ""
        truncated = "" if self.measured and len(self.kept) == self.size else ',"truncated":true'
        return f'{{"of":"{of}","len":{len(self.kept)}{size}{truncated}}}'


class Framing:
    """Takes the framing of a chunked body away as it passes by, wherever it is cut into pieces, and what follows the last chunk."""

    __slots__ = ("left", "line", "over")

    def __init__(self):
        self.left = 0  # of the chunk's data and the line end behind it
        self.line = b""  # the beginning of a line with a chunk's length
        self.over = False

    def pieces(self, data):
        while data and not self.over:
            if self.left:
                piece, data = data[: self.left], data[self.left :]
                ends = max(0, len(piece) - max(0, self.left - 2))  # bytes of the line end
                self.left -= len(piece)
                yield piece[: len(piece) - ends]
                continue
            line, found, data = (self.line + data).partition(b"\r\n")
            self.line = b"" if found else line
            if found:
                length = int(line.partition(b";")[0], 16)
                self.left = length + 2
                self.over = length == 0
