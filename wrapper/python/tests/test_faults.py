"""Every observer of the clients fails once in these tests, at its first line and everywhere else it can: the stories stay the same."""

import functools
import os
import queue
import re
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from peer import Peer
from test_stories import HOOK, difference, seen, tell

# So many at once: most of a story is waiting.
ROOMS = 4

# The stories that enter each file's observers. What needs a library is told where there is one.
FILES = {
    "clients/http_client.py": ("reads", "uploads", "failures", "abandoned", "requests_library"),
    "clients/urllib3.py": ("requests_library",),
    "clients/call.py": ("abandoned",),
    "clients/aiohttp.py": ("aiohttp_library",),
    "clients/httpcore.py": ("httpx_library", "http2_library"),
}
NEEDS = {"requests_library": ("requests",), "aiohttp_library": ("aiohttp",), "httpx_library": ("httpx",), "http2_library": ("httpx", "h2")}
OTHERS = ("handler.py", "spool.py", "threads.py", "frames.py")
OBSERVER = re.compile(r"(@guard\.observer\n(?:    )?def (\w+)\(.*\):\n)((?: *\"\"\"(?:.|\n)*?\"\"\"\n)?)")


def observers(text):
    return [match.group(2) for match in OBSERVER.finditer(text)]


def broken(text, name, statement):
    """Put a statement at the beginning of an observer."""

    def put(match):
        if match.group(2) != name:
            return match.group(0)
        indent = "        " if match.group(1).split("\n")[1].startswith("    ") else "    "
        return match.group(1) + match.group(3) + indent + statement + "\n"

    return OBSERVER.sub(put, text)


def modules():
    """Give what can be imported beside Python's own library."""
    paths = [path for path in os.environ.get("TEST_LIBRARIES", "").split(os.pathsep) if path]
    return {name for path in paths for name in os.listdir(path)}


class Room:
    """A peer, and what stories look like without the hook there. One for each thread."""

    def __init__(self):
        self.peer = Peer()
        self.base = "http://127.0.0.1:%d" % self.peer.port
        self.directory = tempfile.mkdtemp()
        self.told = {}

    def close(self):
        self.peer.close()
        shutil.rmtree(self.directory)

    def tell(self, stories, hook):
        outcome = seen(tell(stories, self.base, os.path.join(self.directory, "spool"), hook))
        return outcome, sorted(re.sub(rb"Sec-WebSocket-Key: \S+", b"", request) for request in self.peer.take())

    def plain(self, stories):
        if stories not in self.told:
            self.told[stories] = self.tell(stories, None)
        return self.told[stories]

    def hook(self, file, change, never_off):
        """Give a hook with one file changed. One that never goes off fails in every story, not only in the first."""
        hook = os.path.join(tempfile.mkdtemp(dir=self.directory), "python")
        shutil.copytree(HOOK, hook, ignore=shutil.ignore_patterns("tests", "bytecode", "__pycache__"))
        changes = [(file, change)]
        if never_off:
            changes.append(("guard.py", lambda text: text.replace("MOST_FAILURES = 8", "MOST_FAILURES = 1000000")))
        for name, change in changes:
            path = os.path.join(hook, "_afterglow", name)
            with open(path) as source:
                text = source.read()
            with open(path, "w") as target:
                target.write(change(text))
        return hook

    def compare(self, stories, file, change, never_off, must_say):
        """Tell what is wrong with stories under a broken hook."""
        plain, requests = self.plain(stories)
        (code, stdout, stderr), arrived = self.tell(stories, self.hook(file, change, never_off))
        ours = [line for line in stderr.splitlines(True) if line.startswith("afterglow: ")]
        stderr = "".join(line for line in stderr.splitlines(True) if line not in ours)
        for was, became in zip(plain, (code, stdout, stderr)):
            if was != became:
                return difference(was, became)
        if requests != arrived:
            return difference(requests, arrived)
        if len(ours) > 2:
            return "it says too much: %s" % ours
        if must_say and "failed: " not in "".join(ours):
            return "no story has entered this one"
        return None


@unittest.skipIf(os.environ.get("TEST_FAULTS") == "no", "told not to")
class Faults(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.rooms = queue.SimpleQueue()
        for _ in range(ROOMS):
            cls.rooms.put(Room())

    @classmethod
    def tearDownClass(cls):
        for _ in range(ROOMS):
            cls.rooms.get().close()

    def unchanged(self, faults):
        """Try faults: (what they are, stories, file, change, whether the hook goes on, whether it must say something)."""
        here = modules()

        def run(fault):
            what, stories, *rest = fault
            able = tuple(story for story in stories if all(name in here for name in NEEDS.get(story, ())))
            if not able:
                return what, None
            room = self.rooms.get()
            try:
                return what, room.compare(able, *rest)
            finally:
                self.rooms.put(room)

        with ThreadPoolExecutor(ROOMS) as pool:
            for what, wrong in pool.map(run, faults):
                with self.subTest(what):
                    self.assertIsNone(wrong, wrong)

    def test_every_observer(self):
        faults = []
        only = os.environ.get("TEST_FAULTS", "all")
        for file, stories in FILES.items():
            if only not in ("all", file[len("clients/") : -len(".py")]):
                continue
            with open(os.path.join(HOOK, "_afterglow", file)) as source:
                names = observers(source.read())
            self.assertGreater(len(names), 0)
            for name in names:
                change = functools.partial(broken, name=name, statement="raise ZeroDivisionError('content')")
                faults.append((file + " " + name, stories, file, change, True, True))
        self.unchanged(faults)

    def test_every_install(self):
        changes = (lambda text: "raise ImportError('gone')\n" + text, lambda text: text.replace("def ", "def broken_", 1), lambda text: "not Python at all")
        files = {**{file: stories[-1:] for file, stories in FILES.items()}, **dict.fromkeys(OTHERS, ("reads", "uploads"))}
        self.unchanged([(file, stories, file, change, False, False) for file, stories in files.items() for change in changes])

    def test_the_writer_fails(self):
        def change(text, statement):
            return re.sub(r"(    def (record|write|next_call|lost)\(.*\):\n)", r"\1        %s\n" % statement, text)

        stories = ("reads", "uploads", "failures", "abandoned")
        statements = ("raise MemoryError()", "raise RecursionError()", "1 / 0", "return 1 + None")
        self.unchanged([(statement, stories, "spool.py", functools.partial(change, statement=statement), False, True) for statement in statements])


if __name__ == "__main__":
    unittest.main()
