"""Appending: bytes at the end of a file, all of them on the disk, or none."""

import os
from io import FileIO


def append_durably(file: FileIO, data: bytes) -> None:
    """Write `data` at the end of `file`, which is unbuffered, and wait for the disk; OSError leaves it as it was."""
    before = file.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), before)
        raise
