"""Keeps the hook out of tracebacks on Python 3.9 and 3.10.

There an exception that is raised again takes the frame that does so along, whatever its traceback was set to. So a stand-in must
not raise: it returns, and the interpreter's own C code raises after its frame is gone. No frame, no line in the traceback.
"""

import sys
from functools import partial
from operator import methodcaller
from types import MethodType

from .guard import _HERE


def _nothing():
    yield


# throw() of a generator that has finished raises what it is given without running, hence without adding, a frame.
_finished = _nothing()
_finished.close()
_throw = _finished.throw


def _failing(cls, error):
    # Not done in the frame that returns it: the traceback keeps that frame, and what it holds would hold the traceback.
    outcome = object.__new__(cls)
    # What a signal handler has raised in an observer has frames of that, too: raised again, they are back. Where the stand-in was called
    # with other arguments than it takes, none is left.
    tb = sys.exc_info()[2]
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_HERE):
        tb = tb.tb_next
    outcome.fail = partial(_throw, type(error), error, tb)
    return outcome


class Method:
    """Stands where a function stood in a class. Looked up on an instance it is a method that leaves no frame behind; looked up on
    the class it is the plain stand-in."""

    def __init__(self, stand_in):
        class Outcome:
            def __new__(cls, *args, **kwargs):
                try:
                    return stand_in(*args, **kwargs)
                except BaseException as error:
                    return _failing(cls, error)

            # Calling a class calls __init__ if __new__ gave an instance of it, and for that looks __init__ up: a property whose
            # getter is C and calls fail.
            __init__ = property(methodcaller("fail"))

        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__wrapped__"):
            setattr(Outcome, name, getattr(stand_in, name))
        self.stand_in = stand_in
        self.call = Outcome

    def __get__(self, instance, owner=None):
        return self.stand_in if instance is None else MethodType(self.call, instance)
