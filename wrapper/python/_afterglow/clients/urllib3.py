"""What urllib3 knows of a request before http.client does: its body, and that it is under way while TLS is being set up.

requests and botocore ride on it. A function that cannot reach an AWS endpoint waits in exactly this moment.
"""

import sys

from .. import guard
from . import http_client
from .http_client import AHEAD

_NONE = {}


def install(module, settings):
    """Look at urllib3.connectionpool from now on, if it is the one that this file knows. Without, requests are seen later."""
    pool = getattr(module, "HTTPConnectionPool", None)
    original = vars(pool or object).get("_make_request")
    code = getattr(original, "__code__", None)
    if code is None or code.co_varnames[:4] != ("self", "conn", "method", "url"):
        guard.say("warn", "urllib3 has no HTTPConnectionPool._make_request as expected; a connection that fails is not seen")
        return
    _look_at_chunks(sys.modules.get(module.__name__.rpartition(".")[0] + ".response"))
    pool._make_request = guard.dress(_make_request(original), original)


def _look_at_chunks(module):
    """urllib3 reads the chunks of a body past the methods that http.client has for it."""
    response = getattr(module, "HTTPResponse", None)
    original = vars(response or object).get("_handle_chunk")
    code = getattr(original, "__code__", None)
    if code is None or code.co_varnames[:2] != ("self", "amt"):
        guard.say("warn", "urllib3 has no HTTPResponse._handle_chunk as expected; bodies that come in chunks are not seen")
        return
    response._handle_chunk = guard.around(original, _reads_chunk, _has_read_chunk, _no_chunk)


def _make_request(original):
    state = guard.state

    def _make_request(*args, **kwargs):
        noted = _NONE
        try:
            if len(args) > 3 and not state.off:
                noted = getattr(args[1], "__dict__", _NONE)
                if noted.get("sock") is None:
                    _connects(args[1], args[2], args[3], kwargs)
                body = kwargs.get("body")
                if type(body) is bytes and noted is not _NONE:
                    noted[AHEAD] = body
            response = original(*args, **kwargs)
            if AHEAD in noted:  # the request has gone a way that is not known here
                del noted[AHEAD]
            return response
        except BaseException as error:
            if noted is not _NONE:
                _not_made(args[1], error)
            guard.leave(error)
            raise

    return _make_request


@guard.observer
def _connects(connection, method, target, named):
    http_client.expect(connection, method, target, named.get("headers"), named.get("body"))


@guard.observer
def _not_made(connection, error):
    http_client.expect_no_more(connection, error)


@guard.observer
def _reads_chunk(args, kwargs):
    return args[0].__dict__.get("_fp")


@guard.observer
def _has_read_chunk(response, data):
    http_client.has_read_chunk(response, data)


@guard.observer
def _no_chunk(response, error):
    http_client.has_not_read(response, error)
