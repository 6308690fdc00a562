"""The actor for Python: carries out the steps of stories. ../../README.md describes the verbs."""

import asyncio
import contextvars
import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import installed
from calls import LIBRARIES, Call, Unsupported

LIBRARIES = {**LIBRARIES, **installed.LIBRARIES}

POOL = ThreadPoolExecutor(4)  # made at init, as functions do


VERBS = {}


def verb(function):
    VERBS[function.__name__.rstrip("_")] = function
    return function


def run(steps, event, context):
    results = []
    for step in steps:
        ((name, args),) = step.items()
        if name not in VERBS:
            raise Unsupported("the verb " + name)
        results.append(VERBS[name](args, event, context))
    return results


@verb
def call(args, event, context):
    request = Call(args, event)
    if request.library not in LIBRARIES:
        raise Unsupported("the library " + request.library)
    try:
        return LIBRARIES[request.library](request)
    except Unsupported:
        raise
    except Exception as error:
        if args.get("raise"):
            raise
        return {"error": "%s: %s" % (type(error).__name__, error)}


@verb
def parallel(args, event, context):
    if args.get("with", "threads") == "threads":
        futures = [POOL.submit(contextvars.copy_context().run, run, [step], event, context) for step in args["steps"]]
        return [future.result()[0] for future in futures]
    raise Unsupported("parallel with " + args["with"])


@verb
def thread(args, event, context):
    """Steps in a thread made for them, which is waited for."""
    results = []
    one = threading.Thread(target=lambda: results.extend(run(args["steps"], event, context)))
    one.start()
    one.join()
    return results


@verb
def later(args, event, context):
    """Steps that go on after the answer."""
    timer = threading.Timer(args.get("ms", 0) / 1000, run, (args["steps"], event, context))
    timer.daemon = True
    timer.start()


@verb
def subprocess_(args, event, context):
    """Steps in a process of its own, which is the interpreter with this actor."""
    child = {**event, "steps": args["steps"]}
    out = subprocess.run([sys.executable, os.path.abspath(__file__)], input=json.dumps(child), capture_output=True, text=True)
    return {"code": out.returncode, "out": out.stdout, "err": out.stderr}


@verb
def command(args, event, context):
    """A program with its arguments."""
    out = subprocess.run(args["argv"], capture_output=True, text=True)
    return {"code": out.returncode, "out": out.stdout, "err": out.stderr}


@verb
def fork(args, event, context):
    """Steps in a forked child, which is waited for."""
    pid = os.fork()
    if pid == 0:
        try:
            run(args["steps"], event, context)
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Custom(Exception):
    def __init__(self, one, two, *, three):
        super().__init__(one)
        self.two, self.three = two, three


class Odd(Exception):
    """Cannot be made from its arguments, and prints as it likes."""

    def __new__(cls, *args):
        return super().__new__(cls)

    def __init__(self, one, two):
        self.one = one

    def __str__(self):
        return "odd €"


@verb
def raise_(args, event, context):
    kind, message = args.get("kind", "plain"), args.get("message", "it went wrong")
    if kind == "plain":
        raise ValueError(message)
    if kind == "custom":
        raise Custom(message, 2, three=3)
    if kind == "odd":
        raise Odd(message, 2)
    if kind == "deep":
        return deep(50, message)
    if kind == "chained":
        try:
            raise_({"message": "the cause"}, event, context)
        except ValueError as error:
            raise RuntimeError(message) from error
    if kind == "async":
        return asyncio.run(raise_later(message))
    if kind == "thread":
        return POOL.submit(raise_, {"message": message}, event, context).result()
    if kind == "unhandled":  # in a thread that nobody waits for
        one = threading.Thread(target=raise_, args=({"message": message}, event, context))
        one.start()
        one.join()
        return None
    if kind == "stack":
        return deep(sys.maxsize, message)
    if kind == "unprintable":
        raise Unprintable()
    raise Unsupported("to raise " + kind)


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("cannot be printed")


def deep(n, message):
    if n == 0:
        raise ValueError(message)
    return deep(n - 1, message)


async def raise_later(message):
    await asyncio.sleep(0)
    raise ValueError(message)


@verb
def exit_(args, event, context):
    """The ordinary way out: in Python an exception."""
    sys.exit(args.get("code", 0))


