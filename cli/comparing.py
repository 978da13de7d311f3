"""Comparing: from two words on a command line to a comparison, and to its files and exit code."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ExitCode
from soakwatch.core.verdict import Comparison, Decision, Metric, Verdict
from soakwatch.store.whole_files import write_whole


def compare_named(
    base: str,
    current: str,
    configuration: Configuration,
    store: str | None = None,
    metrics: Collection[Metric] = tuple(Metric),
) -> Comparison:
    """Compare what `base` and `current` name: runs of the store that `store` means (else the configured one), or files.

    Raises UsageError where there is nothing to compare, StoreUnavailable.
    """
    # scipy takes a second to load, and most commands do without
    from soakwatch.cli.sources import read_sources
    from soakwatch.detector.compare import compare_runs

    baselines, run = read_sources(base, current, configuration, store)
    return compare_runs(baselines, run, configuration.comparison, configuration.objective, metrics)


def exit_code_of(comparison: Comparison, configuration: Configuration) -> ExitCode:
    """1 for a regression, 4 where a series that must be decided is not, else 0."""
    if comparison.regressions:
        return ExitCode.REGRESSION
    undecided = [verdict for verdict in comparison.verdicts if verdict.decision is Decision.UNKNOWN]
    if any(_is_required(verdict, configuration) for verdict in undecided):
        return ExitCode.UNDECIDED
    return ExitCode.FINE


def _is_required(verdict: Verdict, configuration: Configuration) -> bool:
    series = verdict.series
    return any(
        fnmatchcase(series.service, rule.service)
        and fnmatchcase(series.endpoint, rule.endpoint)
        and fnmatchcase(verdict.metric, rule.metric)
        for rule in configuration.require
    )


def write_reports(
    comparison: Comparison, markdown: Path | None = None, verdicts: Path | None = None, junit: Path | None = None
) -> None:
    """Write the files that are asked for, each at once or not at all. Raises UsageError, StoreUnavailable."""
    from soakwatch.reporter.junit import render_junit
    from soakwatch.reporter.markdown import render_markdown
    from soakwatch.reporter.verdicts_json import render_verdicts

    for path, render in ((markdown, render_markdown), (verdicts, render_verdicts), (junit, render_junit)):
        if path is not None:
            write_whole(path, render(comparison))
