"""Spool: windows on disk that the store has not yet acknowledged."""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from soakwatch.collector.appending import append_durably

SEGMENT_SIZE = 4 * 1024 * 1024
"""A segment that has grown to this many bytes is followed by a new one; what is dropped is dropped by segments."""

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
    ends its segment without a word, because it was never acknowledged to anybody. A folder holds the spools of many
    sources; each is locked by the process that writes it, so that others can tell what a crash left behind (`orphans`).
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

    @classmethod
    def sources(cls, folder: Path) -> list[str]:
        """The sources whose spools are in `folder`, whether or not their process has ended."""
        segments = (segment.stem.rpartition("-")[0] for segment in folder.glob(f"*-*{_SEGMENT_SUFFIX}"))
        locks = (lock.name.removesuffix(_LOCK_SUFFIX) for lock in folder.glob(f"*{_LOCK_SUFFIX}"))
        return sorted({*segments, *locks})

    @classmethod
    def orphans(cls, folder: Path, limit: int) -> list[Self]:
        """Take over the spools in `folder` whose process has ended. They are locked until `close`."""
        found = []
        for source in cls.sources(folder):
            spool = cls(folder, source, limit)
            if spool.take():
                found.append(spool)
        return found

    def take(self) -> bool:
        """Lock this spool until `close`; False when a process that is alive has it."""
        if self._lock is not None and not _is_at(self._lock, self._lock_path):  # somebody deleted it
            self._lock.close()
            self._lock = None
        if self._lock is None:
            self._lock = self._locked()
            self._read_to |= self._acknowledged()
        return self._lock is not None

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
        if not self.take():
            raise BlockingIOError(f"{self.folder / self.source}: the spool of this source is in use")
        # unbuffered: a buffer that could not be flushed would try again when the file is closed, after the truncation
        with self._last_segment().open("ab", buffering=0) as file:
            append_durably(file, b"".join(_HEADER.pack(_MAGIC, len(one), zlib.crc32(one)) + one for one in payloads))
        return self._shrink()

    def _last_segment(self) -> Path:
        segments = self._segments()
        # several segments fit into the limit, because the newest is never dropped
        if segments and segments[-1].stat().st_size < min(SEGMENT_SIZE, self.limit // 4):
            return segments[-1]
        last = int(segments[-1].stem.rpartition("-")[2]) if segments else 0
        # no number comes twice: what is acknowledged of a segment that somebody deleted must not count for another one
        number = max(self._next_number, last + 1)
        self._next_number = number + 1
        return self.folder / f"{self.source}-{number:08d}{_SEGMENT_SUFFIX}"

    def _shrink(self) -> list[bytes]:
        dropped: list[bytes] = []
        while self.size() > self.limit and len(segments := self._segments()) > 1:
            dropped += [record.payload for record in self._records(segments[0])]
            self._remove(segments[0])
            self._dropped_to = segments[0]
        return dropped

    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.stat().st_size for segment in self._segments())

    def oldest(self) -> Record | None:
        """The record that has waited longest; None when nothing waits."""
        return next(iter(self.oldest_together(1)), None)

    def oldest_together(self, most: int) -> list[Record]:
        """The records that have waited longest, as many as fit into `most` bytes; one at least, when any waits."""
        found: list[Record] = []
        room = most
        for segment in self._segments():
            before = len(found)
            for record in self._records(segment):
                room -= len(record.payload)
                if found and room < 0:
                    return found
                found.append(record)
            if len(found) == before and segment != self._segments()[-1]:
                self._remove(segment)
        return found

    def waiting(self) -> Iterator[bytes]:
        """All payloads that wait, oldest first. Of a spool in use some may be acknowledged already."""
        if self._lock is None:
            self._read_to |= self._acknowledged()
        for segment in self._segments():
            for record in self._records(segment):
                yield record.payload

    def _records(self, segment: Path) -> Iterator[Record]:
        with segment.open("rb") as file:
            file.seek(self._read_to.get(segment, 0))
            while len(header := file.read(_HEADER.size)) == _HEADER.size:
                magic, length, checksum = _HEADER.unpack(header)
                payload = file.read(length) if magic == _MAGIC else b""
                if magic != _MAGIC or len(payload) < length or zlib.crc32(payload) != checksum:
                    return
                yield Record(payload, segment, file.tell())

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


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
