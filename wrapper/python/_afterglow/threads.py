"""Which invocation a thread works for.

A thread has no context of its own: what it does is counted to the invocation that runs, unless it is known better. Known better
is a thread that an invocation started, which may outlive it, and work that was given to an executor. A thread that was started
before the first invocation, or that is a worker of multiprocessing.pool, works for whoever has work.

Methods are looked at when they are looked up, and then called as they are: no frame of the hook is on a thread's stack.
"""

from contextvars import Context

from . import guard, handler

_MARK = "_afterglow_invocation"


class Observed:
    """A method that tells when it is looked up on an instance, which is when it is about to be called."""

    def __init__(self, original, observe):
        self.original = original
        self.observe = observe

    def __get__(self, instance, owner=None):
        if instance is not None:
            self.observe(instance)
        return self.original.__get__(instance, owner)


def install_threads(module, settings):
    """Look at threading.Thread: _bootstrap is looked up by the thread that starts another, _bootstrap_inner by the other."""
    _observe(module, "Thread", {"_bootstrap": _started, "_bootstrap_inner": _runs})


def install_executor(module, settings):
    """Look at concurrent.futures.thread: a work item is made by the thread that submits, and run by a worker."""
    _observe(module, "_WorkItem", {"__init__": _submitted, "run": _runs})


def _observe(module, name, methods):
    cls = getattr(module, name, None)
    known = vars(cls or object)
    if not all(hasattr(known.get(method), "__code__") for method in methods):
        guard.say("info", "%s.%s is not as expected; threads are counted to the invocation that runs" % (module.__name__, name))
        return
    for method, observe in methods.items():
        setattr(cls, method, Observed(known[method], observe))


@guard.observer
def _started(thread):
    invocation = handler.belongs_to()
    if invocation in ("init", "none") or type(thread).__module__ == "multiprocessing.dummy":
        return
    thread.__dict__[_MARK] = invocation
    context = thread.__dict__.get("_context")  # since Python 3.14 a thread runs in a context of its own
    if type(context) is Context and handler.of_context not in context:
        context.run(handler.of_context.set, invocation)


@guard.observer
def _submitted(item):
    item.__dict__[_MARK] = handler.belongs_to()


@guard.observer
def _runs(work):
    invocation = work.__dict__.get(_MARK)
    if invocation is not None:
        handler.of_context.set(invocation)
