"""Invocations: when they start, what with, how they end.

Seen at the methods by which AWS's runtime client fetches events and posts answers, not around the user's handler: no frame of
the hook is on the stack while the handler runs, and the answer has gone out before a byte of it is written down.
"""

import atexit
import os
import sys
import time
from contextvars import ContextVar

from . import guard
from .spool import ERROR_BYTES, Spool, cut

# Of a larger event with long strings, this many values are walked to; what that costs must not depend on the event.
WALK_NODES = 600
# In a batch whose messages have fewer bytes than this, the first ones say more than what is left of more of them, and cost nothing.
SMALL_MESSAGE = 2048
WALK_LIST = 100  # items kept of a list: messages of a batch, whose ids are what the walk is for
WALK_STRING = 256  # characters kept of a string: ids are shorter, and bodies of messages show how they begin
WALK_LONG_LIST = 20  # in a longer list there is room for the ids of its items, and for little else
WALK_SHORT_STRING = 128
WALK_DEPTH = 20

# A proxy response says its status first or last, or it is small enough to be parsed.
PARSE_BYTES = 16384
# An answer beyond this is not encoded a second time only to tell its size.
MEASURE_CHARACTERS = 1 << 20

_METHODS = {
    "wait_next_invocation": ("self",),
    "post_invocation_result": ("self", "invoke_id", "result_data"),
    "post_invocation_error": ("self", "invoke_id", "error_response_data"),
    "post_init_error": ("self", "error_response_data"),
}

_monotonic_ns = time.monotonic_ns

# Work that carries a context of its own, as asyncio's tasks do, belongs to the invocation that started it.
of_context = ContextVar("_afterglow_invocation")


class Invocations:
    """The invocations of this process, one at a time."""

    def __init__(self):
        self.spool = None
        self.settings = None
        self.current = "none"  # a request id, "init" or "none"; kept after the end, for what was left running
        self.trace = None  # its X-Amzn-Trace-Id
        self.pid = 0
        self.cold = True
        self.failed_init = False
        self.started = None  # monotonic, while an invocation runs
        self.unwritten = None  # fields and event of a start that waits for the client to parse a large event

    def open(self, settings, current):
        if self.spool is None:
            self.settings = settings
            self.current = current
            self.pid = os.getpid()
            self.spool = Spool(settings, current)
            atexit.register(exited)
        elif self.current == "none":  # a client was loaded before it was known that this is the runtime
            self.current = current
            self.spool.begin(current)
        return self.spool

    def record(self, kind, fields, parts=(), vital=False, invocation=None):
        if self.unwritten is not None:
            self.write_start(*_prefix("event", self.unwritten[1], self.settings.event_bytes))
        self.spool.record(kind, invocation or self.current, fields, parts, vital)

    def write_start(self, part, data):
        fields, self.unwritten = self.unwritten[0], None
        self.record("invocation.start", fields, ((part, data),), vital=True)

    def begin(self, request):
        if self.started is not None:  # answered in a way that is not known here
            self.end({})
        self.current = str(request.invoke_id)
        self.trace = request.x_amzn_trace_id
        of_context.set(self.current)
        self.spool.begin(self.current)
        fields = {
            "arn": request.invoked_function_arn,
            "deadline": _number(request.deadline_time_in_ms),
            "trace": request.x_amzn_trace_id,
            "tenant": getattr(request, "tenant_id", None),
            "handler": os.environ.get("_HANDLER"),
            "cold": self.cold or None,
        }
        self.cold = False
        self.started = _monotonic_ns()
        self.unwritten = ({name: value for name, value in fields.items() if value is not None}, request.event_body)
        if len(request.event_body) <= self.settings.event_bytes or self.settings.event_bytes == 0:
            self.write_start(*_prefix("event", request.event_body, self.settings.event_bytes))

    def end(self, fields, parts=(), when=None):
        if self.started is None:
            return
        fields["dur"] = ((when or _monotonic_ns()) - self.started) // 1000
        self.started = None
        self.record("invocation.end", fields, parts, vital=True)
        self.spool.end()


invocations = Invocations()


def belongs_to():
    """Give the invocation that what happens now belongs to."""
    return of_context.get(invocations.current)


