"""The run that a scenario has left in a store: found by its test, and copied from store to store."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from soakwatch.core.errors import StoreError
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.sqlite import SqliteStore

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The id of a run, and the services that it has requests of."""

    id: str
    services: tuple[str, ...]


def runs_of(path: Path, test: str) -> frozenset[str]:
    """The ids of the runs of `test` in the store at `path`; none where it cannot be read."""
    with suppress(StoreError), SqliteStore.open(path) as store:
        return frozenset(run.id for run in store.runs() if run.test == test)
    return frozenset()


def new_run(path: Path, test: str, before: frozenset[str]) -> StoredRun | None:
    """The latest run of `test` that is in the store at `path` and not in `before`."""
    with suppress(StoreError), SqliteStore.open(path) as store:
        new = [run.id for run in store.runs() if run.test == test and run.id not in before]
        if new:
            return StoredRun(new[-1], tuple(sorted({window.series.service for window in store.windows(new[-1])})))
    return None


def copy_run(source: Path, target: Path, run: str) -> None:
    """Put all that the store at `source` knows of `run` into that at `target`; twice is the same as once.

    The run itself comes last, so that half a copy is not taken for a whole one. Raises StoreError.
    """
    with SqliteStore.open(source) as from_, SqliteStore.create(target) as to:
        points = _points(from_, run)
        while batch := list(islice(points, _AT_ONCE)):
            to.write(batch)


def _points(store: WindowStore, run: str) -> Iterator[Point]:
    parts: Iterable[Iterable[Point]] = (store.windows(run), store.errors(run), store.load(run), store.tallies(run))
    for part in parts:
        yield from part
    yield from (known for known in store.runs() if known.id == run)
