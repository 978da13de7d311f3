"""File roles: which files a comparison reads and writes, and that none has two roles."""

from collections.abc import Iterable
from pathlib import Path

from soakwatch.core.errors import UsageError

_SUFFIXES = {".csv", ".json"}


def is_file(text: str) -> bool:
    """Tell a file from a run: ids of runs have no suffix."""
    path = Path(text)
    return path.suffix.lower() in _SUFFIXES or path.exists()


def check_roles(base: str, current: str, outputs: Iterable[Path | None]) -> None:
    """Hold that each file is there and has one role.

    Raises UsageError where one is missing, compared with itself, or written over one that is read or written too.
    """
    roles: dict[Path, str] = {}
    for text in filter(is_file, (base, current)):
        path = Path(text)
        if not path.exists():
            raise UsageError(f"{path}: no such file")
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name the file in it that is meant")
        twin = next((other for other in roles if _equal(other, path.resolve())), None)
        if twin:
            raise UsageError(f"{path} is compared with itself: {twin.name} has the same content; name two files")
        roles[path.resolve()] = "is read"
    for output in filter(None, outputs):
        if output.resolve() in roles:
            raise UsageError(f"{output} {roles[output.resolve()]} as well; name another file to write")
        if not output.exists() or output.is_file():
            roles[output.resolve()] = "is written"


def _equal(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other) or (
            one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
        )
    except OSError:  # whoever reads it says what is wrong with it
        return False
