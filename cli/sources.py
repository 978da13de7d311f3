"""Sources: what is compared, named on a command line as runs of the store or as files."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from soakwatch.cli.file_roles import is_file
from soakwatch.cli.options import open_store
from soakwatch.cli.selection import PREVIOUS, select_baselines, select_run
from soakwatch.collector.file_kind import first_byte
from soakwatch.collector.locust_files import read_runs
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import RunSummary
from soakwatch.detector.compare import Compared
from soakwatch.detector.run_data import read_run
from soakwatch.store.contract import WindowStore
from soakwatch.store.summary_files import read_summaries


def read_sources(
    base: str, current: str, configuration: Configuration, store: str | None
) -> tuple[Sequence[Compared], Compared]:
    """Read the baseline runs and the current one; the store is opened only where one of them is in it.

    Raises UsageError where a file is not what it should be, UnknownRun, StoreUnavailable.
    """
    if is_file(base) and is_file(current):
        return read_file(Path(base), configuration), _single(current, configuration)
    with open_store(configuration, store) as opened:
        if is_file(current):
            return _stored_baselines(opened, base), _single(current, configuration)
        runs = opened.runs()
        run = select_run(runs, current)
        if is_file(base):
            return read_file(Path(base), configuration), read_run(opened, run)
        return [read_run(opened, earlier) for earlier in select_baselines(runs, base, run)], read_run(opened, run)


def read_file(path: Path, configuration: Configuration) -> list[RunSummary]:
    """Read all runs of a file of ours, or of one that Locust wrote. Raises UsageError."""
    if path.suffix == ".csv" or _is_from_locust(path):
        return [*read_runs([path], configuration)]
    return read_summaries(path)


def _is_from_locust(path: Path) -> bool:
    """Locust's `--json-file` is a list, ours are objects; whoever reads a broken one says what is wrong with it."""
    with suppress(UsageError):
        return first_byte(path) == b"["
    return False


def _single(current: str, configuration: Configuration) -> RunSummary:
    runs = read_file(Path(current), configuration)
    if len(runs) == 1:
        return runs[0]
    raise UsageError(
        f"{current}: holds {len(runs)} runs ({', '.join(data.run.id for data in runs)}), and the current run is a "
        "single one; `soakwatch metrics extract` makes a file of one"
    )


def _stored_baselines(store: WindowStore, base: str) -> list[Compared]:
    if base.partition(":")[0] == PREVIOUS:
        raise UsageError(f"{base!r} means runs before one of the store; name a run or a file to compare a file with")
    return [read_run(store, select_run(store.runs(), base))]
