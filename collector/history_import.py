"""Importing a history: Locust's `_stats_history.csv` as a run of windows in a store."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path

from soakwatch.collector.history_entry import TOTAL
from soakwatch.collector.history_facts import HistoryFacts, Stretch
from soakwatch.collector.history_points import PointSettings, points_of
from soakwatch.collector.history_reading import read_history
from soakwatch.collector.history_stage import Stage
from soakwatch.collector.naming import Naming, clean_name
from soakwatch.collector.old_history import write_roll_ups
from soakwatch.core.configuration import Configuration
from soakwatch.core.retention import kept_from
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.run_series import condense
from soakwatch.core.series import OTHER, Series
from soakwatch.core.window import LoadSample, Window
from soakwatch.store.condensing import write_condensed
from soakwatch.store.contract import WindowStore

SOURCE = "csv"
"""Source of all imported points: a file stands for all processes of its run."""

BATCH = 2_000
"""Points of one transaction."""

MOST_CONDENSED = 100_000
"""Raw windows of a history that is condensed at once; a larger one is left to the pass over what is stored."""

Progress = Callable[[int], None]
"""Is told how far it is: bytes that are read, or requests that are written."""


@dataclass(frozen=True, slots=True)
class StagedHistory:
    """A history that was read to its end and found right, but is in no store yet.

    `run` is what it will be there, without its reconciliation; `series` its endpoints.
    """

    facts: HistoryFacts
    run: Run
    series: frozenset[Series]
    over_guard: int
    settings: PointSettings
    _series_of: Callable[[int], Series]
    _stage: Stage

    def points(self) -> Iterator[Window | LoadSample]:
        """Its windows and, where the file tells of users, samples of the load, in order of time."""
        return points_of(self.stretches(), self._series_of, self.settings)

    def stretches(self) -> Iterator[Stretch]:
        """What happened in each stretch of time, in order; only one such iterator may be used at a time."""
        if self.facts.only_total:
            yield from self._stage.stretches()
            return
        for stretch in self._stage.stretches():
            # a sum that was written before the first endpoint appeared is in the counts of the endpoints, too
            yield stretch._replace(parts=[part for part in stretch.parts if part.entry != TOTAL])


@contextmanager
def stage_history(
    path: Path, configuration: Configuration, service: str, progress: Progress, folder: Path | None = None
) -> Iterator[StagedHistory]:
    """Read the history at `path`, and keep what is in it in a temporary file of `folder` until the end.

    So nothing of a file that is wrong in its last line comes into a store, and a file that Locust still writes is read
    once. `folder` is on a disk that may grow, such as that of the store: where temporary files usually go is often
    memory. `service` is the one of a history without endpoints. Raises UsageError that names the line, StoreUnavailable
    where `folder` has no room.
    """
    with closing(Stage(folder)) as stage:
        facts = read_history(path, configuration.collector.window, stage.keep, progress)
        stage.finish()
        series = admitted_series(facts, configuration)
        total = Series(configuration.environment, configuration.test, clean_name(service), "", "Aggregated")
        run = Run(
            id=_run_id(facts, configuration, service),
            environment=configuration.environment,
            test=configuration.test,
            start=facts.start,
            end=facts.end,
            users=facts.users,
            version=configuration.version,
            commit=configuration.commit,
            outcome=Outcome.IMPORTED,
        )
        settings = PointSettings(run, SOURCE, configuration.collector.window, facts.shares, facts.cumulative)
        over = max(0, len(facts.entries) - configuration.collector.max_series)
        names = {TOTAL: total, **dict(enumerate(series))}
        yield StagedHistory(facts, run, frozenset(series or [total]), over, settings, names.__getitem__, stage)


def admitted_series(facts: HistoryFacts, configuration: Configuration) -> list[Series]:
    """The series of each entry, in their order; those of more than `max_series` entries go to the endpoint `other`.

    As in the collector's recorder, of their service where that is known, else of the service `other`.
    """
    naming = Naming(configuration.environment, configuration.test, "", configuration.service)
    most = configuration.collector.max_series
    series = [naming.series(method, name, None, None) for method, name in facts.entries]
    services = {known.service for known in series[:most]}
    over = (
        Series(one.environment, one.test, one.service if one.service in services else OTHER, OTHER, OTHER)
        for one in series[most:]
    )
    return [*series[:most], *over]


def _run_id(facts: HistoryFacts, configuration: Configuration, service: str) -> str:
    """When the run began, what its file begins with, and under which settings it is imported.

    A file that has grown is the same run. Other names of series or other windows would lie beside those of an earlier
    import and count its requests twice: they make another run.
    """
    shaping = (
        *(configuration.environment, configuration.test, service if facts.only_total else ""),
        *(f"{configuration.collector.window}", f"{configuration.collector.max_series}"),
        *(rule.model_dump_json() for rule in configuration.service),
    )
    settings = hashlib.sha256("\n".join(shaping).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{datetime.fromtimestamp(facts.start, UTC):%Y%m%d-%H%M%S}-{facts.digest[:8]}-{settings[:4]}"


def content_of(run: str) -> str:
    """The part of an imported run's id that is the same whatever the settings were."""
    return run.rpartition("-")[0]


def write_history(history: StagedHistory, store: WindowStore, now: float, progress: Progress) -> tuple[Run, int]:
    """Write a staged history into `store`, its run last; gives the run, and how many raw windows it has.

    Of windows that are too old at `now` to be stored as they are, roll-ups are, and what is kept of a run for long.
    What another import of the same file had written before is replaced by the same. Raises StoreUnavailable and
    StoreRefused; a run that is not in the store then is whole after another try.
    """
    since = kept_from(store.retention.raw, now)
    if history.facts.start - history.settings.width < since:
        write_roll_ups(takewhile(lambda window: window.start < since, _Windows(history)), store, now)
    windows, requests = _write_raw((point for point in history.points() if point.start >= since), store, progress)
    facts, run = history.facts, history.run
    if windows <= MOST_CONDENSED or requests < facts.requests:
        load = [point for point in history.points() if isinstance(point, LoadSample)]
        write_condensed(store, condense(run, _Windows(history), (), load))
    stored = min(store.requests_stored(run.id).get(SOURCE, 0), requests) + facts.requests - requests
    reconciled = Reconciliation(facts.requests - facts.reset, stored, facts.requests, reset=facts.reset)
    finished = replace(run, reconciled=reconciled)
    store.write([finished])
    return finished, windows


def _write_raw(points: Iterator[Window | LoadSample], store: WindowStore, progress: Progress) -> tuple[int, int]:
    """Gives how many windows there are, and how many requests are in them."""
    windows = requests = 0
    while batch := list(islice(points, BATCH)):
        store.write(batch)
        written = [point.count for point in batch if isinstance(point, Window)]
        windows += len(written)
        requests += sum(written)
        progress(requests)
    return windows, requests


@dataclass(frozen=True, slots=True)
class _Windows:
    """The windows of a history, read again each time that they are asked for."""

    history: StagedHistory

    def __iter__(self) -> Iterator[Window]:
        """In order of time."""
        return (point for point in self.history.points() if isinstance(point, Window))
