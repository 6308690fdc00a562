"""The writer of the spool: caps, losses, names, and a directory that does as it likes. The bytes are also read by the Go reader."""

import errno
import os
import shutil
import stat
import sys
import tempfile
import threading
import unittest

HOOK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOOK)

from _afterglow import spool  # noqa: E402
from _afterglow.start import Settings  # noqa: E402

from recorded import records  # noqa: E402


class Spool(unittest.TestCase):
    def setUp(self):
        self.parent = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.parent)
        self.directory = os.path.join(self.parent, "spool")

    def make(self, invocation="init", **settings):
        env = {"AFTERGLOW_SPOOL_DIR": self.directory}
        env.update({"AFTERGLOW_" + name.upper(): str(value) for name, value in settings.items()})
        return spool.Spool(Settings(env), invocation)

    def kinds(self):
        return [header["kind"] for _, header, _ in records(self.directory)]

    def losses(self):
        found = {}
        for _, header, _ in records(self.directory):
            if header["kind"] == "loss":
                count = found.setdefault(header["reason"], [0, 0])
                count[0] += header["records"]
                count[1] += header["bytes"]
        return found

    def broken(self, name, error):
        """Let a system call fail until the returned function is called."""
        kept = getattr(spool, name)

        def failing(*arguments):
            raise error

        setattr(spool, name, failing)
        restore = [kept]

        def mend():
            if restore:
                setattr(spool, name, restore.pop())

        self.addCleanup(mend)
        return mend

    def test_one_invocation(self):
        writer = self.make()
        writer.announce()
        writer.begin("6d68ca91-49c9-448d-89b8-7ca3e6dc66aa")
        writer.record("call.start", "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa", {"url": "http://\u00e4/\udcff\u20ac\n"}, (({"of": "request", "len": 3}, b"\n@\xff"),))
        writer.end()
        names = sorted(os.listdir(self.directory))
        pid = os.getpid()
        self.assertEqual(names, ["6d68ca91-49c9-448d-89b8-7ca3e6dc66aa.%d.2.done" % pid, "init.%d.1.done" % pid])
        self.assertEqual(self.kinds(), ["process", "process", "call.start"])
        self.assertEqual(stat.S_IMODE(os.stat(self.directory).st_mode), 0o700)
        for name in names:
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.directory, name)).st_mode), 0o600)

    def test_a_request_id_of_another_shape(self):
        writer = self.make()
        for invocation in ("../../etc/passwd", "", "x" * 65, "a.b", "\u00e4"):
            writer.begin(invocation)
            writer.record("invocation.start", invocation, {})
            writer.end()
        self.assertEqual({name.split(".")[0] for name in os.listdir(self.directory)}, {"none"})
        self.assertEqual([header["inv"] for _, header, _ in records(self.directory) if header["kind"] != "process"], ["../../etc/passwd", "", "x" * 65, "a.b", "\u00e4"])

    def test_no_name_twice(self):
        os.mkdir(self.directory)
        pid = os.getpid()
        for name in ("init.%d.7.done" % pid, "init.%d.3.open" % pid, "init.%d.99.open" % (pid + 1), "something-else", "a.b.c.d"):
            with open(os.path.join(self.directory, name), "w"):
                pass
        self.make().announce()
        self.assertIn("init.%d.8.open" % pid, os.listdir(self.directory))

    def test_a_name_that_is_taken(self):
        writer = self.make()
        writer.announce()
        pid = os.getpid()
        os.rename(os.path.join(self.directory, "init.%d.1.open" % pid), os.path.join(self.directory, "init.%d.2.open" % pid))
        writer.record("call.start", "init", {})  # its file is gone, and the next name is taken
        writer.record("call.end", "init", {})
        writer.end()
        self.assertEqual(self.kinds(), ["process", "process", "call.start", "call.end"])

    def test_invocation_full(self):
        writer = self.make(spool_invocation_bytes=65536)
        writer.begin("one")
        for _ in range(10):
            writer.record("call.start", "one", {"call": "x"}, (({"of": "request", "len": 20000}, b"x" * 20000),))
        writer.record("invocation.end", "one", {}, (({"of": "response", "len": 20000}, b"x" * 20000),), vital=True)
        writer.end()
        self.assertEqual(self.kinds(), ["process"] + ["call.start"] * 3 + ["invocation.end", "loss"])
        self.assertEqual(self.losses()["invocation-full"][0], 7)
        writer.begin("two")
        writer.record("call.start", "two", {})
        writer.end()
        self.assertEqual(self.kinds()[-1], "call.start", "the next invocation has room again")

    def test_spool_full_until_somebody_collects(self):
        writer = self.make(spool_dir_bytes=1 << 20, spool_invocation_bytes=1 << 20)
        for number in range(3):
            writer.begin("filling-%d" % number)
            writer.record("call.end", "filling-%d" % number, {}, (({"of": "response", "len": 600000}, b"x" * 600000),))
            writer.end()
        self.assertEqual(self.kinds().count("call.end"), 2)
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        writer.begin("too-soon")
        writer.record("invocation.start", "too-soon", {}, vital=True)
        writer.end()
        writer.looked -= spool.LOOK_AGAIN_NS
        writer.begin("later")
        writer.record("invocation.start", "later", {}, vital=True)
        writer.end()
        self.assertEqual(self.kinds(), ["process", "invocation.start", "loss"])
        self.assertEqual(self.losses()["spool-full"][0], 2)

    def test_many_small_files_are_looked_through(self):
        writer = self.make()
        for number in range(spool.MOST_UNCOLLECTED + 1):
            writer.begin("i-%d" % number)
            writer.record("invocation.start", "i", {}, vital=True)
            writer.end()
            os.unlink(os.path.join(self.directory, os.listdir(self.directory)[0]))
        self.assertLess(len(writer.uncollected), 3)

    def test_what_cannot_be_written_is_counted(self):
        for call in ("_open", "_write", "_pwrite"):
            for code in (errno.ENOSPC, errno.EMFILE, errno.EROFS, errno.EACCES, errno.EIO, errno.EFBIG):
                with self.subTest(call=call, code=errno.errorcode[code]):
                    shutil.rmtree(self.directory, ignore_errors=True)
                    writer = self.make()
                    mend = self.broken(call, OSError(code, "no"))
                    writer.announce()
                    writer.begin("one")
                    writer.record("call.start", "one", {"call": "x"})
                    writer.end()
                    left = os.listdir(self.directory) if os.path.isdir(self.directory) else []
                    self.assertEqual([name for name in left if call != "_pwrite" or name.endswith(".open")], [], "nothing half-made stays")
                    mend()
                    writer.begin("two")
                    writer.record("call.start", "two", {"call": "y"})
                    self.assertEqual([kind for kind in self.kinds() if kind != "process"], ["call.start", "loss"])
                    self.assertEqual(self.losses()["write-failed"][0], 1)
                    writer.end()

    def test_a_write_that_was_cut_short(self):
        writer = self.make()
        writer.announce()
        kept = spool._pwrite
        self.addCleanup(setattr, spool, "_pwrite", kept)
        for number in (1, 2):  # the first record opens the file, the second finds it open
            spool._pwrite = lambda fd, data, offset: kept(fd, data[:10], offset)
            self.assertEqual(writer.record("call.start", "init", {"call": "x"}), "write-failed")
            spool._pwrite = kept
            writer.record("call.end", "init", {"call": "x"})
            self.assertEqual(writer.losses, {})
            with open(os.path.join(self.directory, os.listdir(self.directory)[0]), "rb") as file:
                text = file.read()
            self.assertEqual(text.count(b'"kind":"loss"'), number)

    def test_a_large_body(self):
        """It is written from where it is, with one call."""
        writer = self.make()
        writer.begin("one")
        body = bytes(range(256)) * 1000
        writer.record("call.end", "one", {"call": "x"}, (({"of": "request", "len": 5}, b"small"), ({"of": "response", "len": len(body)}, bytearray(body))))
        self.assertEqual([found for _, header, found in records(self.directory) if header.get("call") == "x"], [b"small" + body])
        kept = spool._pwritev
        self.addCleanup(setattr, spool, "_pwritev", kept)
        spool._pwritev = lambda fd, pieces, offset: kept(fd, [b"".join(pieces)[:100]], offset)
        self.assertEqual(writer.record("call.end", "one", {"call": "y"}, (({"of": "response", "len": len(body)}, body),)), "write-failed")

    def test_the_directory_goes_away(self):
        writer = self.make()
        writer.announce()
        shutil.rmtree(self.directory)
        writer.record("call.start", "init", {"call": "x"})
        self.assertEqual(self.kinds(), ["process", "call.start"])
        shutil.rmtree(self.directory)
        writer.end()
        writer.begin("one")
        writer.record("call.start", "one", {"call": "x"})
        self.assertEqual(self.kinds(), ["process", "call.start"])

    def test_the_directory_goes_away_again_and_again(self):
        writer = self.make()
        writer.announce()
        kept = spool._open
        self.addCleanup(setattr, spool, "_open", kept)

        def vanishing(path, flags, mode=0o600):
            if not flags & os.O_CREAT:
                shutil.rmtree(self.directory, ignore_errors=True)
            return kept(path, flags, mode)

        spool._open = vanishing
        writer.record("call.start", "init", {"call": "x"})
        self.assertEqual(writer.losses["write-failed"][0], 1)

    def test_the_directory_stands_in_others(self):
        self.directory = os.path.join(self.directory, "in", "another")
        writer = self.make()
        writer.announce()
        self.assertEqual(self.kinds(), ["process"])
        parent = os.path.dirname(self.directory)
        self.assertEqual([os.stat(path).st_mode & 0o777 for path in (self.directory, parent, os.path.dirname(parent))], [0o700] * 3)

    def test_the_directory_is_a_file(self):
        with open(self.directory, "w"):
            pass
        writer = self.make()
        writer.announce()
        writer.begin("one")
        writer.record("call.start", "one", {"call": "x"})
        writer.end()
        self.assertEqual(writer.losses["write-failed"][0], 1)

    def test_what_nobody_is_told_of_is_said(self):
        with open(self.directory, "w"):
            pass
        lines = []
        kept = spool.guard.say
        self.addCleanup(setattr, spool.guard, "say", kept)
        spool.guard.say = lambda level, text: lines.append(text)
        writer = self.make()
        for invocation in ("one", "two", "three", "four"):
            writer.begin(invocation)
            writer.record("call.start", invocation, {"call": "x"})
            writer.end()
        os.unlink(self.directory)
        writer.begin("five")
        writer.record("call.start", "five", {"call": "x"})
        writer.end()
        self.assertEqual(lines, ["records lost so far: %d; the spool cannot be written" % n for n in (1, 2, 4)])
        self.assertEqual(self.losses()["write-failed"][0], 4)

    def test_what_was_deleted_is_counted(self):
        writer = self.make()
        writer.begin("one")
        writer.record("call.start", "one", {"call": "x"})
        writer.record("call.end", "one", {"call": "x"})
        shutil.rmtree(self.directory)
        writer.record("invocation.end", "one", {})
        writer.end()
        self.assertEqual(self.losses()["deleted"][0], 2)
        writer.begin("two")
        writer.record("invocation.end", "two", {})
        shutil.rmtree(self.directory)
        writer.end()
        self.assertEqual(writer.losses["deleted"][0], 1)

    def test_too_large(self):
        writer = self.make()
        writer.record("call.start", "init", {"url": "x" * spool.MOST_HEADER})
        writer.record("call.start", "init", {}, (({"of": "request", "len": 0}, b"x" * (spool.MOST_BODY + 1)),))
        writer.end()
        self.assertEqual(self.losses()["too-large"][0], 2)

    def test_losses_survive_while_they_cannot_be_written(self):
        writer = self.make()
        writer.announce()
        writer.lost("headers", 2, 100)
        mend = self.broken("_open", OSError(errno.ENOSPC, "no"))
        writer.end()
        mend()
        writer.begin("one")
        writer.end()
        self.assertEqual(self.losses(), {"headers": [2, 100]})

    def test_a_forked_child_writes_to_its_own_file(self):
        writer = self.make()
        writer.begin("one")
        writer.record("call.start", "one", {"call": next(writer.names)})
        child = os.fork()
        if child == 0:
            writer.record("call.start", "one", {"call": next(writer.names)})
            os._exit(0)
        os.waitpid(child, 0)
        writer.end()
        self.assertEqual(sorted(name.split(".")[1:] for name in os.listdir(self.directory)), sorted([[str(os.getpid()), "1", "done"], [str(child), "1", "open"]]))
        self.assertEqual({header["call"] for _, header, _ in records(self.directory) if "call" in header}, {"%d-1" % os.getpid(), "%d-1" % child})

    def test_a_child_forked_past_python(self):
        writer = self.make()
        writer.announce()
        writer.pid += 1  # as if this process were its child
        writer.record("call.start", "init", {})
        self.assertEqual(writer.pid, os.getpid())
        self.assertEqual(len(os.listdir(self.directory)), 2)

    def test_a_finalizer_comes_in_between(self):
        """Another record is written, by the same thread, while the first one's file is being made."""
        writer = self.make()
        kept = spool._urandom
        self.addCleanup(setattr, spool, "_urandom", kept)

        def interrupted(size):
            spool._urandom = kept
            writer.record("call.end", "init", {"call": "inner"})
            return kept(size)

        spool._urandom = interrupted
        writer.record("call.start", "init", {"call": "outer"})
        writer.end()
        self.assertEqual(sorted(header.get("call", "") for _, header, _ in records(self.directory)), ["", "", "inner", "outer"])
        self.assertEqual({name.rpartition(".")[2] for name in os.listdir(self.directory)}, {"done"})

    def test_threads(self):
        writer = self.make()

        def work():
            for _ in range(200):
                writer.record("call.start", "init", {"call": next(writer.names)}, (({"of": "request", "len": 5000}, b"x" * 5000),))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.end()
        self.assertEqual(len(os.listdir(self.directory)), 1)
        self.assertEqual(len({header.get("call") for _, header, _ in records(self.directory)}), 1601)

    def descriptors(self):
        return sorted(map(int, os.listdir("/proc/self/fd")))

    @unittest.skipUnless(sys.platform == "linux", "elsewhere the file is opened for each record")
    def test_one_descriptor_stays_open(self):
        """From the first record of an invocation to its end, and beyond the numbers that the function gets. A child does not get it."""
        before = self.descriptors()
        writer = self.make()
        writer.announce()
        writer.begin("one")
        self.assertEqual(self.descriptors(), before)
        for _ in range(3):
            writer.record("call.start", "one", {})
            kept = [fd for fd in self.descriptors() if fd not in before]
            self.assertEqual(len(kept), 1)
            self.assertGreaterEqual(kept[0], spool.NUMBER)
            self.assertFalse(os.get_inheritable(kept[0]))
        child = os.fork()
        if child == 0:
            os._exit(0 if set(self.descriptors()) <= set(before) else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        writer.end()
        self.assertEqual(self.descriptors(), before)

    @unittest.skipUnless(sys.platform == "linux", "elsewhere the file is opened for each record")
    def test_threads_that_open_at_once(self):
        """What two have opened is closed again but for one, and so is what is opened while the file is finished."""
        before = self.descriptors()
        kept = spool._duplicate
        self.addCleanup(setattr, spool, "_duplicate", kept)
        writer = self.make()

        def meanwhile(what):
            def duplicate(fd, least):
                spool._duplicate = kept
                what()
                return kept(fd, least)

            spool._duplicate = duplicate

        writer.begin("one")
        meanwhile(lambda: writer.record("call.start", "one", {"call": "inner"}))
        writer.record("call.start", "one", {"call": "outer"})
        self.assertEqual(len(self.descriptors()), len(before) + 1)
        writer.begin("two")
        meanwhile(writer.end)
        writer.record("call.start", "two", {"call": "late"})
        writer.end()
        self.assertEqual(self.descriptors(), before)
        self.assertEqual([header["call"] for _, header, _ in records(self.directory) if "call" in header], ["inner", "outer", "late"])

    @unittest.skipUnless(sys.platform == "linux", "elsewhere the file is opened for each record")
    def test_the_function_takes_the_descriptor(self):
        """It closes what it does not know, and is given the number for something of its own: nothing of ours goes there."""
        other = os.path.join(self.parent, "other")
        os.mkfifo(other)
        for take in (lambda: os.open(os.path.join(self.parent, "file"), os.O_RDWR | os.O_CREAT | os.O_APPEND), lambda: os.open(other, os.O_RDWR), None):
            shutil.rmtree(self.directory, ignore_errors=True)
            writer = self.make()
            writer.begin("one")
            writer.record("call.start", "one", {"call": "x"})
            kept = writer.file.fd
            if take is None:
                os.close(kept)
            else:
                fd = take()
                os.dup2(fd, kept)
                os.close(fd)
            writer.record("call.end", "one", {"call": "x"}, (({"of": "response", "len": 3}, b"abc"),))
            writer.record("call.start", "one", {"call": "y"}, (({"of": "request", "len": 70000}, b"x" * 70000),))
            writer.end()
            self.assertEqual(self.kinds(), ["process", "call.start", "call.end", "call.start"])
            if take is not None:
                os.close(kept)  # still the function's
        self.assertEqual(os.path.getsize(os.path.join(self.parent, "file")), 0)

    def test_no_descriptor_may_be_kept(self):
        """None of such a number may be had, or the system has other rules: the file is opened for each record."""
        kept = spool.NUMBER
        self.addCleanup(setattr, spool, "NUMBER", kept)
        spool.NUMBER = 1 << 30
        writer = self.make()
        writer.begin("one")
        for _ in range(3):
            writer.record("call.start", "one", {})
            self.assertEqual(writer.file.fd, -1)
        writer.end()
        self.assertEqual(self.kinds(), ["process"] + ["call.start"] * 3)

    def test_cut(self):
        self.assertEqual(spool.cut("abc", 16), "abc")
        self.assertEqual(spool.cut("abcdef", 6), "abcdef")
        self.assertEqual(spool.cut("abcdef", 5), "abcde")
        self.assertEqual(spool.cut("\u20ac\u20ac", 5), "\u20ac")
        self.assertEqual(spool.cut("\udcff" * 5, 4), "????")


if __name__ == "__main__":
    unittest.main()
