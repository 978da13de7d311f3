"""Dead letters: what a store refused for good, with its reason, in a file that can be read again."""

import fcntl
import json
import logging
import os
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from itertools import accumulate, islice
from pathlib import Path

from soakwatch.collector.appending import append_durably
from soakwatch.store import rows
from soakwatch.store.contract import Point

logger = logging.getLogger(__name__)

FILE_NAME = "dead-letters.jsonl"
_IN_HAND = "dead-letters-tried-again.jsonl"


@dataclass(frozen=True, slots=True)
class Letter:
    """Points that were refused, and why; or the bytes of what is no record of this version of soakwatch."""

    reason: str
    points: tuple[Point, ...] = ()
    unreadable: bytes = b""


class DeadLetters:
    """One file in the spool's folder, to which several processes may append at once.

    To try the letters again, they are taken aside (`in_hand`): what is refused meanwhile, or again, goes to a new file.
    Methods raise OSError when the disk does not play along.
    """

    def __init__(self, folder: Path, limit: int = 1 << 62) -> None:
        """Touch nothing yet. What does not fit into `limit` bytes is not kept, and that is said once."""
        self.file = folder / FILE_NAME
        self._limit = limit
        self._told = False
        self._in_hand = folder / _IN_HAND

    def append(self, letters: Sequence[Letter]) -> None:
        """Write `letters` down, one line each, as many as have room; returns when they are on the disk."""
        if not letters:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = [_encode(letter) + b"\n" for letter in letters]
        with _locked(self.file, "ab") as file:
            size = accumulate(map(len, lines), initial=file.seek(0, os.SEEK_END))
            fitting = [line for line, end in zip(lines, islice(size, 1, None), strict=True) if end <= self._limit]
            append_durably(file, b"".join(fitting))
        if len(fitting) < len(lines) and not self._told:
            self._told = True
            logger.error("%s is full (%d bytes): what the store refuses now is not kept", self.file, self._limit)

    def read(self) -> Iterator[Letter]:
        """All letters, oldest first."""
        for path in (self._in_hand, self.file):
            if path.exists():
                with path.open("rb") as file:
                    yield from (_decode(line.removesuffix(b"\n")) for line in file)

    @contextmanager
    def in_hand(self) -> Iterator[Sequence[Letter]]:
        """Take all letters out; they are forgotten when the block ends without an exception, and else stay as they are.

        Raises BlockingIOError when somebody else has them in hand.
        """
        if not self.file.parent.exists():
            yield ()
            return
        with _claimed(self.file.parent):
            if not self._in_hand.exists():
                with suppress(FileNotFoundError), _locked(self.file, "r+b"):
                    self.file.rename(self._in_hand)
            yield tuple(map(_decode, self._in_hand.read_bytes().splitlines())) if self._in_hand.exists() else ()
            self._in_hand.unlink(missing_ok=True)


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Keep others from the letters in hand, also from those that a crash left there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path, mode: str) -> Iterator[FileIO]:
    """Open a file that nobody takes aside meanwhile; the lock is held for the moment of one append only."""
    while True:
        with FileIO(path, mode) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def _encode(letter: Letter) -> bytes:
    if letter.unreadable:
        content = {"unreadable": b64encode(letter.unreadable).decode("ascii")}
    else:
        content = {"points": json.loads(rows.encode(letter.points))}
    return json.dumps({"reason": letter.reason, **content}, separators=(",", ":")).encode("ascii")


def _decode(line: bytes) -> Letter:
    try:
        fields = json.loads(line)
        if isinstance(fields, list):  # as it was written before there were reasons
            return Letter("", tuple(rows.decode(line)))
        if "points" in fields:
            return Letter(fields["reason"], tuple(rows.decode(json.dumps(fields["points"]).encode())))
        return Letter(fields["reason"], unreadable=b64decode(fields["unreadable"], validate=True))
    except (ValueError, KeyError, TypeError, NotBase64):
        return Letter("", unreadable=line)
