"""urllib.request: a plain request, one with a body, redirects, an error status."""

import urllib.error
import urllib.request

CALLS = [
    {"line": "GET /json?a=1&b=%20", "status": 200, "response": b'{"got": 0}', "response_size": 10, "request": None, "proto": "HTTP/1.1"},
    {"line": "POST /json", "status": 200, "request": b"name=value", "request_size": 10, "response": b'{"got": 10}'},
    {"line": "GET /redirect", "status": 302, "response": b"", "response_size": 0},
    {"line": "GET /json", "status": 200},
    {"line": "GET /error", "status": 500, "response": b'{"why": "because"}'},
]


def run(base):
    print(urllib.request.urlopen(base + "/json?a=1&b=%20").read())
    print(urllib.request.urlopen(base + "/json", data=b"name=value").read())
    with urllib.request.urlopen(base + "/redirect") as response:
        print(response.geturl().rpartition("/")[2], response.read(), response.headers.get_all("X-Two"))
    try:
        urllib.request.urlopen(base + "/error")
    except urllib.error.HTTPError as error:
        print(error.code, error.read())
