"""Comparing runs of the store: from two words on a command line to a comparison, and to its files and exit code."""

from fnmatch import fnmatchcase
from pathlib import Path

from soakwatch.cli.selection import select_baselines, select_run
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ExitCode
from soakwatch.core.verdict import Comparison, Decision, Verdict
from soakwatch.store.contract import WindowStore


def compare_in(store: WindowStore, base: str, current: str, configuration: Configuration) -> Comparison:
    """Compare runs of `store`. Raises UsageError where there is nothing to compare."""
    # scipy takes a second to load, and most commands do without
    from soakwatch.detector.compare import compare_runs
    from soakwatch.detector.run_data import read_run

    runs = store.runs()
    run = select_run(runs, current)
    baselines = [read_run(store, earlier) for earlier in select_baselines(runs, base, run)]
    return compare_runs(baselines, read_run(store, run), configuration.comparison, configuration.objective)


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


def write_reports(comparison: Comparison, markdown: Path | None, verdicts: Path | None) -> None:
    """Write the files that are asked for, each at once or not at all. Raises OSError."""
    from soakwatch.reporter.markdown import render_markdown
    from soakwatch.reporter.verdicts_json import render_verdicts

    if markdown is not None:
        write_whole(markdown, render_markdown(comparison))
    if verdicts is not None:
        write_whole(verdicts, render_verdicts(comparison))


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
