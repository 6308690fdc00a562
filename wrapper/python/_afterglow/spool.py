"""Writes the spool, spool/FORMAT.md: files that the extension reads after the response has gone out.

It takes records, gives nothing, and promises one write a record, never a wait: what cannot be written is counted and the
counts are written when that works again.
"""

import os
import sys
import time
from _thread import RLock
from itertools import count

from . import VERSION, guard

# Limits of the format, not of taste: a reader refuses what is beyond them.
MOST_HEADER = 262144
MOST_BODY = 16777216

# Bodies from this size on are written from where they are; below, putting the pieces together first costs less.
LARGE = 16384

# A descriptor that stays open gets a number from here on, so that those of the function are what they are without it, and not the one
# that the file before had: another thread may be about to write to that. All are below 64, where the table that every process begins with
# ends: to have it grow in a process with threads, the kernel waits for all cores (expand_fdtable in its fs/file.c), for 5 to 20 ms.
NUMBER = 56
NUMBERS = 8

ERROR_BYTES = 16384  # of an error's message and of its stack
URL_BYTES = 16384  # longer ones exist only by mistake

# Past this many files of which it is not known whether they were collected, or past the cap, the directory is looked
# through for what the extension has deleted; not more often than this.
MOST_UNCOLLECTED = 1000
LOOK_AGAIN_NS = 1_000_000_000

# What Lambda hides from an extension, and it has to know.
HIDDEN = ("AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE", "_HANDLER")

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC

# The function may replace what a module offers, for a test or to see it itself; what is held here is not replaced.
_open, _write, _close, _rename, _unlink, _access, _lseek = os.open, os.write, os.close, os.rename, os.unlink, os.access, os.lseek
_mkdir, _getpid, _urandom, _listdir = os.mkdir, os.getpid, os.urandom, os.listdir
_time_ns = time.time_ns
_monotonic_ns = time.monotonic_ns


def cut(text, most):
    """Cut a text to a number of bytes of UTF-8."""
    if len(text) * 4 <= most:
        return text
    data = text.encode("utf-8", "replace")
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")


def _make_directory(path):
    """Make the spool's directory, and those that it stands in."""
    try:
        _mkdir(path, 0o700)
    except FileExistsError:
        pass  # the extension was quicker
    except FileNotFoundError:
        pieces = path.rstrip("/").split("/")
        for i in range(2, len(pieces) + 1):
            try:
                _mkdir("/".join(pieces[:i]), 0o700)
            except FileExistsError:
                pass


def _encoder():
    """Give a function that makes JSON in ASCII, in one line. The runtime client has loaded the module."""
    from json import encoder

    slow = encoder.JSONEncoder(separators=(",", ":"), check_circular=False)
    try:  # what JSONEncoder makes anew for each value; a third faster, if it is still what it was
        make = encoder.c_make_encoder(None, slow.default, encoder.encode_basestring_ascii, None, ":", ",", False, False, True)
        sample = {"a": [1, "\u20ac", None, True, ("b", 2.5)]}
        if "".join(make(sample, 0)) == slow.encode(sample):
            return lambda value: "".join(make(value, 0))
    except (AttributeError, TypeError):
        pass
    return slow.encode


# Linux alone appends what pwrite(2) writes and leaves the position of the description as it was ("BUGS" in its manual page).
if sys.platform == "linux":
    _pwrite, _pwritev = os.pwrite, os.pwritev
else:
    _pwrite = _pwritev = None


def _duplicate(fd, least):
    """Give another descriptor, of the least number that is free from here on."""
    known = "fcntl" in sys.modules
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    if not known:  # the function is to find what it would
        sys.modules.pop("fcntl", None)
    return fcntl(fd, F_DUPFD_CLOEXEC, least)


