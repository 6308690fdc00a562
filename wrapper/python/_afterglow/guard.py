"""The one place through which everything of the hook is called.

What fails in the hook stays in the hook: it is told in one line, and after a few failures the hook lets go. What the user's
code raises leaves as it came: unchanged, and without a frame of the hook in its traceback.
"""

import os
import sys

# After this many failures something is wrong that will not pass; each one costs time that belongs to the function.
MOST_FAILURES = 8

LEVELS = ("debug", "info", "warn", "error", "off")

_COROUTINE = 0x80  # inspect.CO_COROUTINE, of a function that is defined with "async def"

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_write = os.write
_exc_info = sys.exc_info
_with_traceback = BaseException.with_traceback  # not the exception's own: a class may have its own idea of it


class State:
    def __init__(self):
        self.off = False
        self.failures = 0
        self.level = "warn"
        self.told = set()


state = State()


def configure(level):
    state.level = level


def is_off():
    return state.off


def say(level, text):
    """Write one line into the function's log, the same one at most once. Never content of requests."""
    if LEVELS.index(level) < LEVELS.index(state.level) or text in state.told:
        return
    state.told.add(text)
    try:
        _write(2, ("afterglow: python hook: " + text + "\n").encode("ascii", "backslashreplace"))
    except OSError:
        pass  # a function without a log has none for us either


def observer(function):
    """Make a function of the hook's that cannot fail. While the hook is off, or when it failed, it gives None."""

    def guarded(*args):
        if state.off:
            return None
        try:
            return function(*args)
        except BaseException as error:
            if not swallowed(function, error):
                raise
            return None

    guarded.__name__ = function.__name__
    guarded.observes = function
    return guarded


def around(original, before, after, failed):
    """Make a stand-in for a method of a library's.

    before(args, kwargs) gives a token, or None for "not of interest"; then after(token, result) or failed(token, error) is
    called, each where it is given. All three are observers. The original is called exactly once, and its result or its
    exception is the stand-in's.
    """
    # Both are guarded here as observer does it, for a call less: this is run for every piece of every body.
    before_unguarded = before.observes
    after_unguarded = after.observes if after is not None else None

    def stand_in(*args, **kwargs):
        token = None
        try:
            if not state.off:
                try:
                    token = before_unguarded(args, kwargs)
                except BaseException as error:
                    if not swallowed(before_unguarded, error):
                        raise
            result = original(*args, **kwargs)
            if token is not None and after_unguarded is not None:
                try:
                    after_unguarded(token, result)
                except BaseException as error:
                    if not swallowed(after_unguarded, error):
                        raise
            return result
        except BaseException as error:
            if token is not None and failed is not None:
                failed(token, error)
            leave(error)
            raise

    return dress(stand_in, original)


def leave(error):
    """Take the hook's frames off the exception that the caller is handling. Since Python 3.11 a bare raise does not add the caller's again.

    One further down is there where a signal handler has raised before the first line of a stand-in, or the stack had room for no more.
    """
    tb = _exc_info()[2]
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_HERE):
        tb = tb.tb_next
    _with_traceback(error, tb)
    while tb is not None:
        below = tb.tb_next
        while below is not None and below.tb_frame.f_code.co_filename.startswith(_HERE):
            below = below.tb_next
        if below is not tb.tb_next:
            tb.tb_next = below
        tb = below


def caller():
    """Give the name of the function that called into the hook."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame.f_code.co_name


def dress(stand_in, original):
    """Make a stand-in look like its original: name, documentation, signature, source. Give what takes the original's place."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(stand_in, name, getattr(original, name))
    stand_in.__dict__.update(original.__dict__)
    stand_in.__wrapped__ = original
    if original.__code__.co_flags & _COROUTINE:  # what a stand-in gives is awaited as what the original gives: who asks is told so
        for module, name in (("inspect", "_is_coroutine_mark"), ("asyncio.coroutines", "_is_coroutine")):
            mark = getattr(sys.modules.get(module), name, None)
            if mark is not None:
                setattr(stand_in, name, mark)
    if sys.version_info < (3, 11):
        from .frames import Method

        return Method(stand_in)
    return stand_in


def swallowed(function, error):
    """Tell of a failure of the hook's own, and that it was one. What is the user's has to be raised again."""
    try:
        if _is_ours(error):
            _failed(function.__name__, error)
            return True
        _hide(error)
        return False
    except RecursionError:  # the function has left too little of the stack; it may yet do with that
        return type(error) is RecursionError


def _is_ours(error):
    """Tell the hook's own failures from what the user's code raised into it.

    The hook calls no code of the user's. But a signal handler, a debugger or another thread can raise at any line, and an
    exception that limits the user's time must not be lost in here.
    """
    kind = type(error)
    if kind in (KeyboardInterrupt, SystemExit, GeneratorExit) or kind.__module__ not in ("builtins", "json.decoder"):
        return False
    return not any(_is_foreign(code) for code in _codes(_exc_info()[2]))


def _codes(tb):
    while tb is not None:
        yield tb.tb_frame.f_code
        tb = tb.tb_next


def _is_foreign(code):
    name = code.co_filename
    if name.startswith(_HERE) or name.startswith("<frozen "):
        return False
    return not name.startswith(_LIBRARY) or "site-packages" in name


def _hide(error):
    """Take the hook's frames off the top of a foreign exception's traceback."""
    tb = _exc_info()[2]
    while tb is not None and not _is_foreign(tb.tb_frame.f_code):
        tb = tb.tb_next
    _with_traceback(error, tb)


def _failed(name, error):
    tb = _exc_info()[2]
    while tb.tb_next is not None:
        tb = tb.tb_next
    state.failures += 1
    place = os.path.basename(tb.tb_frame.f_code.co_filename)
    # The message of an exception may quote content; its type and place do not.
    if state.failures == 1:
        say("error", "%s failed: %s at %s:%d; the function is not affected" % (name, type(error).__name__, place, tb.tb_lineno))
    if state.failures >= MOST_FAILURES:
        state.off = True
        say("error", "off after %d failures, the last one %s at %s:%d" % (state.failures, type(error).__name__, place, tb.tb_lineno))
