"""Starts Afterglow's Python hook, takes every trace of how that came about away, and gives way to the user's own sitecustomize.

Python imports the first sitecustomize on its search path, before any other code. The exec wrapper put this directory in
front with PYTHONPATH. What Lambda's bootstrap and the function see afterwards is what they see without Afterglow: the same
sys.path, and the same answer to the question whether PYTHONPATH is set, on which the bootstrap's search path depends.

A child process of any version may inherit PYTHONPATH: this file keeps to syntax that all of them understand.
"""

import os
import sys


def _start(here):
    ours = [here]
    value = os.environ.get("PYTHONPATH", "")
    first = value.split(os.pathsep)[0]
    # What the exec wrapper sets when PYTHONPATH was not set; it is what keeps layers importable if this file cannot be read.
    layers = ["/opt/python/lib/python%d.%d/site-packages" % sys.version_info[:2], "/opt/python"]
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR")
    added = layers + ([runtime] if runtime else [])
    if value == os.pathsep.join([first] + added) and os.path.abspath(first) == here:
        ours += added
        del os.environ["PYTHONPATH"]
    try:
        if sys.version_info >= (3, 9) and os.environ.get("AFTERGLOW_DISABLED", "false").strip().lower() not in ("true", "1"):
            from _afterglow import start

            start.start()
    finally:
        for path in ours:
            if path in sys.path:
                sys.path.remove(path)


try:
    _start(os.path.dirname(os.path.abspath(__file__)))
except Exception as error:  # the function runs without the hook
    os.write(2, ("afterglow: python hook not started: %s\n" % type(error).__name__).encode())

# The user's sitecustomize is the next one that an import finds. Where there is none, the import fails just as it would
# without this file, and site knows that it may.
sys.modules.pop("sitecustomize", None)
try:
    import sitecustomize  # noqa: E402,F401
except BaseException as error:  # of the user's, or there is none
    if sys.version_info >= (3, 11):  # before, raising it again puts this file back into its traceback
        BaseException.with_traceback(error, sys.exc_info()[2].tb_next)
    raise