@verb
def abort(args, event, context):
    """The way out that runs nothing on its way."""
    os._exit(args.get("code", 0))


@verb
def kill(args, event, context):
    os.kill(os.getpid(), getattr(signal, "SIG" + args.get("signal", "KILL")))
    time.sleep(60)


@verb
def sleep(args, event, context):
    time.sleep(args["ms"] / 1000)


@verb
def print_(args, event, context):
    text = args.get("text", "a line")
    for _ in range(args.get("times", 1)):
        if args.get("to", "stdout") == "stdout":
            print(text, flush=True)
        elif args["to"] == "stderr":
            print(text, file=sys.stderr, flush=True)
        else:
            logging.getLogger().warning(text)


@verb
def mutate(args, event, context):
    """Change the event that the runtime handed over."""
    event["steps"] = None
    event["changed"] = True
    event.pop("pad", None)


@verb
def patch(args, event, context):
    """The function itself puts something before its HTTP library's way to send."""
    original = http.client.HTTPConnection.putrequest

    def putrequest(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.putheader("X-Patched", "yes")

    http.client.HTTPConnection.putrequest = putrequest
    return original.__name__


@verb
def unpatch(args, event, context):
    raise Unsupported("to take a patch back")


@verb
def allocate(args, event, context):
    held = bytearray(args["mb"] << 20)
    held[::4096] = b"\x01" * len(held[::4096])
    return len(held)


@verb
def environment(args, event, context):
    """Variables as the function sees them."""
    return {name: os.environ.get(name) for name in args["names"]}


@verb
def context_(args, event, context):
    return [context.aws_request_id, context.function_name, context.memory_limit_in_mb, context.invoked_function_arn, context.log_stream_name != ""]


@verb
def descriptors(args, event, context):
    """Take all the descriptors that there are but for some, for as long as the steps last."""
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    try:
        for _ in range(args.get("left", 0)):
            os.close(taken.pop())
        return run(args["steps"], event, context)
    finally:
        for fd in taken:
            os.close(fd)


@verb
def pool(args, event, context):
    """Each step as often as asked, in a pool that was made at init."""
    futures = [POOL.submit(run, args["steps"], event, context) for _ in range(args["times"])]
    return [future.result() for future in futures]


@verb
def close(args, event, context):
    """Standard output and error are closed."""
    os.close(1)
    os.close(2)


@verb
def generator(args, event, context):
    """Steps taken by a generator, one each time that it is asked."""

    def one_by_one():
        for step in args["steps"]:
            yield run([step], event, context)[0]

    return list(one_by_one())


@verb
def again(args, event, context):
    """The handler calls itself."""
    return handler({**event, "steps": args["steps"]}, context)


@verb
def clock(args, event, context):
    """The wall clock steps, for this process: the function does it as test libraries do."""
    true = time.time
    time.time = lambda: true() + args["seconds"]


@verb
def return_(args, event, context):
    """What the handler returns, as the last step."""
    kind = args.get("kind", "value")
    if kind == "value":
        return args.get("value")
    if kind == "size":
        return "r" * args["size"]
    if kind == "binary":
        return bytes(range(256))
    if kind == "unicode":
        return "grüße, мир, 世界 \u2028 \U0001f980 " + "€" * 1000
    if kind == "event":
        return event
    if kind == "nothing":
        return None
    if kind == "many":
        return [{"n": n, "text": "é" * (n % 10)} for n in range(args["size"])]
    if kind == "generator":
        return (n for n in range(3))
    if kind == "proxy":
        return {"statusCode": args.get("status", 200), "headers": {"X-A": "1"}, "body": args.get("body", "text")}
    if kind == "unserializable":
        return {"set": {1, 2}}
    raise Unsupported("to return " + kind)


def handler(event, context):
    if not isinstance(event, dict) or "steps" not in event:
        return event
    steps = event["steps"]
    try:
        results = run(steps, event, context)
    except Unsupported as error:
        return {"unsupported": str(error)}
    return results[-1] if "return" in steps[-1] else results


if __name__ == "__main__":  # a child process
    json.dump(handler(json.load(sys.stdin), None), sys.stdout)
elif "STORY_INIT" in os.environ:
    at_init = json.loads(os.environ["STORY_INIT"])
    run(at_init["steps"], at_init, None)
