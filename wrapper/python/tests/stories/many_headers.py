"""More headers than the budget has room for, in both directions: the first ones are kept, the others counted."""

import http.client
import urllib.parse

CALLS = [
    {"line": "GET /many-headers", "status": 200, "response": b"ok"},
    {"line": "GET /json", "status": 200, "headers": [["Host", "127.0.0.1:PORT"], ["Accept-Encoding", "identity"], ["X-Small", "1"]]},
    {"line": "GET /json?odd", "status": 200, "headers": [["Host", "127.0.0.1:PORT"], ["Accept-Encoding", "identity"], ["X-Latin", "\u00e9"], ["X-Lines", "a \tb"], ["X-Empty", ""], ["X-Colon", "a: b"]]},
]
LOSSES = {"headers": 29}


def run(base):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc)
    connection.request("GET", "/many-headers")
    response = connection.getresponse()
    print(response.read(), len(response.getheaders()))
    connection.request("GET", "/json", headers={"X-Small": "1", "X-Large": "x" * 20000, "X-Behind": "2"})
    print(connection.getresponse().read())
    connection.putrequest("GET", "/json?odd")
    connection.putheader("X-Latin", "\u00e9")
    connection.putheader("X-Lines", "a", "b")
    connection.putheader("X-Empty", "")
    connection.putheader("X-Colon", "a: b")
    connection.endheaders()
    print(connection.getresponse().read())
    connection.close()
