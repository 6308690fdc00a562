"""What code can see of http.client when it looks: names, signatures, objects, search path, modules."""

import copy
import http.client
import importlib.util
import inspect
import os
import pickle
import sys
import urllib.parse

CALLS = [{"line": "GET /json", "status": 200}, {"line": "GET /json?2", "status": None, "partial": True}]


def run(base):
    place = urllib.parse.urlsplit(base).netloc
    for cls in (http.client.HTTPConnection, http.client.HTTPResponse, http.client.HTTPSConnection):
        for name in sorted(vars(cls)):
            value = getattr(cls, name)
            if inspect.isfunction(value):
                print(value.__qualname__, value.__module__, inspect.signature(value), repr(value).partition(" at ")[0], value.__doc__ == inspect.unwrap(value).__doc__)
                print(len(inspect.getsource(value)), value.__annotations__)
    print(inspect.getsource(http.client.HTTPResponse.read)[:40])
    connection = http.client.HTTPConnection(place)
    connection.request("GET", "/json")
    response = connection.getresponse()
    print(type(connection), type(response), isinstance(response, http.client.HTTPResponse), repr(response).partition(" at ")[0])
    twin = copy.copy(connection)
    print(type(twin), twin.host == connection.host)
    try:
        pickle.dumps(response)
    except TypeError as error:
        print(error)
    response.read()
    connection.request("GET", "/json?2")
    connection.sock.close()
    connection.sock = None
    print([type(value) for value in vars(pickle.loads(pickle.dumps(plain(connection)))).values()][:3])
    connection = http.client.HTTPConnection(place)
    print(sorted(vars(connection)))
    spec = importlib.util.find_spec("http.client")
    print(type(spec.loader), http.client.__loader__ is http.client.__spec__.loader, sorted(vars(http.client.__loader__)))
    print([path for path in sys.path if path not in os.environ.get("TEST_LIBRARIES", "").split(os.pathsep)])
    print("sitecustomize" in sys.modules, sorted(name for name in sys.modules if "customize" in name))
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        print(repr(error))


def plain(connection):
    """A connection that can be pickled: without what belongs to this process."""
    connection._create_connection = None
    for name, value in list(vars(connection).items()):
        if name.endswith("__response"):
            setattr(connection, name, None)
    return connection