class File:
    """One file of the spool.

    Its descriptor stays open from the first record on. The function may close it, with others that it does not know, and be given its
    number for a file of its own. So the description carries a position that no other has, which nothing that is written moves: where
    that is not found, the descriptor is not used again, and the file is opened for each record.
    """

    def __init__(self, path, first, number):
        mark = _urandom(8).hex()
        self.path = path
        self.open = os.fsencode(path) + b".open"
        self.at = "@" + mark
        self.records = 0  # but for the process' description
        self.number = NUMBER + number % NUMBERS
        self.place = int(mark[:10], 16) | 1 << 40  # below the largest file of any file system
        self.before = 0  # bytes written for its invocation when it was made
        self.keeps = _pwrite is not None
        self.fd = -1
        data = f"afterglow-spool 1 {mark}\n@{mark} 0 {first}\n\n".encode("ascii")
        fd = _open(self.open, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try:
                written = _write(fd, data)
            finally:
                _close(fd)
            if written != len(data):
                raise OSError("the first record was cut short")
        except OSError:
            _unlink(self.open)
            raise

    def append(self, header, length, bodies, look):
        """Write one record and tell whether all of it was written. Who looks learns whether the file was deleted."""
        head = f"{self.at} {length} {header}\n".encode("ascii")
        fd = self.fd
        if fd >= 0:
            if look and not _access(self.open, 0):
                raise FileNotFoundError
            if not self._is_ours(fd):
                self.fd, self.keeps = -1, False
        if self.fd < 0 and not self._keep():
            return self._append_once(head, length, bodies)
        if length < LARGE:
            written = _pwrite(self.fd, b"".join((head, *bodies, b"\n")), 0)
        else:
            written = _pwritev(self.fd, (head, *bodies, b"\n"), 0)
        return self._written(written, len(head) + length + 1)

    def _written(self, written, wanted):
        whole = written == wanted
        self.records += whole
        return whole

    def _is_ours(self, fd):
        try:
            return _lseek(fd, 0, 1) == self.place
        except OSError:
            return False

    def _keep(self):
        """Open the file to keep it open, if that can be."""
        if not self.keeps:
            return False
        fd = _open(self.open, _FLAGS)
        try:
            kept = _duplicate(fd, self.number)
        except OSError:  # no descriptor of that number may be had
            self.keeps = False
            return False
        finally:
            _close(fd)
        try:
            _lseek(kept, self.place, 0)
        except OSError:  # a file system of small files
            _close(kept)
            self.keeps = False
            return False
        if self.fd >= 0 or not self.keeps:  # another thread was quicker, or the file is done by now
            _close(kept)
        else:
            self.fd = kept
        return self.fd >= 0

    def _append_once(self, head, length, bodies):
        fd = _open(self.open, _FLAGS)
        try:
            written = _write(fd, b"".join((head, *bodies, b"\n")))
        finally:
            _close(fd)
        return self._written(written, len(head) + length + 1)

    def let_go(self):
        """Close the descriptor, if it is still the file's, and get no other."""
        self.keeps = False
        fd, self.fd = self.fd, -1
        if fd >= 0 and self._is_ours(fd):
            _close(fd)

    def finish(self):
        try:
            _rename(self.open, self.path + ".done")
        finally:
            self.let_go()


class Spool:
    """The spool as one process writes it. A forked child starts anew, with files of its own."""

    def __init__(self, settings, invocation):
        self.settings = settings
        self.invocation = invocation  # names the next file
        self.most = settings.invocation_bytes
        self.file = None
        self._json = None
        os.register_at_fork(after_in_child=self._anew)
        self._anew()

    def _anew(self):
        if self.file is not None:
            self.file.let_go()  # the parent has its own
        self.pid = _getpid()
        self.lock = RLock()  # a finalizer or a signal handler may come in between
        self._process = None  # its description, made once
        self.file = None
        self.files = None  # number of the last one
        self.uncollected = {}  # name without state: bytes, of this process
        self.uncollected_bytes = 0
        self.looked = 0
        self.written = 0  # bytes in files of the invocation
        self.names = map(f"{self.pid}-%d".__mod__, count(1))  # of calls
        self.losses = {}  # reason: [records, bytes]
        self.complained = 0

    def announce(self):
        """Make the file with the process' description, by which the extension knows that there is a hook."""
        try:
            self._new_file()
        except OSError as error:
            guard.say("warn", "the spool cannot be written (%s); this function is not recorded" % type(error).__name__)

    def begin(self, invocation):
        """An invocation starts: what is open belongs to the one before, or to none."""
        with self.lock:
            self._finish()
            self.invocation = invocation
            self.written = 0

    def end(self):
        """The invocation has ended in this process. The rename tells the extension."""
        with self.lock:
            if self.losses:
                self._losses()
            self._complain()
            self._finish()

    def _complain(self):
        """Say how many records are lost of which the extension could not be told, and again when they are twice as many. If the spool stays as it is, nobody else will."""
        records = sum(count[0] for count in self.losses.values())
        if not records:
            self.complained = 0
        elif records >= 2 * self.complained:
            guard.say("warn", "records lost so far: %d; the spool cannot be written" % records)
            self.complained = records

    def lost(self, reason, records, size):
        count = self.losses.setdefault(reason, [0, 0])
        count[0] += records
        count[1] += size

    def record(self, kind, invocation, fields, parts=(), vital=False):
        """Write one record. parts are pairs of a part's description and its bytes. A vital one is written past the
        invocation's cap."""
        header = {"kind": kind, "inv": invocation, "t": _time_ns() // 1000, **fields}
        if parts:
            header["parts"] = [part for part, _ in parts]
        bodies = [body for _, body in parts]
        return self.write(self.encode(header), bodies, sum(map(len, bodies)), vital)

    def write(self, header, bodies, length, vital=False, look=True):
        """Write one record, whose header is made, with bodies of so many bytes. Give the reason why it was not written; None if it was.
        Looking whether somebody has deleted the file may be left to the next record."""
        size = len(header) + length
        file = self.file
        if (
            file is not None
            and size < LARGE
            and not self.losses
            and (vital or self.written + size <= self.most)
            and (not look or self.pid == _getpid() and _access(file.open, 0))
        ):
            # What File.append does, for nearly all records of calls: each function less is a microsecond less between two waits.
            fd = file.fd
            try:
                if fd >= 0 and _lseek(fd, 0, 1) == file.place:
                    data = b"".join([f"{file.at} {length} {header}\n".encode("ascii"), *bodies, b"\n"])
                    if _pwrite(fd, data, 0) == len(data):
                        file.records += 1
                        self.written += size
                        return None
                    self.lost("write-failed", 1, size)
                    return "write-failed"
            except OSError:
                pass  # nothing was written; File.append looks what is wrong
        if look and self.pid != _getpid():  # forked past Python
            self._anew()
        reason = self._put(header, length, bodies, size, vital, look)
        if reason is not None:
            self.lost(reason, 1, size)
        elif self.losses and "write-failed" in self.losses:
            self._losses("write-failed")
        return reason

    def _put(self, header, length, bodies, size, vital, look):
        """Write one record and give the reason why it was not written."""
        if len(header) > MOST_HEADER or length > MOST_BODY:
            return "too-large"
        if not vital and self.written + size > self.most:
            return "invocation-full"
        try:
            for _ in range(2):
                file = self.file or self._new_file()
                if file is None:
                    return "spool-full"
                try:
                    if not file.append(header, length, bodies, look):
                        break
                    self.written += size
                    return None
                except FileNotFoundError:  # somebody has deleted it
                    if self.file is file:
                        self.file = None
                        self._deleted(file)
        except OSError:
            pass
        return "write-failed"

    def encode(self, value):
        if self._json is None:
            self._json = _encoder()
        return self._json(value)

    def _new_file(self):
        with self.lock:
            if self.file is None and self._has_room():
                made = self._make()
                if self.file is not None:  # a finalizer has come in between and made one, too
                    self._finish()
                made.before = self.written
                self.file = made
            return self.file

    def _make(self):
        try:
            return self._open()
        except FileNotFoundError:
            _make_directory(self.settings.directory)
        except FileExistsError:
            pass  # whoever made it, the next one has another name
        return self._open()

    def _open(self):
        directory = self.settings.directory
        if self.files is None:
            self.files = self._last_number()
        number = self.files + 1
        named = self.invocation
        if not 0 < len(named) <= 64 or not _LETTERS.issuperset(named):
            named = "none"
        if self._process is None:
            process = {"pid": self.pid, "ppid": os.getppid(), "runtime": "python", "version": sys.version.split()[0], "hook": VERSION}
            process["env"] = {name: os.environ[name] for name in HIDDEN if name in os.environ}
            self._process = self.encode(process)
        first = '{"kind":"process","inv":%s,"t":%d,"process":%s}' % (self.encode(self.invocation), _time_ns() // 1000, self._process)
        try:
            file = File("%s/%s.%d.%d" % (directory, named, self.pid, number), first, number)
        except FileExistsError:
            self.files = number
            raise
        self.files = number
        return file

    def _last_number(self):
        """Look for files of an earlier process with this process' id, whose names must not be used again."""
        last = 0
        for name in self._names():
            pieces = name.split(".")
            if len(pieces) == 4 and pieces[1] == str(self.pid) and pieces[2].isdigit():
                last = max(last, int(pieces[2]))
        return last

    def _names(self):
        try:
            return _listdir(self.settings.directory)
        except FileNotFoundError:
            return ()

    def _has_room(self):
        if self.uncollected_bytes >= self.settings.directory_bytes or len(self.uncollected) >= MOST_UNCOLLECTED:
            now = _monotonic_ns()
            if now - self.looked >= LOOK_AGAIN_NS:
                self.looked = now
                there = {name.rpartition(".")[0] for name in self._names()}
                self.uncollected = {name: size for name, size in self.uncollected.items() if name in there}
                self.uncollected_bytes = sum(self.uncollected.values())
        return self.uncollected_bytes < self.settings.directory_bytes

    def _size(self, file):
        """Give the bytes of a file's records, but for what frames them."""
        return self.written - file.before

    def _note(self, file):
        size = self._size(file)
        self.uncollected[file.path.rpartition("/")[2]] = size
        self.uncollected_bytes += size

    def _finish(self):
        file, self.file = self.file, None
        if file is None:
            return
        self._note(file)
        try:
            file.finish()
        except (FileNotFoundError, NotADirectoryError):
            self._deleted(file)
        except OSError:
            guard.say("debug", "a spool file could not be renamed")

    def _deleted(self, file):
        file.let_go()
        if file.records:
            self.lost("deleted", file.records, self._size(file))

    def _losses(self, *reasons):
        for reason in reasons or tuple(self.losses):
            records, size = self.losses.pop(reason)
            fields = {"kind": "loss", "inv": self.invocation, "t": _time_ns() // 1000, "reason": reason, "records": records, "bytes": size}
            header = self.encode(fields)
            if self._put(header, 0, (), len(header), True, True) is not None:
                self.lost(reason, records, size)
