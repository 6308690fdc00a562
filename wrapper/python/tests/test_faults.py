"""Every observer of the clients fails in these tests, at its first line: the stories stay the same."""

import functools
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from peer import Peer
from test_stories import HERE, HOOK, PATIENCE, STORIES, difference, environment, seen, tell

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
        return wrong(self.plain(stories), self.tell(stories, self.hook(file, change, never_off)), must_say)

    def teller(self, stories, hook):
        return Teller(self, stories, hook)


def wrong(was, became, must_say):
    """Tell what is wrong with stories under a broken hook, which may say so in two lines."""
    (plain, requests), ((code, stdout, stderr), arrived) = was, became
    ours = [line for line in stderr.splitlines(True) if line.startswith("afterglow: ")]
    stderr = "".join(line for line in stderr.splitlines(True) if line not in ours)
    for before, after in zip(plain, (code, stdout, stderr)):
        if before != after:
            return difference(before, after)
    if requests != arrived:
        return difference(requests, arrived)
    if len(ours) > 2:
        return "it says too much: %s" % ours
    if must_say and "failed: " not in "".join(ours):
        return "no story has entered this one"
    return None


class Teller:
    """A process that tells stories again and again (run_faults.py): most of what a story takes is the start of Python and its libraries."""

    def __init__(self, room, stories, hook):
        self.room = room
        self.files = [os.path.join(tempfile.mkdtemp(dir=room.directory), name) for name in ("stdout", "stderr")]
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "run_faults.py"), room.base] + [os.path.join(STORIES, story + ".py") for story in stories],
            env=environment(os.path.join(room.directory, "spool"), hook), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.watch = threading.Timer(PATIENCE * 4, self.process.kill)
        self.watch.start()

    def tell(self, module=None, name=None):
        json.dump({"stdout": self.files[0], "stderr": self.files[1], "module": module, "name": name}, self.process.stdin)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        texts = []
        for path in self.files:
            with open(path) as file:
                texts.append(re.sub(r"\b(Task|Thread)-\d+", r"\1-#", file.read()))
        return seen((told, *texts)), sorted(re.sub(rb"Sec-WebSocket-Key: \S+", b"", request) for request in self.room.peer.take())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.watch.cancel()
        return self.process.wait()


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
        only, here = os.environ.get("TEST_FAULTS", "all"), modules()

        def run(file):
            stories = tuple(story for story in FILES[file] if all(name in here for name in NEEDS.get(story, ())))
            if not stories or only not in ("all", file[len("clients/") : -len(".py")]):
                return []
            room = self.rooms.get()
            tellers = [room.teller(stories, hook) for hook in (None, HOOK)]
            try:
                with open(os.path.join(HOOK, "_afterglow", file)) as source:
                    names = observers(source.read())
                for teller in tellers:
                    teller.tell()  # for the first time, libraries are loaded and warn
                module = "_afterglow." + file[: -len(".py")].replace("/", ".")
                plain, found = tellers[0].tell(), []
                for name in names:
                    trouble = wrong(plain, tellers[1].tell(module, name), True)
                    if trouble is not None:  # a busy machine may have let one of the two run into a time limit elsewhere
                        plain = tellers[0].tell()
                        trouble = wrong(plain, tellers[1].tell(module, name), True)
                    found.append((name, trouble))
                return found + [("no observer", None if names else "there is none")]
            finally:
                codes = [teller.close() for teller in tellers]
                self.rooms.put(room)
                self.assertEqual(codes, [0, 0])

        with ThreadPoolExecutor(ROOMS) as pool:
            for file, found in zip(FILES, pool.map(run, FILES)):
                for name, trouble in found:
                    with self.subTest(file + " " + name):
                        self.assertIsNone(trouble, trouble)

    def test_every_install(self):
        changes = (lambda text: text.replace("def ", "def broken_", 1), lambda text: "not Python at all")
        files = {**{file: stories[-1:] for file, stories in FILES.items()}, **dict.fromkeys(OTHERS, ("reads", "uploads"))}
        self.unchanged([(file, stories, file, change, False, False) for file, stories in files.items() for change in changes])

    def test_the_writer_fails(self):
        def change(text, statement):
            return re.sub(r"(    def (record|write|next_call|lost)\(.*\):\n)", r"\1        %s\n" % statement, text)

        stories = ("reads", "uploads", "failures", "abandoned")
        statements = ("raise MemoryError()", "1 / 0")
        self.unchanged([(statement, stories, "spool.py", functools.partial(change, statement=statement), False, True) for statement in statements])


if __name__ == "__main__":
    unittest.main()
