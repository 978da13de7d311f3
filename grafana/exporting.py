"""Exporting: files into a folder, over none that people changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soakwatch.core.errors import UsageError
from soakwatch.store.whole_files import write_whole


@dataclass(frozen=True, slots=True)
class Exported:
    """Which files were written, which were there as they should be, and which were left because they differ."""

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    left: tuple[Path, ...]


def export(files: Mapping[str, str], folder: Path, *, force: bool = False) -> Exported:
    """Write `files` (their text, by path) below `folder`; one that is there and differs is left, unless forced.

    Raises UsageError, StoreUnavailable.
    """
    written, unchanged, left = [], [], []
    for name, text in files.items():
        path = folder / name
        there = _text(path)
        if there == text:
            unchanged.append(path)
        elif there is None or force:
            write_whole(path, text)
            written.append(path)
        else:
            left.append(path)
    return Exported(tuple(written), tuple(unchanged), tuple(left))


def _text(path: Path) -> str | None:
    """What is in a file; None where there is none, and something else than any text where it is none of ours."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; name another folder") from None
