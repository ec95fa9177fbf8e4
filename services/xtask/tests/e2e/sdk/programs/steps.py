"""What the Python programs share: telling what was driven, and waiting for what comes by itself."""

import os
import sys
import time
import urllib.error
import urllib.request

GATEWAY = os.environ["E2B_API_URL"]


def drove(what):
    """Prints one thing that has been driven, so that the test's output lists them all."""
    print(f"drove {what}", flush=True)


def finish():
    """Ends a program that has done all it should. The SDK's transport has threads of its own, which now and then abort
    an interpreter that takes itself down in order."""
    sys.stdout.flush()
    os._exit(0)


def until(look, what, seconds=30):
    """Looks again and again until there is something, which it returns."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def raises(kinds, action):
    """The exception of one of `kinds` that `action` raises."""
    try:
        result = action()
    except kinds as error:
        return error
    raise AssertionError(f"expected {kinds}, got {result!r}")


def by_host(host, path, data=None, headers=None):
    """A plain request to a sandbox's port by its host name, without any name server: (status, body)."""
    request = urllib.request.Request(GATEWAY + path, data=data, headers={"Host": host, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
