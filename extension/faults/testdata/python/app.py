"""A function that does what its event says: {"do": [["get", "/a"], ["sleep", 0.1]]}. Its answer depends on its event and its peer alone."""

import http.client
import json
import os
import shutil
import signal
import sys
import time
from urllib.parse import urlsplit

PEER = urlsplit(os.environ["PEER"]).netloc


def handler(event, context):
    answers = [STEPS[name](*arguments) for name, *arguments in event.get("do", ())]
    return {"n": event.get("n"), "answers": answers}


def request(method, path, body=None):
    connection = http.client.HTTPConnection(PEER, timeout=60)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return [response.status, response.read().decode()[:100]]
    finally:
        connection.close()


def get(path):
    return request("GET", path)


def post(path, size):
    return request("POST", path, b'{"text":"' + b"x" * size + b'"}')


def many(path, times):
    """So many calls over one connection."""
    connection = http.client.HTTPConnection(PEER, timeout=60)
    statuses = set()
    for _ in range(times):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        statuses.add(response.status)
    connection.close()
    return sorted(statuses)


def fork(path):
    """A call by a child process."""
    child = os.fork()
    if child == 0:
        try:
            get(path)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)


def clear(path):
    """What a function does that cleans /tmp."""
    for name in os.listdir(path):
        remove(os.path.join(path, name))


def fill(path):
    """Take all of the disk that is left, to the last byte."""
    with open(path, "ab") as f:
        for size in (1 << 24, 1 << 16, 1 << 12, 1):
            while True:
                try:
                    os.posix_fallocate(f.fileno(), os.fstat(f.fileno()).st_size, size)
                except OSError:
                    break


def put(path, text=""):
    with open(path, "w") as f:
        f.write(text)


def copy(source, target):
    """Put files into a folder under temporary names, and then under their own, as whoever writes in pieces and renames does."""
    os.makedirs(target, mode=0o700, exist_ok=True)
    for name in sorted(os.listdir(source)):
        part = os.path.join(target, name + ".part")
        shutil.copyfile(os.path.join(source, name), part)
        os.chmod(part, 0o600)
        os.rename(part, os.path.join(target, name))


def make(path):
    os.makedirs(path, mode=0o700, exist_ok=True)


def litter(path, number):
    """So many files that are nobody's. Most are links, because a disk has fewer inodes than names, and an inode at most 65,000 of those."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    for n in range(number):
        name = "%s/litter-%d" % (path, n)
        if n % 60000 == 0:
            first = name
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        else:
            os.link(first, name)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def memory():
    """Take memory until somebody ends it."""
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1 << 12) * (1 << 12)))


def fail(text):
    raise ValueError(text)


def forbid(path):
    """Take the right to write to a directory, if there is one."""
    if os.path.isdir(path):
        os.chmod(path, 0o500)


STEPS = {
    "forbid": forbid,
    "get": get, "post": post, "many": many, "fork": fork, "sleep": time.sleep, "remove": remove, "clear": clear, "fill": fill, "put": put, "copy": copy,
    "litter": litter, "link": os.symlink, "pipe": os.mkfifo, "mkdir": make, "rename": os.rename, "chmod": os.chmod, "kill": kill, "memory": memory, "fail": fail,
    "exit": sys.exit, "print": print,
}
