"""Runs stories again and again in one process, with an observer of the hook's broken each time: run_faults.py BASE_URL STORY...

Each line of the standard input is one time, in JSON: where stdout and stderr go, and the file and the observer that fails at its first
line; null for none. Each is answered with a line when its stories have been told.
"""

import gc
import importlib
import json
import os
import sys
import traceback

from run_story import load


def broken(module, name):
    """Let an observer fail, and give what mends it. Its code is another; who holds it and what it is called stay."""
    function = getattr(module, name).observes
    code = function.__code__
    scope = {}
    exec(compile("def fail(*arguments):\n    raise ZeroDivisionError('content')", module.__file__, "exec"), scope)
    function.__code__ = scope["fail"].__code__

    def mend():
        function.__code__ = code

    return mend


def tell(base, stories):
    for path in stories:
        try:
            load(path).run(base)
        except Exception:
            traceback.print_exc()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()


def redirected(path, number):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(fd, number)
    os.close(fd)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    base, stories = sys.argv[1], sys.argv[2:]
    guard = sys.modules.get("_afterglow.guard")
    if guard is not None:
        guard.MOST_FAILURES = 1 << 30  # it fails in every story, not only in the first ones
    for line in sys.stdin:
        time = json.loads(line)
        redirected(time["stdout"], 1)
        redirected(time["stderr"], 2)
        mend = None
        if time["name"]:
            guard.state.failures = 0
            guard.state.told.clear()
            mend = broken(importlib.import_module(time["module"]), time["name"])
        tell(base, stories)
        if mend is not None:
            mend()
        print("told", file=answers, flush=True)
