"""Whether what runs in a container is well: exit code 0 or 1, for health checks; needs nothing but Python.

health.py answers http://localhost:8000/healthz    somebody answers there, and not with an error of its own
health.py connected 5557                           this container has a connection to that port of another
"""

import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

SECONDS = 4
ESTABLISHED = "01"
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def answers(url: str) -> bool:
    """Whether an HTTP server answers, be it that it wants another method or a token."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code < HTTPStatus.INTERNAL_SERVER_ERROR
    except OSError:
        return False


def connected(port: str) -> bool:
    """Whether there is a connection to `port`, as the kernel tells it (proc(5), /proc/net/tcp)."""
    rows = (line.split() for table in TABLES if table.exists() for line in table.read_text().splitlines()[1:])
    return any(remote.endswith(f":{int(port):04X}") and state == ESTABLISHED for _, _, remote, state, *_ in rows)


CHECKS: Mapping[str, Callable[[str], bool]] = {"answers": answers, "connected": connected}


def main() -> int:
    """Check what the command line says."""
    check, what = sys.argv[1:]
    return 0 if CHECKS[check](what) else 1


if __name__ == "__main__":
    sys.exit(main())
