"""One call: what a story wants of it, and the libraries that come with Python."""

import hashlib
import http.client
import os
import ssl
import tempfile
import urllib.error
import urllib.parse
import urllib.request


class Unsupported(Exception):
    """This actor cannot tell the story."""


class Call:
    """The arguments of the verb call, complete."""

    def __init__(self, args, event):
        self.library = args.get("library") or event.get("library") or "http.client"
        self.method = args.get("method", "GET")
        self.secure = args.get("secure", False)
        self.second = args.get("second", False)  # HTTP/2
        peer = event["second"] if self.second else event["secure"] if self.secure else event["peer"]
        self.secure = self.secure or self.second
        self.url = args.get("url") or "%s://%s%s" % ("https" if self.secure else "http", peer, args.get("path", "/text"))
        self.headers = args.get("headers", [])
        self.body = args.get("body")
        self.read = args.get("read", "all")
        self.timeout = args["timeoutMS"] / 1000 if "timeoutMS" in args else 30
        self.expect = args.get("expect", False)
        self.times = args.get("times", 1)
        self.retries = args.get("retries", 0)

    def data(self):
        """The body, in the form that the story asks for."""
        if self.body is None:
            return None
        if "text" in self.body:
            data = self.body["text"].encode()
        elif "binary" in self.body:
            data = bytes(i % 256 for i in range(self.body["binary"]))
        else:
            data = b"x" * self.body["size"]
        kind = self.body.get("as", "bytes")
        if kind == "bytes":
            return data
        if kind == "generator":
            return (data[i : i + 1000] for i in range(0, len(data), 1000))
        if kind == "file":
            file = tempfile.TemporaryFile()
            file.write(data)
            file.seek(0)
            return file
        raise Unsupported("a body as " + kind)

    def context(self):
        return ssl.create_default_context(cafile=os.environ["PEER_CA"]) if self.secure else None

    def take(self, response):
        """Read a response that has read(), and say what came."""
        data = b""
        if self.read == "some":
            data = response.read(10)
        elif self.read == "pieces":
            while piece := response.read(7):
                data += piece
        elif self.read == "lines":
            for line in response:
                data += line
        elif self.read == "all":
            data = response.read()
        elif self.read != "none":
            raise Unsupported("to read " + self.read)
        if self.read != "all":
            response.close()
        return told(response.status, data)


def told(status, data):
    return {"status": status, "length": len(data), "md5": hashlib.md5(data).hexdigest()}


def by_http_client(call):
    if call.expect or call.second or call.retries:
        raise Unsupported("to wait for 100 Continue, HTTP/2, or to try again by itself")
    parts = urllib.parse.urlsplit(call.url)
    if call.secure:
        connection = http.client.HTTPSConnection(parts.netloc, timeout=call.timeout, context=call.context())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=call.timeout)
    try:
        for n in range(call.times):
            connection.putrequest(call.method, parts.path + ("?" + parts.query if parts.query else ""))
            for name, value in call.headers:
                connection.putheader(name, value)
            data = call.data()
            if isinstance(data, bytes):
                connection.putheader("Content-Length", str(len(data)))
            elif data is not None:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(data, encode_chunked=data is not None and not isinstance(data, bytes))
            result = call.take(connection.getresponse())
        return result
    finally:
        connection.close()


def by_urllib(call):
    if call.expect or call.second or call.retries or call.times > 1:
        raise Unsupported("to wait for 100 Continue, HTTP/2, to try again by itself, or to use a connection twice")
    request = urllib.request.Request(call.url, data=call.data(), method=call.method)
    for name, value in call.headers:
        request.add_header(name, value)
    if call.body is not None:
        request.add_header("Content-Type", "text/plain")
    try:
        with urllib.request.urlopen(request, timeout=call.timeout, context=call.context()) as response:
            return call.take(response)
    except urllib.error.HTTPError as error:  # a status of 400 or more
        with error:
            return call.take(error)


LIBRARIES = {"http.client": by_http_client, "urllib": by_urllib}
