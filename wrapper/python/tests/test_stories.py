"""Every story is told twice, with and without the hook: it prints the same, ends the same and sends the same bytes.

A story is a file in stories/: run(base) does requests to the peer at base and prints what it sees. CALLS lists what the hook
has to have recorded, a dictionary a call, of which every given key is compared. NEEDS names modules without which the story is
skipped, SECURE asks for TLS, WARNS is True where the hook has something to say, ALIKE replaces what a library makes up anew every time, ANY_ORDER says that requests may arrive in any, LOSSES has the records of each
reason that were lost.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zlib

import recorded
import run_story
from peer import Peer

HERE = os.path.dirname(os.path.abspath(__file__))
HOOK = os.path.dirname(HERE)
STORIES = os.path.join(HERE, "stories")

# Whatever a story waits for, it does not wait this long.
PATIENCE = 60


def environment(spool, hook, extra=None):
    """Give the environment of a process that tells stories; hook is a directory, or None."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AFTERGLOW", "AWS", "HTTP", "http", "no_proxy"))}
    libraries = os.environ.get("TEST_LIBRARIES", "")
    paths = [path for path in (hook, libraries) if path]
    if paths:
        env["PYTHONPATH"] = os.pathsep.join(paths)
    env["AFTERGLOW_SPOOL_DIR"] = spool
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["PYTHONHASHSEED"] = "0"  # botocore says what it can do in the order of a set
    env["PYTHONWARNINGS"] = "always::ResourceWarning"
    env.update(extra or {})
    return env


def tell(stories, base, spool, hook, extra=None):
    """Run stories as one process and give its exit code, stdout and stderr; hook is a directory, or None."""
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "run_story.py")] + [os.path.join(STORIES, story + ".py") for story in stories] + [base],
        env=environment(spool, hook, extra), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def seen(outcome):
    """What of a process' end has to be the same: all but the numbers that the system gives out."""
    code, stdout, stderr = outcome
    for pattern in (r"(?<='127.0.0.1', )\d+", r"\bat 0x[0-9a-f]+"):
        stdout, stderr = re.sub(pattern, "#", stdout), re.sub(pattern, "#", stderr)
    return code, stdout, stderr


def difference(was, became):
    return "\n".join(difflib.unified_diff(str(was).splitlines(), str(became).splitlines(), "without", "with", lineterm=""))


def short(value):
    """Show a long body by its length and its sum: a page of bytes tells nobody what is wrong."""
    return (len(value), value[:20], zlib.crc32(value)) if isinstance(value, bytes) and len(value) > 200 else value


class Stories(unittest.TestCase):
    longMessage = False
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.plain_peer, cls.secure_peer = Peer(), Peer(secure=True)
        cls.directory = tempfile.mkdtemp()

    @classmethod
    def tearDownClass(cls):
        cls.plain_peer.close()
        cls.secure_peer.close()
        shutil.rmtree(cls.directory)

    def told_twice(self, name):
        story = run_story.load(os.path.join(STORIES, name + ".py"))
        secure = getattr(story, "SECURE", False)
        self.peer = self.secure_peer if secure else self.plain_peer
        self.base = "%s://127.0.0.1:%d" % ("https" if secure else "http", self.peer.port)
        self.peer.take()
        plain = tell([name], self.base, os.path.join(self.directory, "plain"), None)
        if "No module named" in plain[2]:
            missing = re.search("No module named '([^'.]*)", plain[2]).group(1)
            if missing in getattr(story, "NEEDS", ()):
                self.skipTest("no " + missing)
        plain_requests = self.peer.take()
        spool = os.path.join(self.directory, name)
        hooked = tell([name], self.base, spool, HOOK, getattr(story, "ENV", None))
        hooked_requests = self.peer.take()
        alike = getattr(story, "ALIKE", ())
        if getattr(story, "ANY_ORDER", False):
            plain_requests, hooked_requests = sorted(plain_requests), sorted(hooked_requests)
        self.assertEqual(self.alike(plain_requests, alike), self.alike(hooked_requests, alike))
        if getattr(story, "WARNS", False):
            kept = [line for line in hooked[2].splitlines(True) if not line.startswith("afterglow: ")]
            self.assertNotEqual("".join(kept), hooked[2], "the hook should have said something")
            hooked = hooked[:2] + ("".join(kept),)
        for what, was, became in zip(("exit code", "stdout", "stderr"), seen(plain), seen(hooked)):
            self.assertEqual(was, became, "%s:\n%s" % (what, difference(was, became)))
        if not getattr(story, "RAISES", False):
            self.assertNotIn("Traceback", plain[2])
        self.compare(getattr(story, "CALLS", []), recorded.calls(spool))
        losses = {}
        for _, header, _ in recorded.records(spool):
            if header["kind"] == "loss":
                losses[header["reason"]] = losses.get(header["reason"], 0) + header["records"]
        self.assertEqual(losses, getattr(story, "LOSSES", {}), losses)

    @staticmethod
    def alike(requests, patterns):
        for pattern, replacement in patterns:
            requests = [re.sub(pattern, replacement, request) for request in requests]
        return requests

    def compare(self, wanted, calls):
        found, expected = [self.line(call) for call in calls], [want["line"] for want in wanted]
        self.assertEqual(found, expected, difference("\n".join(expected), "\n".join(found)))
        for want, call in zip(wanted, calls):
            end = call["end"] or {}
            about = {
                "line": want["line"],
                "status": end.get("status"),
                "error": end.get("error", {}).get("type"),
                "partial": end.get("partial", False),
                "ended": bool(end),
                "request": call["request"][1],
                "response": call["response"][1],
                "request_size": (call["request"][0] or {}).get("size"),
                "response_size": (call["response"][0] or {}).get("size"),
                "request_truncated": (call["request"][0] or {}).get("truncated", False),
                "response_truncated": (call["response"][0] or {}).get("truncated", False),
                "headers": [[name, value.replace(str(self.peer.port), "PORT")] for name, value in call["start"]["headers"]],
                "response_headers": end.get("headers"),
                "proto": end.get("proto"),
            }
            # What nobody says otherwise: it ended well.
            expected = {"error": None, "partial": False, "ended": True, **want}
            found = {key: short(about[key]) for key in expected}
            # A set is for what depends on the version of a library.
            expected = {key: found[key] if isinstance(value, set) and found[key] in value else short(value) for key, value in expected.items()}
            self.assertEqual(found, expected, "\nfound    %s\nexpected %s" % (found, expected))
            if end.get("ttfb") is not None:
                self.assertLessEqual(end["ttfb"], end["dur"])
            if "status" in end and "peer" in end:  # not where the peer is a file
                self.assertIn(end["peer"].rpartition(":")[2], self.base)

    def line(self, call):
        start = call["start"]
        return start["method"] + " " + start["url"].replace(self.base, "").replace(str(self.peer.port), "PORT")


def _add(name):
    def test(self):
        self.told_twice(name)

    setattr(Stories, "test_" + name, test)


for _file in sorted(os.listdir(STORIES)):
    if _file.endswith(".py"):
        _add(_file[:-3])

if __name__ == "__main__":
    unittest.main()
