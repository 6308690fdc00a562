"""Runs one story as its own process: run_story.py STORY BASE_URL."""

import importlib.util
import sys
import traceback


def load(path):
    spec = importlib.util.spec_from_file_location("story", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    story = load(sys.argv[1])
    try:
        story.run(sys.argv[2])
    except Exception:
        traceback.print_exc()  # what a story raises is what it shows
