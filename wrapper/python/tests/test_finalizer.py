"""What runs when a call's last reference goes: nothing of ours if the call has ended. Python prints and forgets what is raised in a
finalizer, and a signal handler that limits the user's time may raise in any code written in Python."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from _afterglow.clients import call as calls  # noqa: E402


class Recorded:
    def __init__(self):
        self.kinds = []

    def next_call(self):
        return "1-1"

    def is_full(self, size):
        return False

    def write(self, header, bodies, vital=False):
        self.kinds.append(json.loads(header)["kind"])


class Finalizer(unittest.TestCase):
    def setUp(self):
        self.spool, calls.state.spool = calls.state.spool, Recorded()
        self.recorded = calls.state.spool

    def tearDown(self):
        calls.state.spool = self.spool

    def test_a_call_that_has_ended_has_none(self):
        call = calls.Call(at_hand=True)
        calls.end(call)
        self.assertFalse(hasattr(type(call), "__del__"))
        del call
        self.assertEqual(self.recorded.kinds, ["call.end"])

    def test_a_call_that_nobody_ended_tells_its_end(self):
        call = calls.Call(at_hand=True)
        del call
        self.assertEqual(self.recorded.kinds, ["call.end"])


if __name__ == "__main__":
    unittest.main()
