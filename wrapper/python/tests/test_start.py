"""How the hook comes into a process: the search path, PYTHONPATH, the user's sitecustomize, settings, post-import hooks."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HOOK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOOK)

from _afterglow import guard, start  # noqa: E402

VERSION = "python%d.%d" % sys.version_info[:2]
LAYERS = ["/opt/python/lib/%s/site-packages" % VERSION, "/opt/python"]


def run(program, pythonpath=None, flags=(), **env):
    """Run a program and give its exit code, what it printed as JSON, and stderr."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AFTERGLOW", "AWS", "LAMBDA"))}
    clean.update(env)
    if pythonpath is not None:
        clean["PYTHONPATH"] = os.pathsep.join(pythonpath)
    done = subprocess.run([sys.executable, *flags, "-c", program], env=clean, capture_output=True, text=True, check=False)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except ValueError:
        return done.returncode, done.stdout, done.stderr


SEEN = "import sys, os, json; print(json.dumps([sys.path[1:], os.environ.get('PYTHONPATH'), 'sitecustomize' in sys.modules, '_afterglow.start' in sys.modules]))"


class Start(unittest.TestCase):
    longMessage = True

    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return os.path.dirname(path)

    def test_the_runtime_sees_the_search_path_that_it_would_see(self):
        code, (path, value, customize, started), stderr = run(SEEN)
        self.assertEqual((code, stderr, started), (0, "", False))
        for extra in ({}, {"LAMBDA_RUNTIME_DIR": "/var/runtime"}):
            stood_in = [HOOK] + LAYERS + list(extra.values())
            self.assertEqual(run(SEEN, stood_in, **extra), (0, [path, value, customize, True], ""))

    def test_the_users_pythonpath(self):
        mine = ["/var/task/lib", "/x y", HOOK + "-not"]
        _, (path, value, customize, _), _ = run(SEEN, mine)
        self.assertEqual(run(SEEN, [HOOK] + mine), (0, [path, os.pathsep.join([HOOK] + mine), customize, True], ""))
        _, (path, value, customize, _), _ = run(SEEN, [])
        self.assertEqual(run(SEEN, [HOOK]), (0, [path, HOOK, customize, True], ""))

    def test_the_users_sitecustomize(self):
        mine = self.write("lib/sitecustomize.py", "import sys\nsys.mine = __file__\nVALUE = 7\n")
        program = "import sys, json, sitecustomize; print(json.dumps([sys.mine, sitecustomize.VALUE, sitecustomize.__file__, sitecustomize.__spec__.origin]))"
        self.assertEqual(run(program, [HOOK, mine]), run(program, [mine]))
        code, (first, value, _, _), stderr = run(program, [HOOK, mine])
        self.assertEqual((code, first, value, stderr), (0, os.path.join(mine, "sitecustomize.py"), 7, ""))

    def test_the_users_sitecustomize_fails(self):
        for text in ("raise ValueError('mine')", "import no_such_module", "this is no Python", "import sys; sys.exit(5)", "raise KeyboardInterrupt"):
            with self.subTest(text):
                mine = self.write("lib/sitecustomize.py", text)
                plain = run("print(1)", [mine])
                hooked = run("print(1)", [HOOK, mine])
                self.assertEqual(plain[:2], hooked[:2])
                without, told = ([line for line in text.splitlines() if line[:1] != " " or sys.version_info >= (3, 11)] for text in (plain[2], hooked[2]))
                self.assertEqual(without, told)
        mine = self.write("lib/sitecustomize.py", "raise ValueError('mine')")
        self.assertEqual(run("print(1)", [mine]), run("print(1)", [HOOK, mine]))

    def test_disabled(self):
        for value, started in (("true", False), ("1", False), (" TRUE ", False), ("false", True), ("", True), ("yes", True)):
            with self.subTest(value):
                code, (path, pythonpath, _, seen), stderr = run(SEEN, [HOOK] + LAYERS, AFTERGLOW_DISABLED=value)
                self.assertEqual((code, seen, pythonpath, stderr), (0, started, None, ""))
                self.assertNotIn(HOOK, path)

    def test_a_broken_hook(self):
        """A function runs without the hook whatever is wrong with its files."""
        for name in ("sitecustomize.py", "_afterglow/__init__.py", "_afterglow/start.py", "_afterglow/guard.py"):
            for text in (None, "", "raise RuntimeError('broken')", "this is no Python", "import no_such_module_of_ours", "1/0"):
                with self.subTest(name=name, text=text):
                    hook = os.path.join(self.directory, "hook")
                    shutil.rmtree(hook, ignore_errors=True)
                    shutil.copytree(HOOK, hook, ignore=shutil.ignore_patterns("tests", "__pycache__"))
                    if text is None:
                        os.unlink(os.path.join(hook, name))
                    else:
                        self.write("hook/" + name, text)
                    code, seen, stderr = run("import http.client, json; print(json.dumps(http.client.OK))", [hook])
                    self.assertEqual((code, seen), (0, 200), stderr)
                    self.assertLessEqual(len(stderr.splitlines()), 2, stderr)

    def test_other_ways_to_start_python(self):
        for flags in (["-S"], ["-E"], ["-I"], ["-O"], ["-OO"], ["-B"], ["-s"], ["-W", "error"], ["-X", "utf8"]):
            with self.subTest(flags):
                program = "import http.client, json; print(json.dumps(http.client.OK))"
                self.assertEqual(run(program, [HOOK], flags), (0, 200, ""))

    def test_old_pythons_are_left_alone(self):
        for program in ("python2.7", "python3.6", "python3.7", "python3.8"):
            path = shutil.which(program)
            if path is None or subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode:
                continue
            done = subprocess.run([path, "-c", "import sys; print('_afterglow' in sys.modules)"], env={"PYTHONPATH": HOOK, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "False\n", ""), program)

    def test_nothing_of_ours_has_a_common_name(self):
        mine = self.write("lib/spool.py", "VALUE = 'mine'")
        for name in ("guard", "handler", "start", "clients", "frames", "threads"):
            self.write("lib/%s.py" % name, "VALUE = 'mine'")
        program = "import http.client, json\nfound = []\nfor name in %r:\n    found.append(__import__(name).VALUE)\nprint(json.dumps(found))"
        names = ("spool", "guard", "handler", "start", "clients", "frames", "threads")
        self.assertEqual(run(program % (names,), [HOOK, mine]), (0, ["mine"] * len(names), ""))

    def test_a_module_of_the_users_with_an_awaited_name(self):
        mine = os.path.dirname(self.write("lib/http/__init__.py", ""))
        self.write("lib/http/client.py", "class HTTPConnection:\n    def send(self):\n        return 'mine'\n")
        program = "import http.client, json; print(json.dumps(http.client.HTTPConnection().send()))"
        code, seen, stderr = run(program, [HOOK, mine])
        self.assertEqual((code, seen), (0, "mine"), stderr)
        self.assertEqual(stderr, "afterglow: python hook: http.client has no HTTPConnection.endheaders as expected; requests are not seen\n")

    def test_what_was_imported_before_is_looked_into_as_well(self):
        """A .pth file runs before sitecustomize and may have imported anything."""
        program = (
            "import http.client, sys, json; sys.path.insert(0, %r)\nfrom _afterglow import start\nstart.start()\n"
            "print(json.dumps(hasattr(http.client.HTTPConnection.send, '__wrapped__')))"
        )
        self.assertEqual(run(program % HOOK), (0, True, ""))

    def test_finder(self):
        program = (
            "import sys, json, importlib, importlib.util\n"
            "finder = sys.meta_path[0]\nbefore = sorted(finder.awaited)\n"
            "spec = importlib.util.find_spec('http.client')\n"
            "class Blind:\n    def find_module(self, name, path=None): return None\nsys.meta_path.insert(1, Blind())\n"
            "import http.client\n"
            "first = [hasattr(http.client.HTTPConnection.send, '__wrapped__'), hasattr(http.client.HTTPConnection.send.__wrapped__, '__wrapped__')]\n"
            "importlib.reload(http.client)\n"
            "after = sorted(finder.awaited)\n"
            "print(json.dumps([before, after, first, sorted(vars(http.client.__loader__)), finder.find_spec('no.such.module')]))"
        )
        awaited = ["aiohttp.client", "awslambdaric.lambda_runtime_client", "concurrent.futures.thread", "http.client", "httpcore", "urllib3.connectionpool"]
        without = [name for name in awaited if name != "http.client"]
        code, seen, stderr = run(program, [HOOK])
        self.assertEqual((code, seen, stderr), (0, [awaited, without, [True, False], ["name", "path"], None], ""))

    def test_finder_leaves_when_it_has_all(self):
        program = (
            "import sys, json\nfrom _afterglow import start, guard\n"
            "seen = []\n"
            "finder = start.Finder({'colorsys': lambda module, settings: seen.append(module.__name__), 'no_such_module_at_all': None}, None)\n"
            "sys.meta_path.insert(0, finder)\n"
            "import colorsys\n"
            "try:\n    import no_such_module_at_all\nexcept ImportError as error:\n    seen.append(str(error))\n"
            "del finder.awaited['no_such_module_at_all']\n"
            "exec(compile('def broken(module, settings): 1 / 0', start.__file__, 'exec'))\nfinder.awaited['this'] = broken\n"
            "import contextlib, io\n"
            "with contextlib.redirect_stdout(io.StringIO()):\n    import this\n"
            "print(json.dumps([seen, finder in sys.meta_path]))"
        )
        code, seen, stderr = run("import sys; sys.path.insert(0, %r)\n" % HOOK + program)
        self.assertEqual((code, seen), (0, [["colorsys", "No module named 'no_such_module_at_all'"], False]), stderr)
        self.assertIn("_loaded failed: ZeroDivisionError", stderr)

    def test_finder_and_modules_that_fail(self):
        """A module that raises while it is imported raises the same, and is looked into when a later import succeeds."""
        mine = self.write("lib/flaky.py", "import sys\nif not hasattr(sys, 'again'):\n    sys.again = True\n    raise ValueError('first time')\n")
        program = (
            "import sys, json, traceback; sys.path[:0] = %r\nfrom _afterglow import start\n"
            "seen = []\nsys.meta_path.insert(0, start.Finder({'flaky': lambda module, settings: seen.append('loaded')}, None))\n"
            "try:\n    import flaky\nexcept ValueError as error:\n    seen += [frame.filename for frame in traceback.extract_tb(error.__traceback__) if '_afterglow' in frame.filename]\n"
            "import flaky\nprint(json.dumps(seen))"
        )
        code, seen, stderr = run(program % [HOOK, mine])
        self.assertEqual((code, seen, stderr), (0, ["loaded"], ""))

    def test_finder_and_loaders_of_other_kinds(self):
        program = (
            "import sys, json, importlib.machinery, importlib.abc; sys.path.insert(0, %r)\nfrom _afterglow import start\n"
            "class Static(importlib.abc.Loader):\n    @classmethod\n    def create_module(cls, spec): return None\n    @classmethod\n    def exec_module(cls, module): module.kind = 'static'\n"
            "class Old:\n    def load_module(self, name):\n        import types\n        sys.modules[name] = types.ModuleType(name)\n        return sys.modules[name]\n"
            "class Slots(importlib.abc.Loader):\n    __slots__ = ()\n    def create_module(self, spec): return None\n    def exec_module(self, module): module.kind = 'slots'\n"
            "loaders = {'one': Static, 'three': Slots(), 'four': None}\n"
            "class Other:\n    def find_spec(self, name, path=None, target=None):\n        if name in loaders: return importlib.machinery.ModuleSpec(name, loaders[name])\n"
            "seen = []\nawaited = {name: lambda module, settings: seen.append(module.__name__) for name in ('one', 'three', 'four', 'sys_not', '_imp', 'zipimport')}\n"
            "sys.meta_path[:0] = [start.Finder(awaited, None), Other()]\n"
            "import one, three\ntry:\n    import four\nexcept ImportError: pass\nprint(json.dumps([one.kind, three.kind, 'exec_module' in vars(Static)]))"
        )
        code, seen, stderr = run(program % HOOK)
        self.assertEqual((code, seen), (0, ["static", "slots", True]), stderr)

    def test_settings(self):
        self.addCleanup(setattr, guard, "state", guard.state)
        defaults = {"directory": "/tmp/afterglow", "directory_bytes": 67108864, "invocation_bytes": 16777216, "body_bytes": 32768, "event_bytes": 65536, "header_bytes": 16384}
        cases = (
            ("AFTERGLOW_SPOOL_DIR", "directory", ("/x",), ("x", "./x", "/\0")),
            ("AFTERGLOW_SPOOL_DIR_BYTES", "directory_bytes", ("1048576", " 8589934592 "), ("1048575", "8589934593", "1e9", "-1", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668")),
            ("AFTERGLOW_SPOOL_INVOCATION_BYTES", "invocation_bytes", ("65536",), ("0", "9" * 5000)),
            ("AFTERGLOW_CAPTURE_BODY_BYTES", "body_bytes", ("0", "1048576"), ("1048577", "lots")),
            ("AFTERGLOW_CAPTURE_EVENT_BYTES", "event_bytes", ("0",), ("0x10",)),
            ("AFTERGLOW_CAPTURE_HEADER_BYTES", "header_bytes", ("0", "65536"), ("65537", "\u00b2")),
        )
        said = []
        kept = guard._write
        guard._write = lambda fd, data: said.append(data.decode())
        self.addCleanup(setattr, guard, "_write", kept)
        self.assertEqual({name: getattr(start.Settings({}), name) for name in defaults}, defaults)
        for name, attribute, good, bad in cases:
            for value in good + ("",):
                with self.subTest(name=name, value=value):
                    guard.state = guard.State()
                    want = defaults[attribute] if not value else value if attribute == "directory" else int(value)
                    self.assertEqual(getattr(start.Settings({name: value}), attribute), want)
                    self.assertEqual(said, [])
            for value in bad:
                with self.subTest(name=name, value=value):
                    guard.state = guard.State()
                    self.assertEqual(getattr(start.Settings({name: value}), attribute), defaults[attribute])
                    self.assertEqual(said, ["afterglow: python hook: the value of %s cannot be used, the default is; docs/settings.md has the bounds\n" % name])
                    said.clear()
        for value, level in (("", "warn"), ("DEBUG", "debug"), (" off", "off"), ("loud", "warn")):
            guard.state = guard.State()
            start.Settings({"AFTERGLOW_LOG_LEVEL": value})
            self.assertEqual(guard.state.level, level)
        self.assertEqual(len(said), 1)


if __name__ == "__main__":
    unittest.main()
