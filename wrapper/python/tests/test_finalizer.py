"""What runs when a call's last reference goes: nothing of ours if the call has ended. Python prints and forgets what is raised in a
finalizer, and a signal handler that limits the user's time may raise in any code written in Python."""

import itertools
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from _afterglow.clients import call as calls  # noqa: E402
from _afterglow.start import Settings  # noqa: E402


class Recorded:
    names, written, most = map("1-%d".__mod__, itertools.count(1)), 0, 1 << 20

    def __init__(self):
        self.kinds = []

    def write(self, header, bodies, length, vital=False, look=True):
        self.kinds.append(json.loads(header)["kind"])


class Finalizer(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, calls.state, "spool", calls.state.spool)
        self.addCleanup(setattr, calls.state, "settings", calls.state.settings)
        self.recorded = calls.state.spool = Recorded()
        calls.state.settings = Settings({})

    def call(self):
        return calls.start({}, "test", "GET", "http://peer/", b"", None)

    def test_a_call_that_has_ended_has_none(self):
        call = self.call()
        calls.end(call)
        self.assertFalse(hasattr(type(call), "__del__"))
        del call
        self.assertEqual(self.recorded.kinds, ["call.start", "call.end"])

    def test_a_call_that_nobody_ended_tells_its_end(self):
        call = self.call()
        del call
        self.assertEqual(self.recorded.kinds, ["call.start", "call.end"])


if __name__ == "__main__":
    unittest.main()
