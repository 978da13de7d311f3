"""What is stored of one run, read once."""

from collections.abc import Sequence
from dataclasses import dataclass

from soakwatch.core.run import Run
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.store.contract import WindowStore


@dataclass(frozen=True, slots=True)
class RunData:
    """A run with all its windows, kinds of errors and samples of the load generator, in any order."""

    run: Run
    windows: Sequence[Window]
    errors: Sequence[ErrorCount] = ()
    load: Sequence[LoadSample] = ()


def read_run(store: WindowStore, run: Run) -> RunData:
    """Read all that `store` has of `run`. Raises StoreUnavailable or StoreRefused."""
    return RunData(run, list(store.windows(run.id)), list(store.errors(run.id)), list(store.load(run.id)))
