"""The two records of a call: what is left out past the invocation's cap, and heads whose lines are odd."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from _afterglow import spool  # noqa: E402
from _afterglow.clients import call as calls  # noqa: E402
from _afterglow.start import Settings  # noqa: E402

from recorded import part, records  # noqa: E402


class Calls(unittest.TestCase):
    def setUp(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.directory = os.path.join(directory, "spool")
        settings = Settings({"AFTERGLOW_SPOOL_DIR": self.directory, "AFTERGLOW_SPOOL_INVOCATION_BYTES": "65536", "AFTERGLOW_CAPTURE_HEADER_BYTES": "100", "AFTERGLOW_CAPTURE_BODY_BYTES": "50000"})
        for name, value in (("settings", settings), ("spool", spool.Spool(settings, "one"))):
            self.addCleanup(setattr, calls.state, name, getattr(calls.state, name))
            setattr(calls.state, name, value)

    def test_past_the_cap(self):
        """What has begun is ended, without what passed; of what has not begun there is no end."""
        first, second = {}, {}
        calls.start(first, "test", "POST", "http://peer/first", b"A: b", b"x" * 30000)
        calls.responded(first[calls.MARK], 200, "HTTP/1.1", b"C: d")
        calls.response(first[calls.MARK]).add(b"y" * 40000)
        calls.end(first[calls.MARK])
        calls.start(second, "test", "POST", "http://peer/second", b"", b"x" * 40000)
        calls.end(second[calls.MARK])
        calls.state.spool.end()
        _, start, end, *others = [(header, body) for _, header, body in records(self.directory)]
        self.assertEqual((start[0]["kind"], start[0]["headers"]), ("call.start", [["A", "b"]]))
        self.assertEqual((end[0]["kind"], end[0]["status"], end[0].get("headers")), ("call.end", 200, None))
        self.assertEqual(part(*end, "response"), ({"of": "response", "len": 0, "size": 40000, "truncated": True}, b""))
        losses = [header["records"] for header, _ in others if header["kind"] == "loss" and header["reason"] == "invocation-full"]
        self.assertEqual((losses, [header["kind"] for header, _ in others if header["kind"] != "loss"]), ([2], []))

    def test_a_start_that_a_signal_interrupted_has_no_end(self):
        def interrupted(*_):
            raise TimeoutError

        noted, write = {}, calls.state.spool.write
        calls.state.spool.write = interrupted
        with self.assertRaises(TimeoutError):
            calls.start(noted, "test", "GET", "http://peer/", b"", None)
        calls.state.spool.write = write
        calls.end(noted[calls.MARK])
        calls.state.spool.end()
        told = [(header["kind"], header.get("reason")) for _, header, _ in records(self.directory) if header["kind"] != "process"]
        self.assertEqual(told, [("loss", "write-failed")])

    def test_framing(self):
        """Chunks, extensions of their lengths, and what follows the last one, wherever they are cut."""
        whole = b"5\r\nhello\r\nA;more=1\r\n 0123456789"[:-1] + b"\r\n0\r\nX-Checksum: abc\r\n\r\n"
        for size in range(1, len(whole) + 1):
            framing = calls.Framing()
            found = [piece for at in range(0, len(whole), size) for piece in framing.pieces(whole[at : at + size])]
            self.assertEqual(b"".join(found), b"hello 012345678", size)

    def test_copies(self):
        """A body in one piece is not copied, however large; in several it is, up to the budget."""
        whole = b"x" * 100000
        for budget in (100000, 50000, 0):
            copy = calls.Copy(budget)
            copy.add(whole)
            self.assertEqual((bytes(copy.kept), copy.size), (whole[:budget], 100000))
            if budget:
                self.assertIs(copy.kept if budget == 100000 else copy.kept.obj, whole)
            for kind in (bytearray, memoryview):
                copy = calls.Copy(budget)
                copy.add(kind(whole))
                self.assertEqual((type(copy.kept), copy.kept, copy.size), (bytes, whole[:budget], 100000))
        copy = calls.Copy(7)
        for piece in (b"", b"ab", bytearray(b"cd"), memoryview(b"efgh"), b"i"):
            copy.add(piece)
        self.assertEqual((bytes(copy.kept), copy.size), (b"abcdefg", 9))

    def test_lines(self):
        self.assertEqual(calls.lines([("A", "b"), ("C", "\u00e9")]), b"A: b\nC: \xe9")
        self.assertEqual(calls.lines([("A", "one\r\n two"), ("C", "")]), b"A: one  two\nC: ")
        self.assertEqual(calls.lines([("A", "\u20ac")]), b"A: \xe2\x82\xac")
        self.assertEqual(calls.lines([(b"A", b"one\n two"), (b"C", b"\xff")], b": "), b"A: one  two\nC: \xff")
        self.assertEqual(calls.lines([]), b"")

    def test_more_headers_than_there_is_room_for(self):
        self.assertEqual(calls.headers(b"A: b\n" + b"B: " + b"x" * 100 + b"\nC: d"), b"A: b")
        self.assertEqual(calls.state.spool.losses["headers"], [2, 103])
        whole = b"\n".join([b"A: 12"] * 33)  # within the budget but for what stands between names and values
        self.assertEqual(calls.headers(whole), whole)


if __name__ == "__main__":
    unittest.main()
