"""Requests that name their call's span as parent: spool/FORMAT.md, a traceparent of the hook's. Loaded where the setting asks for it.

A client asks for a header before its request is sent, and adds it. What it does not ask for stays as it is.
"""

import os
import re

from .. import handler

_root = re.compile("(?i)(?:^|;)\\s*root=1-([0-9a-f]{8})-([0-9a-f]{24})\\s*(?:;|$)").search
_origin = re.compile("[^:/?#]+://(?:[^/?#@]*@)?((\\[[^]]*\\]|[^/?#:]*)[^/?#]*)").match
_own = re.compile(b"(?im)^(?:traceparent|signature|signature-input|x-amz-content-sha256):|^authorization:[ \t]*(?:aws|.*signature=)").search


class Propagation:
    """Knows the hosts that are to be told."""

    def __init__(self, domains):
        hosts = [_pattern(entry) for entry in domains.lower().split(",") if entry.strip()]
        self._meant = re.compile("|".join(hosts)).fullmatch if hosts else None

    def span(self, url, lines, invocation):
        """Give the span and the value of the header for a request whose head has these lines, or None."""
        trace = handler.invocations.trace
        if self._meant is None or not trace or invocation != handler.invocations.current:
            return None
        origin, root = _origin(url), _root(trace)
        if origin is None or root is None or _own(lines) or "signature=" in url.lower():
            return None
        place, host = origin.group(1).lower(), origin.group(2).lower()
        if not (self._meant(host) or self._meant(place)):
            return None
        span = os.urandom(8).hex()
        if span.count("0") == 16:
            return None
        return span, "00-%s%s-%s-01" % (root.group(1).lower(), root.group(2).lower(), span)


def _pattern(entry):
    pattern = ".*".join(map(re.escape, entry.strip().split("*")))
    return ".+" + pattern if entry.strip().startswith(".") else pattern
