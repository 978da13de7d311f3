"""Whole files: what is written is there as a whole or not at all."""

import errno
import secrets
from pathlib import Path

from soakwatch.core.errors import StoreUnavailable, UsageError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`, so that nobody ever sees half of it; its folder is made where there is none.

    A link stays one, and what is no ordinary file, such as a pipe or `/dev/null`, is written to as it is. Raises
    UsageError where nothing can be written at `path`, StoreUnavailable where the disk has no room.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
        else:
            _replace(target, text)
    except OSError as error:
        raise _sentence(path, error) from error


def _replace(target: Path, text: str) -> None:
    aside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.new")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _sentence(path: Path, error: OSError) -> UsageError | StoreUnavailable:
    if error.errno in _NO_ROOM:
        return StoreUnavailable(f"{path} cannot be written: {error.strerror}; make room on the disk")
    return UsageError(f"{path} cannot be written: {error.strerror or error}; name another file, or mend its folder")
