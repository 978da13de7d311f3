"""The run that a scenario has left in a store: found by its test, and copied from store to store."""

from contextlib import suppress
from dataclasses import dataclass

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import StoreError
from soakwatch.store.copied_parts import points_of_run
from soakwatch.store.copying import write_in_batches
from soakwatch.store.opening import create_store, open_store


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The id of a run, and the services that it has requests of."""

    id: str
    services: tuple[str, ...]


def runs_of(configuration: Configuration, test: str) -> frozenset[str]:
    """The ids of the runs of `test` in the configured store; none where it cannot be read."""
    with suppress(StoreError), open_store(configuration) as store:
        return frozenset(run.id for run in store.runs() if run.test == test)
    return frozenset()


def new_run(configuration: Configuration, test: str, before: frozenset[str]) -> StoredRun | None:
    """The latest run of `test` that is in the configured store and not in `before`."""
    with suppress(StoreError), open_store(configuration) as store:
        new = [run.id for run in store.runs() if run.test == test and run.id not in before]
        if new:
            return StoredRun(new[-1], tuple(sorted({window.series.service for window in store.windows(new[-1])})))
    return None


def copy_run(source: Configuration, target: Configuration, run: str) -> None:
    """Put all that the store of `source` knows of `run` into that of `target`; twice is the same as once.

    The run itself comes last, so that half a copy is not taken for a whole one. Raises StoreError.
    """
    with open_store(source) as from_, create_store(target) as to:
        for known in from_.runs():
            if known.id == run:
                write_in_batches(to, points_of_run(from_, known))
