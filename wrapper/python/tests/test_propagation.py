"""Which requests name their call's span as parent."""

import os
import sys
import unittest

HOOK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOOK)

from _afterglow import handler  # noqa: E402
from _afterglow.clients.propagation import Propagation  # noqa: E402

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"


class Propagate(unittest.TestCase):
    def setUp(self):
        handler.invocations.current, handler.invocations.trace = "A", TRACE
        self.addCleanup(setattr, handler.invocations, "current", "none")
        self.addCleanup(setattr, handler.invocations, "trace", None)

    def span(self, domains, url="https://pay.example.com/", lines=b"Host: pay.example.com", invocation="A"):
        return Propagation(domains).span(url, lines, invocation)

    def test_value(self):
        span, value = self.span("pay.example.com")
        self.assertRegex(span, "^[0-9a-f]{16}$")
        self.assertEqual(value, "00-5759e988bd862e3fe1be46a994272793-%s-01" % span)
        self.assertNotEqual(span, self.span("pay.example.com")[0])

    def test_hosts(self):
        for domains, url, meant in (
            ("pay.example.com", "https://pay.example.com:8443/x", True),
            ("pay.example.com:8443", "https://pay.example.com:8443/x", True),
            ("pay.example.com:8443", "https://pay.example.com/x", False),
            (" A.test , PAY.Example.com", "https://u:p@Pay.example.COM?x", True),
            (".example.com", "https://pay.example.com", True),
            (".example.com", "https://a.pay.example.com/", True),
            (".example.com", "https://example.com/", False),
            (".example.com", "https://payexample.com/", False),
            ("pay.*.com", "https://pay.example.com/", True),
            ("*", "https://anything/", True),
            ("[::1]", "http://[::1]:8080/", True),
            ("example.com", "https://pay.example.com/", False),
            ("example.com", "https://evil.test/example.com", False),
            ("example.com", "https://evil.test/@example.com", False),
            ("example.com", "https://examplescom/", False),
            ("https://pay.example.com/", "https://pay.example.com/", False),
            (" , ", "https://pay.example.com/", False),
        ):
            with self.subTest(domains=domains, url=url):
                self.assertEqual(self.span(domains, url) is not None, meant)

    def test_requests_that_stay_as_they_are(self):
        for lines in (
            b"TraceParent: x",
            b"Host: a\ntraceparent: x",
            b"Authorization: AWS4-HMAC-SHA256 Credential=x",
            b"authorization: OAuth oauth_signature=x",
            b"X-Amz-Content-SHA256: x",
            b"Signature: x",
            b"signature-input: x",
        ):
            with self.subTest(lines=lines):
                self.assertIsNone(self.span("*", lines=lines))
        self.assertIsNone(self.span("*", "https://a/?X-Amz-Signature=x"))
        for lines in (b"", b"Authorization: Bearer x", b"X-Traceparent: x", b"Tracestate: signature"):
            with self.subTest(lines=lines):
                self.assertIsNotNone(self.span("*", lines=lines))

    def test_what_has_no_trace(self):
        self.assertIsNone(self.span("*", invocation="an earlier one"))
        for trace in (None, "", "Parent=53995c3f42cd8ad8", "Root=1-5759e988", "Root=2-5759e988-bd862e3fe1be46a994272793"):
            with self.subTest(trace=trace):
                handler.invocations.trace = trace
                self.assertIsNone(self.span("*"))


if __name__ == "__main__":
    unittest.main()
