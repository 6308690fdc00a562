"""http.client: responses that nobody reads to the end."""

import gc
import http.client
import urllib.parse

ANY_ORDER = True  # a request whose answer nobody waits for overtakes nothing, but may be overtaken
CALLS = [
    {"line": "GET /large", "status": 200, "partial": True, "response": bytes(range(10)), "response_size": None, "response_truncated": True},
    {"line": "GET /large?2", "status": 200, "partial": True, "response": b"", "response_truncated": True},
    {"line": "GET /large?3", "status": 200, "partial": True},
    {"line": "GET /json", "status": None, "partial": True},
    {"line": "GET /json?2", "status": None, "partial": True},
    {"line": "GET /json?3", "status": None, "ended": True, "partial": True},
    {"line": "GET /large?4", "status": 200, "response": (bytes(range(256)) * 128), "response_size": 256000, "response_truncated": True},
    {"line": "GET /large-chunked", "status": 200, "response": (bytes(range(256)) * 128), "response_size": 256000, "response_truncated": True},
]


def run(base):
    place = urllib.parse.urlsplit(base).netloc

    def ask(target):
        connection = http.client.HTTPConnection(place)
        connection.request("GET", target)
        return connection

    connection = ask("/large")
    response = connection.getresponse()
    print(response.read(10))
    response.close()
    connection.close()
    connection = ask("/large?2")
    with connection.getresponse() as response:
        print(response.status)
    connection.close()
    connection = ask("/large?3")
    connection.getresponse()
    del connection
    gc.collect()
    ask("/json").close()
    ask("/json?2")
    gc.collect()
    connection = ask("/json?3")
    connection.close()
    connection.request("GET", "/large?4")
    print(len(connection.getresponse().read()))
    connection.request("GET", "/large-chunked")
    print(sum(map(len, connection.getresponse())))
    connection.close()
