"""Finding histories: which files under the given paths are to be imported."""

from collections.abc import Sequence
from pathlib import Path

from soakwatch.collector.file_kind import FileKind, kind_of_columns, kind_of_file
from soakwatch.collector.locust_csv import Place, open_csv
from soakwatch.core.errors import UsageError

ENDING = "_stats_history.csv"


def find_histories(paths: Sequence[Path]) -> list[Path]:
    """The files that are given, and the histories in folders and their folders, each once, in order of their names.

    What a folder holds besides is left aside. Raises UsageError where a path does not exist, or a folder has none.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _in_folder(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*.csv") if file.is_file() and _is_history(file))
    if not files:
        raise UsageError(f"{folder}: no history is in it; a file like nightly{ENDING}, which `locust --csv` writes")
    return files


def _is_history(file: Path) -> bool:
    # by its name, so that a broken one is told about; or by its columns, where somebody has renamed it
    if file.name.endswith(ENDING):
        return True
    try:
        with open_csv(file) as opened:
            return kind_of_columns(opened.columns) is FileKind.HISTORY
    except UsageError:
        return False


def check_is_history(path: Path) -> None:
    """Raise UsageError when the file at `path` is something else than a history."""
    kind = kind_of_file(path)
    if kind is not FileKind.HISTORY:
        raise Place(path, 1).wrong(f"this is {kind}", f"{FileKind.HISTORY} was expected: only it tells of time")
