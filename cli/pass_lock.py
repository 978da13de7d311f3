"""The lock of roll-up passes: one at a time over the file of an embedded store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.store_settings import StoreKind, StoreSection


@contextmanager
def one_pass_at_a_time(*sections: StoreSection) -> Iterator[None]:
    """Keep other passes from these stores meanwhile; from an InfluxDB, which may be anybody's, none are kept.

    Raises StoreUnavailable when another one is at work. A lock ends with its process, however that ended.
    """
    with ExitStack() as locks:
        for section in sections:
            if section.kind is StoreKind.SQLITE:
                locks.enter_context(_locked(section))
        yield


@contextmanager
def _locked(section: StoreSection) -> Iterator[None]:
    path = section.path.resolve()
    path = path.with_name(f"{path.name}.roll-up.lock")
    try:
        lock = _taken(path)
    except BlockingIOError:
        raise StoreUnavailable(
            f"{section.address}: {_holder(path)} is rolling up or copying this store; try again when it has ended"
        ) from None
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error}; make its folder writable") from error
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _taken(path: Path) -> IO[str]:
    while True:
        lock = path.open("a", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                lock.truncate(0)
                lock.write(f"process {os.getpid()}")
                lock.flush()
                return lock
        except BaseException:
            lock.close()
            raise
        lock.close()  # the one before us ended, and took its file away, before we had it


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii") or "another process"
    except OSError:
        return "another process"
