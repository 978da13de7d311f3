"""Servers that live as long as the session of tests, whatever the number of processes that it runs in."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from fcntl import LOCK_EX, flock
from pathlib import Path


def told_by_server(shared: Path, name: str, program: str) -> str:
    """What the session's server `name` tells about itself; started where this is the first process to ask.

    `shared` is a folder that all processes of the session have in common, `program` a module that calls `keep`.
    """
    told = shared / f"{name}.told"
    with (shared / f"{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not told.exists():
            _start_keeper(program, told)
    return told.read_text()


def _start_keeper(program: str, told: Path) -> None:
    # the session is the process that started us, where tests are spread over several
    session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    subprocess.run([sys.executable, program, str(told), str(session)], check=True, timeout=60)
    deadline = time.monotonic() + 60
    while not told.exists():
        assert time.monotonic() < deadline, f"{told.stem} did not start"
        time.sleep(0.02)


def keep(running: Callable[[Path], AbstractContextManager[str]]) -> None:
    """In a program of its own, in the background: run a server until the session is gone, however it ended.

    `running` runs it, with its files beside the given path, and gives what is to be told.
    """
    if os.fork() != 0:
        return
    os.setsid()
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    told, session = Path(sys.argv[1]), int(sys.argv[2])
    with running(told.with_suffix("")) as text:
        aside = told.with_suffix(".new")
        aside.write_text(text)
        aside.rename(told)
        while _is_alive(session):
            time.sleep(0.2)
    told.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
