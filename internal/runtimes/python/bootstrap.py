"""Starts AWS's Python runtime client the way the managed runtime's /var/runtime/bootstrap.py does.

Its argv is only `python /var/runtime/bootstrap.py`: the handler comes from _HANDLER, which an exec
wrapper or a sitecustomize may have changed until here.
"""

import os
import site
import sys

TASK_ROOT = os.environ["LAMBDA_TASK_ROOT"]
RUNTIME_DIR = os.environ["LAMBDA_RUNTIME_DIR"]
# Where layers are. It is /opt, except where the local Lambda has no mount namespace.
LAYERS = os.environ.pop("LAMBDA_LOCAL_OPT", "/opt")


def forget_the_hosts_packages():
    """Take away what this machine has installed for its own Python.

    The interpreter here is the machine's; on Lambda it has nothing beside it. A function that forgot to
    pack a dependency has to fail here as it fails there.
    """
    for path in list(sys.path):
        if os.path.basename(path) not in ("site-packages", "dist-packages"):
            continue
        if path == TASK_ROOT or path.startswith((LAYERS + "/", TASK_ROOT + "/")):
            continue
        if path in os.environ.get("PYTHONPATH", "").split(os.pathsep):
            continue
        sys.path.remove(path)


def lay_the_search_path():
    """Put code and layers before the runtime's own libraries.

    Layers are looked at only while PYTHONPATH is unset: whoever sets it has to name /opt/python. It stays
    as it is then, for the handler and what the handler starts. Folders go to the front, and what their
    .pth files name goes to the end.
    """
    layers = []
    if "PYTHONPATH" not in os.environ:
        version = "python%d.%d" % sys.version_info[:2]
        layers = [os.path.join(LAYERS, "python", "lib", version, "site-packages"), os.path.join(LAYERS, "python")]
        os.environ["PYTHONPATH"] = RUNTIME_DIR
    sys.path[:0] = [TASK_ROOT] + layers
    for path in [TASK_ROOT] + layers:
        site.addsitedir(path)  # runs .pth files


def main():
    forget_the_hosts_packages()
    lay_the_search_path()
    from awslambdaric.__main__ import main as run_client

    run_client(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
