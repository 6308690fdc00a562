"""Mends what keeps functions from running here in the MiniStack that we start. If MiniStack has changed, nothing is mended.

Every function, version and alias is invoked at the address that a file names (see Server.Lead), from the moment on that it
exists and without a trace in its configuration: what a deploy invokes runs as everything else does. The address answers
always, and knows the function's timeout; it is waited for as long as a cold start, or installing a runtime, may take. Without
the file, a version that was published before its function was led somewhere follows its function.

MiniStack takes the answer of a proxied function for a response, or the function for one that could not be reached; the
function's own error gets lost, and with it what a state machine catches by its type. Here it asks for errors as a whole (see
package front), and hands them on as its own executors do.

A custom resource whose function fails before it has answered CloudFormation never gets an answer. AWS waits for an hour then;
here the resource fails at once, with the function's error.
"""

import importlib.abc
import importlib.util
import os
import re
import sys
import urllib.parse

MODULE = "ministack.services.lambda_svc"
CUSTOM = "ministack.services.cloudformation.custom_resource"
PROXY = "_execute_function_proxy"
ADDRESS = "_proxy_url_for"
WHOLE = "_afterglow_outcome"
LEAD = os.environ.get("AFTERGLOW_LEAD", "")
PATIENCE = 900  # seconds beyond a function's timeout
LONGEST = 900  # seconds that a function may take


def led():
    """The address that functions are invoked at, without their names; None if there is none."""
    try:
        with open(LEAD) as file:
            return file.read()
    except OSError:
        return None


def patient(func):
    if led() is None:
        return func
    config = func.get("config") or func
    return {**func, "config": {**config, "Timeout": LONGEST + PATIENCE}}


def whole(proxy):
    def call(func, event, url, request_id):
        result = proxy(patient(func), event, url + ("&" if "?" in url else "?") + "errors=whole", request_id)
        body = result.get("body")
        if isinstance(body, dict) and WHOLE in body:
            result = body[WHOLE]
        if result.get("error"):
            fail(func, event, result.get("body"))
        return result

    return call


def fail(func, event, error):
    """Answers CloudFormation for a custom resource, unless the function has."""
    custom = sys.modules.get(CUSTOM)
    pending, deliver = getattr(custom, "_pending", None), getattr(custom, "deliver_response", None)
    if not isinstance(event, dict) or pending is None or deliver is None:
        return
    token = str(event.get("ResponseURL", "")).rsplit("/", 1)[-1]
    waiting = pending.get(token)
    if waiting is None or waiting["event"].is_set():
        return
    if isinstance(error, dict):
        error = ": ".join(str(error[part]) for part in ("errorType", "errorMessage") if error.get(part))
    name = (func.get("config") or func).get("FunctionName")
    reason = re.sub(r"(Runtime.HandlerError: )?Proxy target returned HTTP \d+: ", "", str(error)).strip()
    deliver(token, {"Status": "FAILED", "Reason": f"function {name} failed: {reason}"})


def followed(address, module):
    def call(config):
        base, name = led(), config.get("FunctionName")
        if base and name:
            return base + urllib.parse.quote(name, safe="")
        newest = module._functions.get(name)
        return address(config) or (address(newest["config"]) if newest else None)

    return call


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_mend(module):
            execute(module)
            proxy, address = getattr(module, PROXY, None), getattr(module, ADDRESS, None)
            if proxy is not None and address is not None and hasattr(module, "_functions"):
                setattr(module, PROXY, whole(proxy))
                setattr(module, ADDRESS, followed(address, module))

        spec.loader.exec_module = execute_and_mend
        return spec


sys.meta_path.insert(0, Finder())
