"""A function that does what its event says: one case of the tests each."""

import asyncio
import dataclasses
import decimal
import inspect
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor

CASES = {}
POOL = ThreadPoolExecutor(1)  # made before the first invocation, as functions do
LEFT = []


def case(function):
    CASES[function.__name__] = function
    return function


def handler(event, context):
    return CASES[event["case"]](event, context)


def get(event, path="/", **arguments):
    return urllib.request.urlopen(event["peer"] + path, **arguments).read().decode()


# What a handler may return


@case
def proxy(event, context):
    return {"statusCode": 201, "headers": {"X": "1"}, "body": "made"}


@case
def status_last(event, context):
    return {"body": "x" * 100000, "statusCode": 404}


@case
def status_first(event, context):
    return {"statusCode": 404, "body": "x" * 100000}


@case
def nothing(event, context):
    return None


@case
def text(event, context):
    return "ünïcödé \u2028 " + "€" * 30000


@case
def binary(event, context):
    return b"\x00\xff{not json"


@case
def numbers(event, context):
    return {"pi": decimal.Decimal("3.1400"), "big": 1 << 80, "nan": float("nan"), "list": [1, (2, 3)]}


@case
def megabytes(event, context):
    return "x" * 5900000


@case
def echo(event, context):
    return {"first": event["Records"][0]["messageId"], "last": event["Records"][-1]["messageId"], "count": len(event["Records"])}


@case
def mutation(event, context):
    before = json.dumps(event)
    event.clear()
    event["changed"] = True
    return before


# What a handler may raise


class Odd(Exception):
    def __init__(self, one, two, *, three):
        super().__init__(one)
        self.two = two

    def __str__(self):
        return "odd €"


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    why: str


class Final(BaseException):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("cannot be printed")


@case
def value_error(event, context):
    raise ValueError("no %s" % event.get("what"))


@case
def odd_error(event, context):
    raise Odd(1, 2, three=3)


@case
def frozen_error(event, context):
    raise Frozen("frozen")


@case
def chained_error(event, context):
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("chained") from error


@case
def asynchronous_error(event, context):
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("from a coroutine")

    asyncio.run(fail())


@case
def recursion(event, context):
    return recursion(event, context)


@case
def unserializable(event, context):
    return {"set": {1, 2}}


@case
def too_large(event, context):
    return "x" * 6400000


@case
def request_error(event, context):
    return urllib.request.urlopen("http://127.0.0.1:1/nobody?q=1").read()


@case
def logged_request_error(event, context):
    try:
        get({"peer": "http://127.0.0.1:1"})
    except OSError:
        logging.exception("it failed")
        print(traceback.format_exc())
    return "logged"


# How a handler may end its process


@case
def exits(event, context):
    sys.exit(event["code"])


@case
def exits_at_once(event, context):
    os._exit(7)


@case
def keyboard_interrupt(event, context):
    raise KeyboardInterrupt()


@case
def final(event, context):
    raise Final("the end")


@case
def killed(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


@case
def unprintable(event, context):
    raise Unprintable()


# What a handler sees around it


@case
def stack(event, context):
    traceback.print_stack()
    logging.warning("where", stack_info=True)
    return [frame.function for frame in inspect.stack()]


@case
def surroundings(event, context):
    get(event)
    return {
        "path": sys.path,
        # One of ours stays for as long as it waits for a module that may yet come.
        "finders": [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path if "_afterglow" not in type(finder).__module__],
        "customize": sorted(name for name in sys.modules if "customize" in name),
        "threads": [thread.name for thread in threading.enumerate()],
        "context": sorted(vars(context)),
        "recursion": sys.getrecursionlimit(),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXFSZ)],
        "hooks": [sys.excepthook.__module__, sys.displayhook.__module__, str(sys.gettrace()), str(sys.getprofile())],
        "umask": os.umask(0o022),
        "modules": sorted(name for name in sys.modules if not name.startswith(("_afterglow", "encodings"))),
    }


# What a handler may do


@case
def requests_made(event, context):
    return [get(event, "/one"), get(event, "/two", data=b"body")]


@case
def thread_pool(event, context):
    return [POOL.submit(get, event, "/pool").result(), POOL.submit(get, event, "/pool").result()]


@case
def tasks(event, context):
    async def fetch(path):
        return await asyncio.get_running_loop().run_in_executor(None, get, event, path)

    async def both():
        return await asyncio.gather(fetch("/task"), fetch("/task"))

    return asyncio.run(both())


@case
def leaves_thread(event, context):
    def later(gate):
        gate.wait(10)
        get(event, "/left-behind")

    gate = threading.Event()
    thread = threading.Thread(target=later, args=(gate,))
    thread.start()
    LEFT.append((gate, thread))
    return "left"


@case
def takes_up_thread(event, context):
    gate, thread = LEFT.pop()
    gate.set()
    thread.join()
    return get(event, "/own")


@case
def child_process(event, context):
    program = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    done = subprocess.run([sys.executable, "-c", program, event["peer"] + "/child"], capture_output=True, text=True, check=False)
    return [done.returncode, done.stdout, done.stderr]


@case
def forked(event, context):
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the pool's thread is idle
        child = os.fork()
    if child == 0:
        try:
            os.write(writer, get(event, "/forked").encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return [text, get(event, "/parent")]


class Alarm(Exception):
    pass


@case
def alarm(event, context):
    """A limit of the function's own, by a signal whose handler raises wherever the program is: not one may get lost."""

    def ring(number, frame):
        raise Alarm("too slow")

    def limited(seconds):
        try:
            # Rings again: what is raised in a finalizer is lost in Python itself.
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
            while True:
                get(event, "/fast")
        except Alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return 1

    signal.signal(signal.SIGALRM, ring)
    sys.stderr.flush()
    sys.unraisablehook = lambda unraisable: None
    caught = sum(limited(0.0005 + count % 40 * 0.00005) for count in range(event["times"]))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.unraisablehook = sys.__unraisablehook__
    return caught


@case
def closes_descriptors(event, context):
    """A program that closes files that it does not know: their numbers are given to others, who must get no byte of ours."""
    get(event, "/before")
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink("/proc/self/fd/" + number).startswith("/tmp/"):
                os.close(int(number))
        except OSError:
            pass  # the listing's own
    files = [os.open("/tmp/mine-%d" % number, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600) for number in range(20)]
    get(event, "/after")
    sizes = [os.fstat(file).st_size for file in files]
    for file in files:
        os.close(file)
    return sizes


@case
def removes_spool(event, context):
    get(event, "/before")
    for name in os.listdir(event["spool"]) if os.path.isdir(event["spool"]) else ():
        os.unlink(os.path.join(event["spool"], name))
    if os.path.isdir(event["spool"]):
        os.rmdir(event["spool"])
    return get(event, "/after")


@case
def patched(event, context):
    """A function that replaces what the hook might use."""
    originals = os.write, os.open, time.time_ns, json.dumps
    os.write = os.open = time.time_ns = json.dumps = lambda *arguments, **named: 1 / 0
    try:
        return get(event, "/patched")
    finally:
        os.write, os.open, time.time_ns, json.dumps = originals
