"""The host as a place for soaks: Locust in processes of this machine that outlive the daemon."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from soakwatch.core.environment_variables import SOAK_FOLDER_VARIABLE, SOAK_TOKEN_VARIABLE

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied, OSError)


@dataclass(frozen=True, slots=True)
class Living:
    """What lives of one start: its leading process or not, and how many others."""

    leads: bool
    others: int


@dataclass(frozen=True, slots=True)
class Found:
    """A start that nobody told of: its token, its leading process, and when that began (seconds since the epoch)."""

    token: str
    process: int
    began: float


class SoakHost(ABC):
    """Where the Locust of a soak runs. What it starts goes on when this process is killed."""

    @abstractmethod
    def start(self, command: Sequence[str], variables: Mapping[str, str], log: Path) -> int:
        """Start `command`, which appends to `log`, and give the process's number. Raises OSError."""

    @abstractmethod
    def living(self, process: int, token: str) -> Living:
        """What lives of the start `token`, which `process` leads."""

    @abstractmethod
    def ask_to_end(self, process: int, token: str) -> None:
        """Ask the leading process to end in order, else what is left."""

    @abstractmethod
    def ask_each_to_end(self, token: str) -> None:
        """Ask each process of a start to end in order, where the leading one may not tell the others."""

    @abstractmethod
    def kill(self, process: int, token: str) -> None:
        """End all of it at once."""

    @abstractmethod
    def find(self, folder: Path) -> Found | None:
        """The start whose Locust works in `folder`, should there be one that nobody told of."""


class ProcessHost(SoakHost):
    """Processes of this machine, in a session of their own.

    They are known again by what is in their environment. A number alone may be another process's by now, and the time
    at which a process began seems to change when the clock is set.
    """

    def start(self, command: Sequence[str], variables: Mapping[str, str], log: Path) -> int:
        """Start it; its exit code is nobody's business, so that it does not matter whose child it is."""
        append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        # whoever started the daemon in the background may have had it ignore SIGINT
        heard = (signal.SIGINT, signal.SIGTERM)
        return os.posix_spawn(
            command[0],
            list(command),
            dict(variables),
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=heard,
        )

    def living(self, process: int, token: str) -> Living:
        """Look at the leading process and its children; where it is gone, at all processes."""
        _reap(process)
        leader = _known(process, token)
        if leader is not None:
            with suppress(*_GONE):
                return Living(leads=True, others=sum(_lives(one) for one in leader.children(recursive=True)))
        return Living(leads=False, others=sum(1 for _ in _with(SOAK_TOKEN_VARIABLE, token)) if token else 0)

    def ask_to_end(self, process: int, token: str) -> None:
        """Send SIGINT to the leading process.

        While a load shape runs, Locust does not listen to SIGTERM yet, and would die of it at once.
        """
        leader = _known(process, token)
        if leader is None:
            self.ask_each_to_end(token)
        else:
            with suppress(*_GONE):
                leader.send_signal(signal.SIGINT)

    def ask_each_to_end(self, token: str) -> None:
        """Send SIGTERM to each."""
        for one in _with(SOAK_TOKEN_VARIABLE, token):
            with suppress(*_GONE):
                one.send_signal(signal.SIGTERM)

    def kill(self, process: int, token: str) -> None:
        """Send SIGKILL to each, also to those that the locustfile started."""
        leader = _known(process, token)
        for one in [*([leader] if leader is not None else []), *_with(SOAK_TOKEN_VARIABLE, token)]:
            with suppress(*_GONE):
                one.kill()
        _reap(process)

    def find(self, folder: Path) -> Found | None:
        """The oldest of the processes whose environment names the folder: the others are its children."""
        found = []
        for one in _with(SOAK_FOLDER_VARIABLE, str(folder)):
            with suppress(*_GONE):
                found.append(Found(one.environ().get(SOAK_TOKEN_VARIABLE, ""), one.pid, one.create_time()))
        return min(found, key=lambda one: (one.began, one.process), default=None)


def _known(process: int, token: str) -> psutil.Process | None:
    if process <= 0 or not token:
        return None
    with suppress(*_GONE):
        one = psutil.Process(process)
        if _lives(one) and one.environ().get(SOAK_TOKEN_VARIABLE) == token:
            return one
    return None


def _with(variable: str, value: str) -> Iterator[psutil.Process]:
    for one in psutil.process_iter():
        with suppress(*_GONE):
            if one.pid != os.getpid() and one.environ().get(variable) == value and _lives(one):
                yield one


def _lives(process: psutil.Process) -> bool:
    with suppress(*_GONE):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _reap(process: int) -> None:
    """Let go of a child that has ended, if it is one of this process."""
    with suppress(ChildProcessError, OverflowError):
        if process > 0:
            os.waitpid(process, os.WNOHANG)
