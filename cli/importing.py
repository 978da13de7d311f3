"""Importing: histories file by file into a store, and what became of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress, TaskID

from soakwatch.collector.history_files import check_is_history
from soakwatch.collector.history_import import StagedHistory, content_of, stage_history, write_history
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.retention import kept_from
from soakwatch.core.run import Outcome, Run
from soakwatch.core.series import Series
from soakwatch.core.window import Window
from soakwatch.store.contract import WindowStore

_SAME_START = 5.0
"""Seconds between the beginnings of a run and of its history: Locust writes the first row a moment later."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of one file, or would become of it; `remarks` are sentences for people."""

    path: Path
    run: Run
    series: frozenset[Series]
    requests: int
    windows: int
    remarks: tuple[str, ...]


class Importing:
    """Imports file by file; `problems` says what was wrong with those that were not imported.

    Without a `store` it only tries. `folder` is where a file waits until it is read, and may take a tenth of its size.
    """

    def __init__(
        self,
        configuration: Configuration,
        service: str,
        store: WindowStore | None,
        folder: Path | None,
        progress: Progress,
        now: float,
    ) -> None:
        """Look at what is in `store` already. `service` is the one of files without endpoints."""
        kept = configuration.retention.seconds
        self._now = now
        self._kept_from, self._raw_from = kept_from(kept.ten_minutes, now), kept_from(kept.raw, now)
        self.problems: list[UsageError] = []
        self._configuration = configuration
        self._service = service
        self._store = store
        self._folder = folder
        self._progress = progress
        self._known: dict[str, Run] = {} if store is None else {run.id: run for run in store.runs()}
        self._here: dict[str, Path] = {}

    def files(self, files: Sequence[Path]) -> Iterator[ImportedFile]:
        """Import `files` one after the other. Raises StoreError."""
        for number, file in enumerate(files, 1):
            task = self._progress.add_task(f"{file.name} ({number} of {len(files)})", total=None)
            try:
                yield self._file(file, task)
            except UsageError as problem:
                self.problems.append(problem)
            finally:
                self._progress.remove_task(task)

    def _file(self, file: Path, task: TaskID) -> ImportedFile:
        check_is_history(file)
        size = file.stat().st_size
        # half of the way is reading, the other half writing; both are shown in bytes of the file
        self._progress.update(task, total=size)

        def is_read(position: int) -> None:
            self._progress.update(task, completed=position / 2)

        with stage_history(file, self._configuration, self._service, is_read, self._folder) as history:
            requests = max(1, history.facts.requests)

            def is_written(count: int) -> None:
                self._progress.update(task, completed=size * (0.5 + count / requests / 2))

            return self._staged(history, is_written)

    def _staged(self, history: StagedHistory, progress: Callable[[int], None]) -> ImportedFile:
        run, remarks = history.run, remarks_on(history)
        obstacle = self._obstacle(history)
        if obstacle:
            return _imported(history, run, 0, (*remarks, f"not imported: {obstacle}"))
        if self._store is None:
            kept = (point for point in history.points() if point.start >= self._raw_from)
            windows = sum(isinstance(point, Window) for point in kept)
        else:
            run, windows = write_history(history, self._store, self._now, progress)
        remarks += (*self._age(run), *self._other_settings(run))
        self._known[run.id] = run
        self._here[run.id] = history.facts.path
        return _imported(history, run, windows, remarks)

    def _obstacle(self, history: StagedHistory) -> str:
        """Why a history is not to be imported; empty where nothing is in the way."""
        if not history.facts.requests:
            return "no request is counted in it"
        if history.run.start < self._kept_from:
            days = self._configuration.retention.ten_minutes
            return f"it is older than all that is kept ({days:g} days, see retention.ten_minutes)"
        seen = [run for run in self._known.values() if _is_the_same_test(run, history.run)]
        if seen:
            return f"the store has this run already, as the collector saw it: {seen[0].id}"
        known, end = self._known.get(history.run.id), history.facts.end
        if known is None or known.end is None or known.end < end:
            return ""
        if known.id in self._here:
            return f"it is the same run as {self._here[known.id]}"
        return "the store has more of this run already" if known.end > end else ""

    def _age(self, run: Run) -> tuple[str, ...]:
        if run.start >= self._raw_from:
            return ()
        days = self._configuration.retention.raw
        return (f"windows older than {days:g} days are kept as roll-ups, and merged to blocks to compare with",)

    def _other_settings(self, run: Run) -> tuple[str, ...]:
        content = content_of(run.id)
        others = [known for known in self._known if content_of(known) == content and known != run.id]
        if not others:
            return ()
        return (f"the store has it twice now: as {others[0]} with another environment, test, services or windows",)


def _is_the_same_test(known: Run, read: Run) -> bool:
    """Whether the collector streamed the very test that Locust wrote a history of: it would be its own baseline."""
    alike = (known.environment, known.test) == (read.environment, read.test)
    return known.outcome is not Outcome.IMPORTED and alike and abs(known.start - read.start) < _SAME_START


def remarks_on(history: StagedHistory) -> tuple[str, ...]:
    """What people should know of a history that is not as it could be."""
    facts = history.facts
    remarks = [
        (facts.only_total, "only Locust's Aggregated rows are in it; with --csv-full-history it would have endpoints"),
        (facts.cut, "its last line is cut off, and was left out"),
        (
            facts.resets > 0,
            f"Locust reset its statistics; {facts.reset:,} requests from before are imported, too",
        ),
        (facts.setbacks > 0, "the clock was set back in it; its windows go on from where they were"),
        (
            history.over_guard > 0,
            f"{history.over_guard:,} endpoints are counted as 'other' (see collector.max_series)",
        ),
    ]
    return tuple(remark for holds, remark in remarks if holds)


def _imported(history: StagedHistory, run: Run, windows: int, remarks: tuple[str, ...]) -> ImportedFile:
    return ImportedFile(history.facts.path, run, history.series, history.facts.requests, windows, remarks)
