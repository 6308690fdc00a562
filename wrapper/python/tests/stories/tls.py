"""TLS: http.client, urllib and, where they are, urllib3's pools; a peer that is not trusted, a place where nobody listens."""

import http.client
import ssl
import urllib.parse
import urllib.request

SECURE = True
CALLS = [
    {"line": "POST /json", "status": 200, "request": b"secret", "response": b'{"got": 6}'},
    {"line": "GET /chunked", "status": 200},
    {"line": "GET /json?untrusted", "error": "SSLCertVerificationError"},
    {"line": "GET https://127.0.0.1:1/", "error": "ConnectionRefusedError"},
    {"line": "GET /half", "status": 200, "error": "IncompleteRead", "partial": True},
]


def attempt(what):
    try:
        print(what())
    except Exception as error:
        print(type(error), error)


def run(base):
    from peer import CERTIFICATE

    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    connection = http.client.HTTPSConnection(urllib.parse.urlsplit(base).netloc, context=trusting)
    connection.request("POST", "/json", body=b"secret")
    print(connection.getresponse().read())
    connection.close()
    print(urllib.request.urlopen(base + "/chunked", context=trusting).read())
    attempt(lambda: urllib.request.urlopen(base + "/json?untrusted"))
    attempt(lambda: urllib.request.urlopen("https://127.0.0.1:1/", context=trusting))
    attempt(lambda: urllib.request.urlopen(base + "/half", context=trusting).read())
