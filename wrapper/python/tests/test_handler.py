"""Pieces of the handler that need no runtime: what is kept of events, answers and errors."""

import json
import os
import sys
import unittest

HOOK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOOK)

from _afterglow import handler  # noqa: E402
from _afterglow.handler import Walk, _error, _owner, _prefix, _status  # noqa: E402


class Shortened(unittest.TestCase):
    def shorten(self, event, budget=65536):
        walk = Walk(budget)
        kept = walk.shorten(event, 0)
        text = json.dumps(kept, separators=(",", ":"), allow_nan=False)
        self.assertLessEqual(len(text), budget + 1600, "a node that is begun is finished")
        return kept, walk

    def test_small_values_stay(self):
        event = {"a": [1, -2.5, True, None, "x", {"b": []}], "": {"c": "\u20ac"}}
        self.assertEqual(self.shorten(event)[0], event)

    def test_odd_numbers_become_text(self):
        kept, _ = self.shorten([float("nan"), float("inf"), -float("inf"), 1 << 100, -(1 << 63), 1e400, 1e307])
        self.assertEqual(kept[:3], ["nan", "inf", "-inf"])
        self.assertEqual(kept[3], str(1 << 100))
        self.assertEqual(kept[6], 1e307)

    def test_long_strings_are_cut(self):
        kept, _ = self.shorten({"k" * 5000: "v" * 5000})
        self.assertEqual(kept, {"k" * 256: "v" * 256})

    def test_the_ids_of_a_batch_survive(self):
        for count, size in ((10, 100000), (100, 10000), (10000, 100)):
            messages = [
                {"messageId": "%036d" % number, "receiptHandle": "r" * 300, "body": "\u20ac" * size, "attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1"},
                 "messageAttributes": {}, "md5OfBody": "m" * 32, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:queue", "awsRegion": "eu-west-1"}
                for number in range(count)
            ]
            with self.subTest(count=count):
                kept, _ = self.shorten({"Records": messages})
                self.assertEqual([message["messageId"] for message in kept["Records"]], ["%036d" % number for number in range(len(kept["Records"]))])
                self.assertGreaterEqual(len(kept["Records"]), min(count, 30))

    def test_what_it_costs_does_not_grow(self):
        small, large = {"Records": [{"a": "x"}] * 2000}, {"Records": [{"a": "x" * 100, "b": [1] * 1000}] * 100000}
        for event in (small, large, [[[[["x"] * 100] * 100] * 100] * 100], {str(number): number for number in range(100000)}):
            walk = self.shorten(event)[1]
            self.assertGreaterEqual(walk.nodes, -handler.WALK_DEPTH)

    def test_deep_events(self):
        event = "bottom"
        for _ in range(900):
            event = [event]
        self.assertNotIn("bottom", json.dumps(self.shorten(event)[0]))


class Large(unittest.TestCase):
    def kept(self, event, budget=65536):
        self.addCleanup(setattr, handler.invocations, "spool", handler.invocations.spool)
        handler.invocations.spool = Encoder()
        whole = json.dumps(event)
        part, data = handler._large(whole.encode(), event, budget)
        self.assertEqual((part["len"], part["size"], part["truncated"]), (len(data), len(whole), True))
        self.assertLessEqual(len(data), budget + 1600)
        return part.get("shortened", False), data, whole.encode()

    def test_its_beginning_where_its_pieces_are_small(self):
        for event in (
            {"Records": [{"messageId": str(number), "body": "x" * 1000} for number in range(1000)]},
            [{"id": number} for number in range(10000)],
            {str(number): number for number in range(10000)},
            {"nested": {"lists": [[number, number] for number in range(99)], "many": {str(number): ["x" * 2000] for number in range(800)}}},
        ):
            shortened, data, whole = self.kept(event)
            self.assertEqual((shortened, data), (False, whole[:65536]))

    def test_cut_where_its_pieces_are_large(self):
        for event, last in (
            ({"Records": [{"messageId": str(number), "body": "x" * 100000} for number in range(10)]}, b'"messageId":"9"'),
            ({"Records": [{"messageId": str(number), "body": "x" * 4000, "more": dict.fromkeys("abcdefghij", "")} for number in range(250)]}, b'"messageId":"40"'),
            ({"body": "x" * 1000000, "requestContext": {"requestId": "an id"}}, b"an id"),
            ("x" * 100000, b'x"'),
        ):
            shortened, data, _ = self.kept(event)
            self.assertTrue(shortened)
            json.loads(data)
            self.assertIn(last, data)


