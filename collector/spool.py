"""Spool: windows on disk that the store has not yet acknowledged."""

import fcntl
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Self

from soakwatch.collector.appending import append_durably

logger = logging.getLogger(__name__)

NO_LIMIT = 1 << 62
"""Bytes: who only reads drops nothing."""

SEGMENT_SIZE = 4 * 1024 * 1024
"""A segment that has grown to this many bytes is followed by a new one; what is dropped is dropped by segments."""

_MOMENT = 0.5
"""Seconds for which somebody who only looks whether a spool was left behind may have it, and its owner waits."""

_HEADER = struct.Struct("<4sII")
_MAGIC = b"SWS1"
_SEGMENT_SUFFIX = ".spool"
_LOCK_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a spool, and where it ends in its segment."""

    payload: bytes
    segment: Path
    end: int


class Spool:
    """A write-ahead queue of records in a folder, for one source; the oldest is read first.

    `append` returns when its records are on the disk (one fsync). Records carry a checksum: one that was cut by a crash
    ends its segment without a word, because it was never acknowledged to anybody; one that is damaged is skipped, and
    that is said. A folder holds the spools of many sources; each is locked by the process that writes it, so that
    others can tell what a crash left behind (`orphans`).
    Used by one thread at a time. Methods raise OSError when the disk does not play along.

    How far it was acknowledged is written down when it is closed; after a crash some records are read once more.
    """

    def __init__(self, folder: Path, source: str, limit: int) -> None:
        """Take the spool of `source` in `folder`, with at most `limit` bytes; nothing is touched before `append`."""
        self.folder = folder
        self.source = source
        self.limit = limit
        self._lock: IO[bytes] | None = None
        self._read_to: dict[Path, int] = {}
        self._next_number = 1
        self._dropped_to: Path | None = None
        self._ends_badly: Path | None = None
        self._damaged: dict[tuple[Path, int], int] = {}

    @classmethod
    def sources(cls, folder: Path) -> list[str]:
        """The sources whose spools are in `folder`, whether or not their process has ended."""
        segments = (segment.stem.rpartition("-")[0] for segment in folder.glob(f"*-*{_SEGMENT_SUFFIX}"))
        locks = (lock.name.removesuffix(_LOCK_SUFFIX) for lock in folder.glob(f"*{_LOCK_SUFFIX}"))
        return sorted({*segments, *locks})

    @classmethod
    def orphans(cls, folder: Path, limit: int, not_opened: Callable[[str], None] = logger.warning) -> list[Self]:
        """Take over the spools in `folder` whose process has ended and left something. They are locked until `close`.

        One without a record is let go at once: its process may just begin. One that may not be opened, such as another
        user's, is told in a sentence, and the others are taken.
        """
        found = []
        for source in cls.sources(folder):
            spool = cls(folder, source, limit)
            try:
                if spool.take():
                    if spool.size():
                        found.append(spool)
                    else:
                        spool.close()
            except OSError as error:
                not_opened(f"the spool {source} in {folder} is left alone, because it cannot be opened: {error}")
        return found

    @classmethod
    def size_of_all(cls, folder: Path) -> int:
        """Bytes of all spools in `folder`, whoever has them."""
        return sum(cls(folder, source, NO_LIMIT).size() for source in cls.sources(folder))

    def take(self) -> bool:
        """Lock this spool until `close`; False when a process that is alive has it."""
        if self._lock is not None and not _is_at(self._lock, self._lock_path):  # somebody deleted it
            self._lock.close()
            self._lock = None
        if self._lock is None:
            self._lock = self._locked()
            self._read_to |= self._acknowledged()
        return self._lock is not None

    def _taken_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not (taken := self.take()) and time.monotonic() < end:
            time.sleep(_MOMENT / 100)
        return taken

    def _locked(self) -> IO[bytes] | None:
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            lock = self._lock_path.open("ab", buffering=0)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(lock, self._lock_path):
                    return lock
            except BlockingIOError:
                lock.close()
                return None
            except BaseException:
                lock.close()
                raise
            lock.close()  # somebody closed an empty spool, and took its lock's file away, before we had it

    @property
    def _lock_path(self) -> Path:
        return self.folder / f"{self.source}{_LOCK_SUFFIX}"

    def _acknowledged(self) -> dict[Path, int]:
        try:
            segment, end = self._lock_path.read_text(encoding="ascii").split()
            return {self.folder / segment: int(end)}
        except (OSError, ValueError):  # it was not closed
            return {}

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self.source}-*{_SEGMENT_SUFFIX}"))

    def append(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Write `payloads` behind all others and wait for the disk.

        Returns the payloads that were dropped, oldest first, because the limit was reached.
        """
        if not self._taken_within(_MOMENT):
            raise BlockingIOError(f"{self.folder / self.source}: the spool of this source is in use")
        segment = self._last_segment()
        # unbuffered: a buffer that could not be flushed would try again when the file is closed, after the truncation
        with segment.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                append_durably(file, b"".join(map(_framed, payloads)))
            except OSError:
                if file.seek(0, os.SEEK_END) != before:  # it could not be truncated either
                    self._ends_badly = segment
                raise
        return self._shrink()

    def _last_segment(self) -> Path:
        segments = self._segments()
        # several segments fit into the limit, because the newest is never dropped
        roomy = segments and segments[-1].stat().st_size < min(SEGMENT_SIZE, self.limit // 4)
        if roomy and segments[-1] != self._ends_badly:
            return segments[-1]
        last = int(segments[-1].stem.rpartition("-")[2]) if segments else 0
        # no number comes twice: what is acknowledged of a segment that somebody deleted must not count for another one
        number = max(self._next_number, last + 1)
        self._next_number = number + 1
        return self.folder / f"{self.source}-{number:08d}{_SEGMENT_SUFFIX}"

    def _shrink(self) -> list[bytes]:
        dropped: list[bytes] = []
        while self.size() > self.limit and len(segments := self._segments()) > 1:
            dropped += [record.payload for record in self._unread(segments[0])]
            self._remove(segments[0])
            self._dropped_to = segments[0]
        return dropped

    def size(self) -> int:
        """Bytes on disk."""
        return sum(map(_size, self._segments()))

    @property
    def damaged(self) -> int:
        """Bytes that were skipped so far, because they are no record."""
        return sum(self._damaged.values())

    def oldest(self) -> Record | None:
        """The record that has waited longest; None when nothing waits."""
        return next(iter(self.oldest_together(1)), None)

    def oldest_together(self, most: int) -> list[Record]:
        """The records that have waited longest, as many as fit into `most` bytes; one at least, when any waits."""
        found: list[Record] = []
        room = most
        for segment in self._segments():
            before = len(found)
            for record in self._unread(segment):
                room -= len(record.payload)
                if found and room < 0:
                    return found
                found.append(record)
            if len(found) == before and segment != self._segments()[-1]:
                self._remove(segment)
        return found

    def waiting(self) -> Iterator[bytes]:
        """All payloads that wait, oldest first. Of a spool in use some may be acknowledged already."""
        for segment, begin in self.begins().items():
            for record in self.records(segment, begin):
                yield record.payload

    def begins(self) -> Mapping[Path, int]:
        """Its segments, the oldest first, and at which byte of each that begins which waits."""
        if self._lock is None:
            self._read_to |= self._acknowledged()
        return {segment: self._read_to.get(segment, 0) for segment in self._segments()}

    def records(self, segment: Path, begin: int) -> Iterator[Record]:
        """What is in `segment` from the byte `begin` on; nothing when its process has removed it meanwhile."""
        try:
            file = segment.open("rb")
        except FileNotFoundError:
            return
        with file:
            at, size = begin, os.fstat(file.fileno()).st_size
            while (found := _next_record(file, at, size)) is not None:
                first, payload = found
                if first > at:
                    self._note_damage(segment, at, first - at)
                at = first + _HEADER.size + len(payload)
                yield Record(payload, segment, at)

    def _unread(self, segment: Path) -> Iterator[Record]:
        return self.records(segment, self._read_to.get(segment, 0))

    def _note_damage(self, segment: Path, at: int, length: int) -> None:
        if (segment, at) not in self._damaged:
            self._damaged[segment, at] = length
            logger.warning(
                "%d bytes of %s are damaged: what they held is lost, the records behind are not", length, segment
            )

    def acknowledge(self, record: Record) -> bool:
        """Forget `record`, which is the oldest; the store has it. False when `append` had dropped it meanwhile."""
        if self._dropped_to is not None and record.segment <= self._dropped_to:
            return False
        if record.segment.exists() and record.segment.stat().st_size > record.end:
            self._read_to[record.segment] = record.end
        else:
            self._remove(record.segment)
        return True

    def _remove(self, segment: Path) -> None:
        segment.unlink(missing_ok=True)
        self._read_to.pop(segment, None)

    def drop(self) -> None:
        """Forget all that waits."""
        for segment in self._segments():
            self._remove(segment)

    def close(self) -> None:
        """Let go of the spool; one where nothing waits leaves nothing behind, not even a record cut by a crash."""
        if self._lock is None:
            return
        if (oldest := self.oldest()) is None:
            self.drop()
            self._lock_path.unlink(missing_ok=True)
        else:
            with suppress(OSError):  # a full disk: some records are read once more
                self._lock.truncate(0)
                self._lock.write(f"{oldest.segment.name} {self._read_to.get(oldest.segment, 0)}".encode())
        self._lock.close()
        self._lock = None


def _framed(payload: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def _next_record(file: BinaryIO, begin: int, size: int) -> tuple[int, bytes] | None:
    """Where the first whole record at or behind `begin` begins, and what it holds."""
    if (payload := _payload_at(file, begin, size)) is not None:
        return begin, payload
    file.seek(begin)
    rest = file.read()
    at = rest.find(_MAGIC, 1)
    while at > 0:
        if (payload := _payload_at(file, begin + at, size)) is not None:
            return begin + at, payload
        at = rest.find(_MAGIC, at + 1)
    return None


def _payload_at(file: BinaryIO, begin: int, size: int) -> bytes | None:
    file.seek(begin)
    if len(header := file.read(_HEADER.size)) < _HEADER.size:
        return None
    magic, length, checksum = _HEADER.unpack(header)
    if magic != _MAGIC or length > size - begin - _HEADER.size:
        return None
    payload = file.read(length)
    return payload if zlib.crc32(payload) == checksum else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # its process has removed it meanwhile
        return 0


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
