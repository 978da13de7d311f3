"""Locust's own files as runs: what several files tell of each run, put together."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from soakwatch.collector.failures_csv import read_failures
from soakwatch.collector.file_kind import FileKind, kind_of_file, prefix_of
from soakwatch.collector.history_import import stage_history
from soakwatch.collector.history_totals import totals_of
from soakwatch.collector.locust_csv import head_of
from soakwatch.collector.naming import Naming, clean_name
from soakwatch.collector.rebuilt_times import merge_percentiles
from soakwatch.collector.stats_csv import Entry, is_total, read_stats
from soakwatch.collector.stats_json import read_stats_json
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.run import Outcome, Run
from soakwatch.core.run_summary import EndpointTotals, ErrorTotal, RunTotals
from soakwatch.core.series import Series

_EVIDENCE = (FileKind.STATS, FileKind.HISTORY, FileKind.JSON)
"""Files that count requests. The same one twice would count them twice; files without any failure are all alike."""


@dataclass(slots=True)
class _FilesOfRun:
    """The files that belong to one run, one of each kind."""

    folder: Path
    prefix: str
    files: dict[FileKind, Path] = field(default_factory=dict)

    @property
    def names(self) -> str:
        """Its files, as they were given, for messages."""
        return ", ".join(map(str, self.files.values()))


@dataclass(slots=True)
class _Told:
    """What the files of one run tell; `start` and `end` are seconds since the epoch, None where they do not."""

    entries: Mapping[Entry, EndpointTotals]
    start: float | None = None
    end: float | None = None
    users: int = 0


def read_runs(paths: Sequence[Path], configuration: Configuration) -> list[RunTotals]:
    """Read what Locust wrote; see `read_named_runs`."""
    return [run for _, run in read_named_runs(paths, configuration)]


def read_named_runs(paths: Sequence[Path], configuration: Configuration) -> list[tuple[str, RunTotals]]:
    """Read what Locust wrote, each run with the names of its files, as messages call it.

    Files of one folder whose names begin alike are one run, in the order they are given.

    `nightly_stats.csv`, `nightly_stats_history.csv`, `nightly_failures.csv` and `nightly.json` are run `nightly`. What
    a file holds is told by its columns. Exact bounds, means and counts are taken from the most telling file of a run:
    the JSON, else the statistics, else the history. Raises UsageError that names file, line, and what was expected.
    """
    _refuse_twice(paths)
    groups: dict[tuple[Path, str], _FilesOfRun] = {}
    for path in paths:
        kind = kind_of_file(path)
        folder, prefix = path.absolute().parent, prefix_of(path)
        group = groups.setdefault((folder, prefix), _FilesOfRun(folder, prefix))
        if kind in group.files:
            raise UsageError(
                f"{path}: run {prefix!r} has {kind} already, in {group.files[kind]}; one of them was expected"
            )
        group.files[kind] = path
    ids = _ids(list(groups.values()))
    return [(group.names, _run(group, run, configuration)) for run, group in zip(ids, groups.values(), strict=True)]


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen: dict[object, Path] = {}
    for path in paths:
        head_of(path)
        status = path.stat()
        keys: list[object] = [(status.st_dev, status.st_ino)]
        if kind_of_file(path) in _EVIDENCE:
            keys.append(_content(path))
        for key in keys:
            if key in seen:
                raise UsageError(
                    f"{path}: is the same file as {seen[key]}, or a copy of it; its requests would count twice"
                )
            seen[key] = path


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ids(groups: Sequence[_FilesOfRun]) -> list[str]:
    """The prefix of each run, led by as many of its folders as it takes to tell them apart."""
    ids = [group.prefix for group in groups]
    depth = 0
    while len(set(ids)) < len(ids):
        depth += 1
        alike = {run for run in ids if ids.count(run) > 1}
        ids = [
            "/".join((*group.folder.parts[-depth:], group.prefix)) if run in alike else run
            for run, group in zip(ids, groups, strict=True)
        ]
    return [clean_name(run) for run in ids]


def _run(group: _FilesOfRun, run: str, configuration: Configuration) -> RunTotals:
    told = _told(group, configuration)
    entries = {entry: totals for entry, totals in told.entries.items() if not is_total(entry)} or told.entries
    if FileKind.FAILURES in group.files:
        entries = _with_errors(entries, group.files[FileKind.FAILURES], configuration)
    return RunTotals(
        Run(
            id=run,
            environment=configuration.environment,
            test=configuration.test,
            start=told.start or 0.0,
            end=told.end,
            users=told.users,
            version=configuration.version,
            commit=configuration.commit,
            outcome=Outcome.IMPORTED,
        ),
        _by_series(entries, configuration),
    )


def _told(group: _FilesOfRun, configuration: Configuration) -> _Told:
    files = group.files
    told = _Told({})
    if FileKind.HISTORY in files:
        told = _told_by_history(files[FileKind.HISTORY], configuration)
    if FileKind.STATS in files:
        told.entries = read_stats(files[FileKind.STATS])
    if FileKind.JSON in files:
        counted = read_stats_json(files[FileKind.JSON])
        told.entries = counted.entries
        told.start, told.end = counted.start or told.start, counted.end or told.end
    if not told.entries:
        raise UsageError(
            f"{group.names}: no requests are counted in it; {FileKind.STATS} of the same run was expected, too"
        )
    return told


def _told_by_history(path: Path, configuration: Configuration) -> _Told:
    """When a run began and ended, its users, and as much of its endpoints as a history tells."""
    with stage_history(path, configuration, "", lambda _: None) as history:
        facts = history.facts
        return _Told(totals_of(history), facts.start, facts.end, facts.users)


def _with_errors(
    entries: Mapping[Entry, EndpointTotals], path: Path, configuration: Configuration
) -> dict[Entry, EndpointTotals]:
    found = read_failures(path, configuration.collector.max_error_kinds)
    if all(is_total(entry) for entry in entries):
        (total,) = entries
        every = [error for errors in found.values() for error in errors]
        found = {total: _merged_errors(every)}
    strange = [entry for entry in found if entry not in entries]
    if strange:
        name = " ".join(strange[0])
        raise UsageError(f"{path}: {name!r} is no endpoint of this run; the failures of the same run were expected")
    return {entry: replace(totals, errors=found.get(entry, ())) for entry, totals in entries.items()}


def _merged_errors(errors: Sequence[ErrorTotal]) -> list[ErrorTotal]:
    kinds: dict[str, ErrorTotal] = {}
    for error in errors:
        known = kinds.get(error.kind) or ErrorTotal(error.kind, 0, error.sample)
        kinds[error.kind] = ErrorTotal(error.kind, known.count + error.count, known.sample)
    return sorted(kinds.values(), key=lambda error: (-error.count, error.kind))


def _by_series(entries: Mapping[Entry, EndpointTotals], configuration: Configuration) -> dict[Series, EndpointTotals]:
    naming = Naming(configuration.environment, configuration.test, "", configuration.service)
    found: defaultdict[Series, list[EndpointTotals]] = defaultdict(list)
    for (method, name), totals in entries.items():
        verb = "" if is_total((method, name)) else method
        found[naming.series(verb, name, None, None)].append(totals)
    return {series: _merged(parts) for series, parts in found.items()}


def _merged(parts: Sequence[EndpointTotals]) -> EndpointTotals:
    """Entries that are one series by the rules: rare, and their percentiles are then as exact as rebuilding is."""
    if len(parts) == 1:
        return parts[0]
    known = [(part.mean, part.requests) for part in parts if part.mean is not None]
    requests = sum(count for _, count in known)
    return EndpointTotals(
        sum(part.requests for part in parts),
        sum(part.failures for part in parts),
        sum(mean * count for mean, count in known) / requests if requests else None,
        merge_percentiles((part.percentiles, part.requests) for part in parts),
        rounded=any(part.rounded for part in parts),
        errors=_merged_errors([error for part in parts for error in part.errors]),
    )