def install(module, settings):
    """Look at the runtime client from now on, if it is the one that this file knows."""
    client = getattr(module, "LambdaRuntimeClient", None)
    owners = {name: _owner(client, name, arguments) for name, arguments in _METHODS.items()}
    missing = [name for name, owner in owners.items() if owner is None]
    if missing:
        guard.say("warn", "this runtime client has no %s as expected; invocations are not seen" % ", ".join(missing))
        return
    invocations.open(settings, "init").announce()
    observers = {
        "wait_next_invocation": (_starts, _fetched, None),
        "post_invocation_result": (_starts, _answered, _unanswered),
        "post_invocation_error": (_starts, _told_error, _unanswered),
        "post_init_error": (_init_failed, None, None),
    }
    for name, owner in owners.items():
        setattr(owner, name, guard.around(owner.__dict__[name], *observers[name]))
    parser = _owner(getattr(module, "LambdaMarshaller", None), "unmarshal_request", ("self", "request"))
    if parser is not None:
        original = parser.__dict__["unmarshal_request"]
        parser.unmarshal_request = guard.around(original, _awaits_parsing, _parsed, None)


def _owner(cls, name, arguments):
    """Give the class that has the method, if it is a function that takes these arguments."""
    for owner in getattr(cls, "__mro__", ()):
        if name in owner.__dict__:
            code = getattr(owner.__dict__[name], "__code__", None)
            known = code is not None and code.co_varnames[: min(code.co_argcount, len(arguments))] == arguments
            return owner if known else None
    return None


@guard.observer
def _starts(args, kwargs):
    return args, kwargs, _monotonic_ns()


@guard.observer
def _fetched(token, request):
    invocations.begin(request)


@guard.observer
def _awaits_parsing(args, kwargs):
    return invocations.unwritten


@guard.observer
def _parsed(token, event):
    if invocations.unwritten is token:
        invocations.write_start(*_large(token[1], event, invocations.settings.event_bytes))


@guard.observer
def _answered(token, result):
    answer = _argument(token, 2, "result_data")
    part = _prefix("response", answer, invocations.settings.event_bytes)
    status = _status(answer)
    invocations.end({} if status is None else {"status": status}, (part,), when=token[2])


@guard.observer
def _told_error(token, result):
    import json

    told = json.loads(_argument(token, 2, "error_response_data"))
    invocations.end({"error": _error(told)}, when=token[2])


@guard.observer
def _unanswered(token, error):
    trouble = {"type": type(error).__name__, "message": "the runtime client could not post the answer"}
    invocations.end({"error": trouble}, when=token[2])


@guard.observer
def _init_failed(args, kwargs):
    invocations.failed_init = True
    told = _argument((args, kwargs, 0), 1, "error_response_data")
    invocations.record("init.error", {"error": _error(told)}, vital=True)


@guard.observer
def exited():
    """The interpreter exits, which a runtime does only when the user's code made it."""
    if invocations.pid == os.getpid():
        if invocations.started is not None:
            invocations.end({"error": _last_error()})
        elif invocations.current == "init" and not invocations.failed_init:
            invocations.record("init.error", {"error": _last_error()}, vital=True)
    invocations.spool.end()


def _last_error():
    """Describe what ended the interpreter: what it has printed a traceback of, else sys.exit."""
    error = getattr(sys, "last_value", None)
    if error is None:
        return {"type": "SystemExit", "message": "the process exited"}
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    while frames and _is_runtimes(frames[0].filename):
        del frames[0]
    stack = "".join(traceback.format_list(frames))
    return {"type": type(error).__name__, "message": cut(str(error), ERROR_BYTES), "stack": cut(stack, ERROR_BYTES)}


def _is_runtimes(filename):
    return "awslambdaric" in filename or filename.endswith("/bootstrap.py") or filename.startswith("<frozen ")


def _argument(call, position, name):
    args, kwargs, _ = call
    return args[position] if len(args) > position else kwargs[name]


def _number(value):
    return None if value is None else int(value)


def _error(told):
    """Make the error of a record of what the client tells Lambda. Its stack has the user's frames only."""
    stack = "".join(line for line in told.get("stackTrace") or () if isinstance(line, str))
    fields = {"type": told.get("errorType"), "message": told.get("errorMessage"), "stack": stack}
    return {name: cut(text, ERROR_BYTES) for name, text in fields.items() if text and isinstance(text, str)}


