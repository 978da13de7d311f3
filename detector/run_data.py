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
    """Read all that `store` has of `run`. Raises StoreUnavailable or StoreRefused.

    Where raw windows have expired, that is what is kept of it for longer, as windows that are as long as its blocks.
    """
    windows, condensed = list(store.windows(run.id)), store.run_series(run.id)
    blocks = [block for series in condensed for block in series.blocks]
    if _requests(windows) >= _requests(blocks):
        return RunData(run, windows, list(store.errors(run.id)), list(store.load(run.id)))
    load = store.run_load(run.id)
    return RunData(run, blocks, [error for series in condensed for error in series.errors], load.blocks if load else ())


def _requests(windows: Sequence[Window]) -> int:
    return sum(window.count for window in windows)
