"""Reads the settings and waits for the modules that the hook looks into; they are not loaded before the function wants them."""

import os
import sys

from . import guard

# What PYTHONPATH has to name for a child process to be seen.
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Settings:
    """The settings of docs/settings.md that hooks read. A wrong value is a warning and the default."""

    def __init__(self, env):
        self._env = env
        level = env.get("AFTERGLOW_LOG_LEVEL", "").strip().lower() or "warn"
        guard.configure(level if level in guard.LEVELS else "warn")
        if level not in guard.LEVELS:
            self._refuse("AFTERGLOW_LOG_LEVEL")
        self.directory = env.get("AFTERGLOW_SPOOL_DIR", "") or "/tmp/afterglow"
        if not self.directory.startswith("/") or "\0" in self.directory:
            self.directory = "/tmp/afterglow"
            self._refuse("AFTERGLOW_SPOOL_DIR")
        self.directory_bytes = self._bytes("AFTERGLOW_SPOOL_DIR_BYTES", 67108864, 1 << 20, 1 << 33)
        self.invocation_bytes = self._bytes("AFTERGLOW_SPOOL_INVOCATION_BYTES", 16777216, 1 << 16, 1 << 30)
        self.body_bytes = self._bytes("AFTERGLOW_CAPTURE_BODY_BYTES", 32768, 0, 1 << 20)
        self.event_bytes = self._bytes("AFTERGLOW_CAPTURE_EVENT_BYTES", 65536, 0, 1 << 20)
        self.header_bytes = self._bytes("AFTERGLOW_CAPTURE_HEADER_BYTES", 16384, 0, 1 << 16)
        self.propagation_domains = env.get("AFTERGLOW_PROPAGATION_DOMAINS", "")

    def _bytes(self, name, default, least, most):
        text = self._env.get(name, "").strip()
        if not text:
            return default
        # A number of this length can be in no setting's bounds, and int() would be slow on a longer one.
        if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
            return int(text)
        self._refuse(name)
        return default

    def _refuse(self, name):
        guard.say("warn", "the value of %s cannot be used, the default is; docs/settings.md has the bounds" % name)


class Finder:
    """Stands in front of Python's finders until the awaited modules are loaded, then leaves.

    It finds nothing itself: it lets the others find an awaited module and asks to be told when that module has run.
    """

    def __init__(self, awaited, settings):
        self.awaited = awaited  # name of a module: what to do with it
        self.settings = settings

    def find_spec(self, name, path=None, target=None):
        if name in self.awaited:
            return self._found(name, path, target)
        return None

    @guard.observer
    def _found(self, name, path, target):
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                self._attach(name, spec.loader)
                return spec
        return None

    def _attach(self, name, loader):
        # The loader stays the module's own: only this one object of it gets another exec_module, until it has been called.
        if isinstance(loader, type) or not hasattr(loader, "exec_module") or "exec_module" in loader.__dict__:
            return
        execute = loader.exec_module

        def exec_module(module):
            if module.__name__ == name:
                loader.__dict__.pop("exec_module", None)
            try:
                execute(module)
            except BaseException as error:
                guard.leave(error)
                raise
            if module.__name__ == name:
                self._loaded(name, module)

        exec_module.__wrapped__ = execute
        if sys.version_info < (3, 11):
            from .frames import Method

            exec_module = Method(exec_module).call
        loader.exec_module = exec_module

    @guard.observer
    def _loaded(self, name, module):
        install = self.awaited.pop(name, None)
        if not self.awaited and self in sys.meta_path:
            sys.meta_path.remove(self)
        if install is not None:
            install(module, self.settings)


def _runtime_client(module, settings):
    from . import handler, threads

    # The bootstrap has looked at PYTHONPATH by now. With this directory in it, what the function starts is seen as well.
    rest = os.environ.get("PYTHONPATH")
    if HERE not in (rest or "").split(os.pathsep):
        os.environ["PYTHONPATH"] = HERE + os.pathsep + rest if rest else HERE
    handler.install(module, settings)
    if "threading" in sys.modules:  # the client logs, and logging needs it
        threads.install_threads(sys.modules["threading"], settings)


def _executor(module, settings):
    from . import threads

    threads.install_executor(module, settings)


def _http_client(module, settings):
    from .clients import http_client

    http_client.install(module, settings)


def _urllib3(module, settings):
    from .clients import urllib3

    urllib3.install(module, settings)


def _aiohttp(module, settings):
    from .clients import aiohttp

    aiohttp.install(module, settings)


def _httpcore(module, settings):
    from .clients import httpcore

    httpcore.install(module, settings)


def start():
    """Start the hook: wait for the modules that it looks into."""
    awaited = {
        "awslambdaric.lambda_runtime_client": _runtime_client,
        "concurrent.futures.thread": _executor,
        "http.client": _http_client,
        "urllib3.connectionpool": _urllib3,
        "aiohttp.client": _aiohttp,
        "httpcore": _httpcore,
    }
    finder = Finder(awaited, Settings(os.environ))
    for name in list(awaited):
        if name in sys.modules:  # something that ran before us wanted it
            finder._loaded(name, sys.modules[name])
    if awaited:
        sys.meta_path.insert(0, finder)