def _prefix(of, whole, budget):
    """Give the part and the bytes of what is kept of a str or of bytes."""
    if isinstance(whole, str):
        size = len(whole) if whole.isascii() else None
        if size is None and len(whole) <= MEASURE_CHARACTERS:
            size = len(whole.encode("utf-8", "replace"))
        kept = whole[:budget].encode("utf-8", "replace")[:budget]
        truncated = len(whole) > budget if size is None else size > len(kept)
    else:
        size = len(whole)
        kept = whole if size <= budget else memoryview(whole)[:budget]
        truncated = size > budget
    part = {"of": of, "len": len(kept)}
    if size is not None:
        part["size"] = size
    if truncated:
        part["truncated"] = True
    return part, kept


def _large(whole, event, budget):
    """Give the part and the bytes of what is kept of an event that is larger than the budget: its beginning as it came, or, where that would show only
    the first of some large messages, the event with its long strings cut."""
    values = event.values() if type(event) is dict else (event,)
    batches = [value for value in values if type(value) is list] if len(values) <= WALK_NODES else ()
    if len(values) > WALK_NODES or any([len(whole) <= SMALL_MESSAGE * len(batch) for batch in batches]):
        return _prefix("event", whole, budget)
    walk = Walk(budget)
    kept = walk.shorten(event, 0)
    if walk.nodes <= 0 and not batches:
        return _prefix("event", whole, budget)
    data = invocations.spool.encode(kept).encode("ascii")
    size = len(whole) if type(whole) is bytes or whole.isascii() else None
    part = {"of": "event", "len": len(data), "size": size, "truncated": True, "shortened": True}
    return {name: value for name, value in part.items() if value is not None}, data


def _status(answer):
    """Give the statusCode of a proxy response without parsing a large one."""
    text = answer if isinstance(answer, str) else None
    if text is None or not text.startswith("{") or '"statusCode"' not in text[:PARSE_BYTES] + text[-100:]:
        return None
    if len(text) <= PARSE_BYTES:
        import json

        status = json.loads(text).get("statusCode")
    elif text.startswith('{"statusCode": '):
        status = text[15:20].partition(",")[0]
    else:  # with one bracket behind it, it is a member of the outermost object
        status = text[-30:].rpartition('"statusCode": ')[2][:-1]
    if isinstance(status, str):
        status = int(status) if status.isascii() and status.isdigit() else None
    return status if type(status) is int and 100 <= status <= 999 else None


class Walk:
    """Makes a small copy of a parsed event: long strings and lists cut, so that what is kept of each message is its beginning."""

    def __init__(self, budget):
        self.nodes = WALK_NODES
        self.left = budget
        self.most = WALK_STRING

    def shorten(self, value, depth):
        self.nodes -= 1
        kind = type(value)
        if kind is str:
            return self._text(value)
        if depth >= WALK_DEPTH:
            return None
        if kind is dict:
            return self._dict(value, depth)
        if kind is list:
            return self._list(value, depth)
        self.left -= 8
        if kind is bool or value is None or kind is int and abs(value) < 1 << 63:
            return value
        return value if kind is float and abs(value) < 1e308 else str(value)[:WALK_STRING]

    def _text(self, text):
        kept = text[: self.most]
        self.left -= 4 + (len(kept) if kept.isascii() else 6 * len(kept))
        return kept

    def _list(self, items, depth):
        if len(items) > WALK_LONG_LIST:
            self.most = WALK_SHORT_STRING
        kept = []
        for item in items[:WALK_LIST]:
            if self._spent():
                break
            kept.append(self.shorten(item, depth + 1))
        return kept

    def _dict(self, items, depth):
        kept = {}
        most = self.most
        for name, item in items.items():
            if self.nodes <= 0 or self.left <= 0:
                break
            if len(name) > most:
                name = name[:most]
            if type(item) is str:  # as _text does, for a call less: most of an event are these
                if len(item) > most:
                    item = item[:most]
                self.nodes -= 1
                self.left -= 8 + (len(name) + len(item) if item.isascii() and name.isascii() else 6 * (len(name) + len(item)))
                kept[name] = item
            else:
                self.left -= 4 + (len(name) if name.isascii() else 6 * len(name))
                kept[name] = self.shorten(item, depth + 1)
        return kept

    def _spent(self):
        return self.nodes <= 0 or self.left <= 0
