"""A peer that answers as its path says and keeps every byte that it was sent. Sockets only: no HTTP library to agree with ours."""

import gzip
import json
import os
import socket
import ssl
import struct
import threading
import zlib

# A client that dies in the middle must not keep the tests waiting.
PATIENCE = 20

# A key that protects nothing, and the certificate that the tests trust.
CERTIFICATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.pem")

LARGE = bytes(range(256)) * 1000  # larger than every budget for bodies


class Peer:
    """Listens on loopback from the start until close."""

    def __init__(self, secure=False):
        self.context = None
        if secure:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(CERTIFICATE)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.received = []
        self.lock = threading.Lock()
        self.hold = threading.Event()  # set when nobody waits for an answer that never comes
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self):
        """Give the requests since the last take, in the order in which they were complete."""
        with self.lock:
            taken, self.received = self.received, []
            return taken

    def close(self):
        self.hold.set()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.settimeout(PATIENCE)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        if self.context is not None:
            try:
                client = self.context.wrap_socket(client, server_side=True)
            except OSError:  # a client that does not trust this peer
                return
        with client:
            stream = client.makefile("rb")
            try:
                while self._exchange(client, stream):
                    pass
            except (OSError, ValueError):
                pass  # the client's business: it may break off where it likes
            stream.close()

    def _exchange(self, client, stream):
        head = stream.read(1)
        if head == b"\x16":  # the beginning of a TLS handshake
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return False
            head += line
        method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
        fields = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        path = target.split("://", 1)[-1]
        path = path[path.index("/") :] if "/" in path else path
        name = path.split("?")[0].strip("/").split("/")[0]
        answer = getattr(self, "answer_" + name.replace("-", "_"), self.answer_json)
        if method == "CONNECT":
            self._keep(head)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return True
        if name == "reject":  # answers before the body has come
            self._keep(head)
            client.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
            return False
        if fields.get("expect") == "100-continue":
            if name == "unexpected":
                self._keep(head)
                client.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
                return False
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body(stream, fields)
        self._keep(head + body)
        return answer(client, method, body) is not False

    def _keep(self, data):
        with self.lock:
            self.received.append(data)

    @staticmethod
    def _body(stream, fields):
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b""
            while True:
                line = stream.readline()
                body += line
                length = int(line, 16)
                body += stream.read(length + 2)
                if length == 0:
                    return body
        return stream.read(int(fields.get("content-length") or 0))

    @staticmethod
    def _send(client, body, extra=b"", status=b"200 OK"):
        client.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), extra, body))

    def answer_json(self, client, method, body):
        if method == "HEAD":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n")
        else:
            self._send(client, json.dumps({"got": len(body)}).encode(), b"Content-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n")

    def answer_stored(self, client, method, body):
        self._send(client, b"", b'ETag: "5d41402abc4b2a76b9719d911017c592"\r\n')

    def answer_empty(self, client, method, body):
        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def answer_same(self, client, method, body):
        client.sendall(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n")

    def answer_error(self, client, method, body):
        self._send(client, b'{"why": "because"}', status=b"500 Internal Server Error")

    def answer_chunked(self, client, method, body):
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in (b"first line\n", b"second ", b"line\nthird", b"x" * 100, b"\r\n", b"end"):
            client.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        client.sendall(b"0\r\nX-Trailer: 1\r\n\r\n")

    def answer_until_close(self, client, method, body):
        client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nread until the end")
        return False

    def answer_old(self, client, method, body):
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nold")
        return False

    def answer_gzip(self, client, method, body):
        self._send(client, gzip.compress(b"squeezed " * 50, mtime=0), b"Content-Encoding: gzip\r\n")

    def answer_deflate(self, client, method, body):
        self._send(client, zlib.compress(b"squeezed " * 50), b"Content-Encoding: deflate\r\n")

    def answer_large(self, client, method, body):
        self._send(client, LARGE)

    def answer_large_chunked(self, client, method, body):
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(LARGE), 10000):
            chunk = LARGE[at : at + 10000]
            client.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        client.sendall(b"0\r\n\r\n")

    def answer_many_headers(self, client, method, body):
        self._send(client, b"ok", b"".join(b"X-%d: %s\r\n" % (i, b"v" * 300) for i in range(80)))

    def answer_vanish(self, client, method, body):
        return False

    def answer_reset(self, client, method, body):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        return False

    def answer_bad(self, client, method, body):
        client.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        return False

    def answer_half(self, client, method, body):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return False

    def answer_half_chunked(self, client, method, body):
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nff\r\nonly this")
        return False

    def answer_never(self, client, method, body):
        self.hold.wait(PATIENCE)
        return False

    def answer_stalls(self, client, method, body):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning")
        self.hold.wait(PATIENCE)
        return False

    def answer_redirect(self, client, method, body):
        self._send(client, b"", b"Location: /json\r\n", status=b"302 Found")

    def answer_moved(self, client, method, body):
        self._send(client, b"over there", b"Location: /json\r\n", status=b"307 Temporary Redirect")

    def answer_once(self, client, method, body):
        """Answers, says nothing about closing, and closes: the next request on the connection meets its end."""
        self._send(client, b"once")
        return False
