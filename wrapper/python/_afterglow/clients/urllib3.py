"""What urllib3 knows of a request before http.client does: its body, and that it is under way while TLS is being set up.

requests and botocore ride on it. A function that cannot reach an AWS endpoint waits in exactly this moment.
"""

from .. import guard
from . import http_client


def install(module, settings):
    """Look at urllib3.connectionpool from now on, if it is the one that this file knows. Without, requests are seen later."""
    pool = getattr(module, "HTTPConnectionPool", None)
    original = vars(pool or object).get("_make_request")
    code = getattr(original, "__code__", None)
    if code is None or code.co_varnames[:4] != ("self", "conn", "method", "url"):
        guard.say("warn", "urllib3 has no HTTPConnectionPool._make_request as expected; a connection that fails is not seen")
        return
    http_client.look_at_chunks()
    pool._make_request = guard.around(original, _makes, _made, _not_made)


@guard.observer
def _makes(args, kwargs):
    if len(args) < 4:
        return None
    _, connection, method, target = args[:4]
    http_client.expect(connection, method, target, kwargs.get("headers"), kwargs.get("body"))
    return connection


@guard.observer
def _made(connection, response):
    http_client.expect_no_more(connection, None)


@guard.observer
def _not_made(connection, error):
    http_client.expect_no_more(connection, error)
