"""Afterglow's hook for Python: what it sees of the function's invocations and outbound requests goes to the spool.

It takes nothing from the function and gives it nothing. It promises that the function returns, raises, sends and receives
what it would without it; whatever fails in here ends in guard.

    start     reads the settings and waits for the modules that the others look into
    handler   invocations, as AWS's runtime client fetches and answers them
    clients/  outbound requests, one file a library
    spool     the files that the extension reads (spool/FORMAT.md)
    guard     the one place through which all of it is called
"""

VERSION = "0.1.0"