class Encoder:
    encode = staticmethod(lambda value: json.dumps(value, separators=(",", ":")))


class Kept(unittest.TestCase):
    def test_prefix(self):
        cases = (
            (b"abc", 10, {"of": "x", "len": 3, "size": 3}, b"abc"),
            (b"abc", 2, {"of": "x", "len": 2, "size": 3, "truncated": True}, b"ab"),
            (b"abc", 0, {"of": "x", "len": 0, "size": 3, "truncated": True}, b""),
            (b"", 0, {"of": "x", "len": 0, "size": 0}, b""),
            ("abc", 10, {"of": "x", "len": 3, "size": 3}, b"abc"),
            ("abcd", 2, {"of": "x", "len": 2, "size": 4, "truncated": True}, b"ab"),
            ("\u20ac\u20ac", 10, {"of": "x", "len": 6, "size": 6}, b"\xe2\x82\xac" * 2),
            ("\u20ac\u20ac", 4, {"of": "x", "len": 4, "size": 6, "truncated": True}, b"\xe2\x82\xac\xe2"),
            ("\u20ac" * (handler.MEASURE_CHARACTERS + 1), 3, {"of": "x", "len": 3, "truncated": True}, b"\xe2\x82\xac"),
            ("\udcff", 4, {"of": "x", "len": 1, "size": 1}, b"?"),
        )
        for whole, budget, part, kept in cases:
            with self.subTest(whole=whole[:10], budget=budget):
                self.assertEqual(_prefix("x", whole, budget), (part, kept))

    def test_status(self):
        long = "x" * handler.PARSE_BYTES
        cases = (
            (json.dumps({"statusCode": 200}), 200),
            (json.dumps({"statusCode": "404"}), 404),
            (json.dumps({"statusCode": 200, "body": long}), 200),
            (json.dumps({"statusCode": "200", "body": long}), None),
            (json.dumps({"body": long, "statusCode": 503}), 503),
            (json.dumps({"body": long, "headers": {"statusCode": 503}}), None),
            (json.dumps({"body": long + '"statusCode": 503}'}), None),
            (json.dumps({"body": '{"statusCode": 500}'}), None),
            (json.dumps({"statusCode": True}), None),
            (json.dumps({"statusCode": 99}), None),
            (json.dumps({"statusCode": 2.5}), None),
            (json.dumps({"statusCode": None}), None),
            (json.dumps({"statusCode": "\u0664\u0660\u0664"}), None),
            (json.dumps(["statusCode"]), None),
            ("", None),
            (b'{"statusCode": 200}', None),
        )
        for answer, status in cases:
            with self.subTest(answer=answer[:40]):
                self.assertEqual(_status(answer), status)

    def test_error(self):
        told = {"errorType": "E", "errorMessage": "\u20ac" * 20000, "stackTrace": ["one\n", 2, "three\n"], "requestId": "id"}
        kept = _error(told)
        self.assertEqual((kept["type"], kept["stack"]), ("E", "one\nthree\n"))
        self.assertLessEqual(len(kept["message"].encode()), 16384)
        self.assertEqual(_error({}), {})
        self.assertEqual(_error({"errorType": 5, "errorMessage": None, "stackTrace": None}), {})


class Client(unittest.TestCase):
    def test_owner(self):
        class Base:
            def known(self, one, two):
                pass

            def others(self, two, one):
                pass

            def fewer(self):
                pass

            value = 3

        class Client(Base):
            pass

        self.assertIs(_owner(Client, "known", ("self", "one")), Base)
        self.assertIsNone(_owner(Client, "others", ("self", "one")))
        self.assertIsNone(_owner(Client, "fewer", ("self", "one")))
        self.assertIsNone(_owner(Client, "value", ("self",)))
        self.assertIsNone(_owner(Client, "missing", ("self",)))
        self.assertIsNone(_owner(None, "known", ("self",)))


if __name__ == "__main__":
    unittest.main()
