"""A connection on a socket of the function's own class: without Python's, and without a place for weak references."""

import _socket
import http.client
import os
import urllib.parse

CALLS = [{"line": "GET /json", "status": 200}]


class Bare(_socket.socket):
    __slots__ = ()

    def makefile(self, mode):
        return os.fdopen(os.dup(self.fileno()), mode)

    def sendall(self, data):
        while data:
            data = data[self.send(data) :]


def run(base):
    place = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(place.netloc)
    connection.sock = Bare(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.sock.connect((place.hostname, place.port))
    connection.request("GET", "/json")
    print(len(connection.getresponse().read()))
    connection.close()
