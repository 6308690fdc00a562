"""http.client: proxies, by CONNECT and by absolute target; hosts of all forms."""

import http.client
import urllib.parse
import urllib.request

CALLS = [
    {"line": "GET http://inner.example:8080/json", "status": 200, "response": b'{"got": 0}'},
    {"line": "POST http://inner.example/json", "status": 200, "request": b"body"},
    {"line": "GET http://other.example/json?x", "status": 200},
    {"line": "GET http://refused.example/", "error": "OSError"},
    {"line": "GET http://localhost:PORT/json", "status": 200},
]


def run(base):
    place = urllib.parse.urlsplit(base).netloc
    connection = http.client.HTTPConnection(place)
    connection.set_tunnel("inner.example", 8080, {"Proxy-Authorization": "Basic abc"})
    connection.request("GET", "/json")
    print(connection.getresponse().read())
    connection.close()
    connection = http.client.HTTPConnection(place)
    connection.set_tunnel("inner.example")
    connection.request("POST", "/json", body=iter([b"bo", b"dy"]), headers={"Content-Length": "4"})
    print(connection.getresponse().read())
    connection.close()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": base}))
    print(opener.open("http://other.example/json?x").read())
    connection = http.client.HTTPConnection("127.0.0.1", int(place.rpartition(":")[2]))

    def refuse():
        raise OSError("Tunnel connection failed: 403 No")

    connection._tunnel = refuse
    connection.set_tunnel("refused.example")
    try:
        connection.request("GET", "/")
    except OSError as error:
        print(error)
    connection = http.client.HTTPConnection("localhost:" + place.rpartition(":")[2])
    connection.request("GET", "/json")
    print(connection.getresponse().read())
    connection.close()
