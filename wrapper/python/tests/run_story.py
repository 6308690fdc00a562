"""Runs stories as a process of their own: run_story.py STORY... BASE_URL."""

import importlib.util
import sys
import traceback


def load(path):
    spec = importlib.util.spec_from_file_location("story", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    for path in sys.argv[1:-1]:
        try:
            load(path).run(sys.argv[-1])
        except Exception:
            traceback.print_exc()  # what a story raises is what it shows
