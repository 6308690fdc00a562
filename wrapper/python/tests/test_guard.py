"""The guard: what is the hook's stays in the hook, what is the user's comes through."""

import os
import signal
import subprocess
import sys
import traceback
import unittest

HOOK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOOK)

from _afterglow import guard  # noqa: E402


class Mine(Exception):
    pass


def frames_of(kind, call):
    """Give the names of the functions in the traceback of what a call raises."""
    try:
        call()
    except kind as error:
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)][1:]
    raise AssertionError("nothing was raised")


class Said:
    """Takes what the guard says."""

    def __init__(self, test):
        self.lines = []
        kept = guard._write
        guard._write = lambda fd, data: self.lines.append(data.decode())
        test.addCleanup(setattr, guard, "_write", kept)


def ours(code, **names):
    """Compile a function as if it stood in the hook's own files."""
    scope = {"guard": guard, **names}
    exec(compile(code, os.path.join(HOOK, "_afterglow", "made.py"), "exec"), scope)
    return scope


class Guard(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, guard, "state", guard.state)
        guard.state = guard.State()
        self.said = Said(self).lines

    def test_own_failures_are_swallowed_and_told_once(self):
        for kind in ("ValueError('secret')", "MemoryError()", "RecursionError()", "AssertionError()", "OSError(28, 'full')"):
            with self.subTest(kind):
                guard.state = guard.State()
                self.said.clear()
                fail = ours("@guard.observer\ndef fail():\n    raise " + kind)["fail"]
                self.assertIsNone(fail())
                self.assertIsNone(fail())
                self.assertEqual(len(self.said), 1)
                self.assertIn("fail failed: %s at made.py:3" % kind.partition("(")[0], self.said[0])
                self.assertNotIn("secret", self.said[0])

    def test_recursion_of_its_own(self):
        run = ours("def deeper():\n    deeper()\n@guard.observer\ndef run():\n    deeper()")["run"]
        self.assertIsNone(run())
        self.assertIn("RecursionError", self.said[0])

    def test_no_room_on_the_stack(self):
        """With a few frames left, what the function does still works if it can without the hook."""

        class Library:
            def method(self):
                return "done"

        before = ours("def down(n):\n    return n and down(n - 1)\n@guard.observer\ndef before(*arguments):\n    down(20)")["before"]
        plain, library = Library.method, Library()
        Library.method = guard.around(plain, before, None, None)

        def deeper(n, method):
            return deeper(n - 1, method) if n else method()

        def end(n, method):
            guard.state = guard.State()  # on again
            try:
                return deeper(n, method)
            except RecursionError:
                return "no room"

        self.addCleanup(sys.setrecursionlimit, sys.getrecursionlimit())
        sys.setrecursionlimit(300)
        most = max(n for n in range(300) if end(n, lambda: plain(library)) == "done")
        # The stand-in takes a frame, and what asks whose failure it is another one, or more where calls of what is written in C count.
        ends = [end(n, lambda: library.method()) for n in range(most - 40, most - (1 if sys.version_info >= (3, 12) else 5))]
        self.assertEqual(set(ends), {"done"}, ends)

    def test_goes_off_after_a_few(self):
        calls = []
        fail = ours("@guard.observer\ndef fail():\n    calls.append(1)\n    1 / 0", calls=calls)["fail"]
        for _ in range(20):
            fail()
        self.assertEqual(len(calls), guard.MOST_FAILURES)
        self.assertTrue(guard.is_off())
        self.assertEqual(len(self.said), 2)
        self.assertIn("off after 8 failures", self.said[1])

    def test_the_users_come_through(self):
        def foreign():
            raise TimeoutError("the user's limit")

        for raised in (KeyboardInterrupt, SystemExit, GeneratorExit, Mine):
            with self.subTest(raised), self.assertRaises(raised):
                ours("@guard.observer\ndef run():\n    raise raised", raised=raised)["run"]()
        run = ours("@guard.observer\ndef run():\n    foreign()", foreign=foreign)["run"]
        frames = frames_of(TimeoutError, run)
        if sys.version_info >= (3, 11):
            self.assertEqual(frames, ["foreign"])
        self.assertEqual(self.said, [])

    def test_a_signal_handler_raises_into_the_hook(self):
        def ring(number, frame):
            raise OSError("a type of our own")

        before = signal.signal(signal.SIGALRM, ring)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        wait = ours("@guard.observer\ndef wait():\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    while True:\n        pass", signal=signal)["wait"]
        with self.assertRaises(OSError):
            wait()
        self.assertEqual(self.said, [])

    def test_the_original_is_called_once_whatever_fails(self):
        for broken in ("before", "after", "failed", ""):
            for raises in (False, True):
                with self.subTest(broken=broken, raises=raises):
                    guard.state = guard.State()
                    calls = []

                    class Library:
                        def method(self, value, *, more=0):
                            """Does something."""
                            calls.append((value, more))
                            if raises:
                                raise Mine(value)
                            return value + more

                    original = Library.method
                    lines = ["@guard.observer\ndef %s(*arguments):\n    %s" % (name, "1 / 0" if name == broken else "return arguments") for name in ("before", "after", "failed")]
                    scope = ours("\n".join(lines))
                    Library.method = guard.around(original, scope["before"], scope["after"], scope["failed"])
                    if raises:
                        self.assertEqual(frames_of(Mine, lambda: Library().method(1, more=2)), ["<lambda>", "method"])
                    else:
                        self.assertEqual(Library().method(1, more=2), 3)
                    self.assertEqual(calls, [(1, 2)])

    def test_a_stand_in_is_interrupted_before_its_first_line(self):
        """Its own guard is not there yet: the stand-in that it was called through takes its frame away, too."""

        class Library:
            def method(self):
                interrupted()

        def ring():
            raise Mine("a signal handler's")

        interrupted = ours("def interrupted():\n    ring()", ring=ring)["interrupted"]
        nothing = ours("@guard.observer\ndef nothing(*arguments):\n    return None")["nothing"]
        Library.method = guard.around(Library.method, nothing, nothing, nothing)
        self.assertEqual(frames_of(Mine, lambda: Library().method()), ["<lambda>", "method", "ring"])

    def test_a_signal_handler_raises_into_an_observer_of_a_stand_in(self):
        def ring():
            raise Mine("a signal handler's")

        rings = ours("@guard.observer\ndef rings(*arguments):\n    deeper()\n\ndef deeper():\n    ring()", ring=ring)["rings"]
        nothing = ours("@guard.observer\ndef nothing(*arguments):\n    return 1")["nothing"]
        for before, after in ((rings, nothing), (nothing, rings)):
            with self.subTest(before=before, after=after):

                class Library:
                    def method(self):
                        pass

                Library.method = guard.around(Library.method, before, after, nothing)
                self.assertEqual(frames_of(Mine, lambda: Library().method()), ["<lambda>", "ring"])

    def test_levels(self):
        for level, said in (("debug", 4), ("info", 3), ("warn", 2), ("error", 1), ("off", 0)):
            with self.subTest(level):
                guard.state = guard.State()
                self.said.clear()
                guard.configure(level)
                for each in guard.LEVELS[:4]:
                    guard.say(each, "about " + each)
                    guard.say(each, "about " + each)
                self.assertEqual(len(self.said), said)

    def test_nobody_listens(self):
        def closed(fd, data):
            raise OSError(9, "bad file descriptor")

        guard._write = closed
        guard.say("error", "into the void \u20ac")

    def test_exceptions_that_resist(self):
        """A class may forbid that its instances are changed, or have a traceback of its own."""

        class Frozen(Exception):
            __traceback__ = property(lambda self: None)

            def __setattr__(self, name, value):
                raise TypeError("frozen")

            def with_traceback(self, tb):
                raise TypeError("frozen")

        class Library:
            def method(self):
                raise Frozen("as it came")

        nothing = ours("@guard.observer\ndef nothing(*arguments):\n    return None")["nothing"]
        Library.method = guard.around(Library.method, nothing, nothing, nothing)
        try:  # assertRaises would change it
            Library().method()
        except Frozen as error:
            self.assertEqual(error.args, ("as it came",))
        else:
            self.fail("nothing was raised")

    def test_no_reference_stays(self):
        program = (
            "import sys, gc, weakref; sys.path.insert(0, %r); gc.disable()\n"
            "from _afterglow import guard\n"
            "class Library:\n    def method(self): raise OSError()\n"
            "nothing = guard.observer(lambda *arguments: None)\n"
            "Library.method = guard.around(Library.method, nothing, nothing, nothing)\n"
            "library = Library(); alive = weakref.ref(library)\n"
            "try: library.method()\nexcept OSError: pass\n"
            "del library; print(alive())"
        )
        done = subprocess.run([sys.executable, "-c", program % HOOK], capture_output=True, text=True, check=False)
        self.assertEqual((done.stdout, done.stderr), ("None\n", ""))


if __name__ == "__main__":
    unittest.main()
