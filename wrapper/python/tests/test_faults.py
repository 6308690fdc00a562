"""Every observer of the clients fails once in these tests, at its first line and everywhere else it can: the stories stay the same."""

import os
import re
import shutil
import tempfile
import unittest

from peer import Peer
from test_stories import HOOK, difference, seen, tell

STORIES = ("reads", "uploads", "failures", "abandoned", "requests_library")
FILES = ("clients/http_client.py", "clients/urllib3.py")
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


@unittest.skipIf(os.environ.get("TEST_FAULTS") == "no", "told not to")
class Faults(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()
        cls.base = "http://127.0.0.1:%d" % cls.peer.port
        cls.directory = tempfile.mkdtemp()
        cls.plain = {}
        for story in STORIES:
            outcome = seen(tell(story, cls.base, cls.directory, None))
            if "No module named" not in outcome[2]:
                cls.plain[story] = outcome, sorted(cls.peer.take())
        cls.peer.take()

    @classmethod
    def tearDownClass(cls):
        cls.peer.close()
        shutil.rmtree(cls.directory)

    def unchanged(self, hook, stories, must_say):
        said = ""
        for story in stories:
            if story not in self.plain:
                continue
            plain, requests = self.plain[story]
            code, stdout, stderr = seen(tell(story, self.base, os.path.join(self.directory, "spool"), hook))
            ours = [line for line in stderr.splitlines(True) if line.startswith("afterglow: ")]
            said += "".join(ours)
            self.assertLessEqual(len(ours), 2, stderr)
            stderr = "".join(line for line in stderr.splitlines(True) if line not in ours)
            for was, became in zip(plain, (code, stdout, stderr)):
                self.assertEqual(was, became, difference(was, became))
            self.assertEqual(requests, sorted(self.peer.take()))
        if must_say:
            self.assertIn("failed: ", said, "no story has entered this one")

    def hook(self, file, change):
        hook = tempfile.mkdtemp(dir=self.directory)
        shutil.copytree(HOOK, os.path.join(hook, "python"), ignore=shutil.ignore_patterns("tests", "__pycache__"))
        path = os.path.join(hook, "python", "_afterglow", file)
        with open(path) as source:
            text = source.read()
        with open(path, "w") as target:
            target.write(change(text))
        return os.path.join(hook, "python")

    def test_every_observer(self):
        for file in FILES:
            with open(os.path.join(HOOK, "_afterglow", file)) as source:
                names = observers(source.read())
            self.assertGreater(len(names), 2)
            for name in names:
                if file.endswith("urllib3.py") and "requests_library" not in self.plain:
                    continue
                with self.subTest(file=file, observer=name):
                    hook = self.hook(file, lambda text: broken(text, name, "raise ZeroDivisionError('content')"))
                    self.unchanged(hook, STORIES, True)

    def test_every_install(self):
        for file in FILES + ("handler.py", "spool.py", "threads.py", "frames.py"):
            for change in (lambda text: "raise ImportError('gone')\n" + text, lambda text: text.replace("def ", "def broken_", 1), lambda text: "not Python at all"):
                with self.subTest(file=file):
                    self.unchanged(self.hook(file, change), STORIES[:2], False)

    def test_the_writer_fails(self):
        for statement in ("raise MemoryError()", "raise RecursionError()", "1 / 0", "return 1 + None"):
            with self.subTest(statement):
                change = lambda text: re.sub(r"(    def (record|next_call|lost)\(.*\):\n)", r"\1        %s\n" % statement, text)  # noqa: E731
                self.unchanged(self.hook("spool.py", change), STORIES[:4], True)


if __name__ == "__main__":
    unittest.main()
