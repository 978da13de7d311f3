"""The summary: what regressed, where, by how much and against what, in one sentence that stands alone."""

from collections import Counter
from collections.abc import Sequence

from soakwatch.core.numbers import format_change, format_value
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity, Verdict
from soakwatch.reporter.escaping import Markdown, code, escape, sentence
from soakwatch.reporter.ranking import headlines

MOST_NAMED = 3
"""Series that the sentence names; the table below it has all."""

METRIC_NAMES = {Metric.ERROR_RATE: "error rate"}


def summarise(comparison: Comparison) -> Markdown:
    """The sentence for `comparison`."""
    worst = headlines(comparison.verdicts)
    if worst:
        return Markdown(f"**{_count_series(worst)} regressed** in {_runs(comparison)}: {_name(worst)}.")
    counts = count_decisions(comparison.verdicts)
    if not comparison.verdicts:
        return Markdown(f"**Nothing was compared** in {_runs(comparison)}: there were no endpoints to compare.")
    undecided, total = counts[Decision.UNKNOWN], len(comparison.verdicts)
    if undecided == total:
        return Markdown(f"**Undecided**: nothing could be said of {_runs(comparison)}; {_most_frequent(comparison)}.")
    but = f", but {undecided} of {total} comparisons are undecided; {_most_frequent(comparison)}" if undecided else ""
    return Markdown(f"**No regression** in {_runs(comparison)}{but}.")


def count_decisions(verdicts: Sequence[Verdict]) -> Counter[Decision]:
    """How many verdicts say what."""
    return Counter(verdict.decision for verdict in verdicts)


def metric_name(metric: Metric) -> str:
    """`p95`, `error rate`."""
    return METRIC_NAMES.get(metric, metric.value)


def series_name(series: Series) -> Markdown:
    """The name of a series for running text."""
    if is_whole_service(series):
        return Markdown(f"all endpoints of {code(series.service)}")
    return code(str(series))


def _count_series(verdicts: Sequence[Verdict]) -> str:
    services = sum(is_whole_service(verdict.series) for verdict in verdicts)
    counts = ((len(verdicts) - services, "endpoint"), (services, "service"))
    return " and ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count)


def _runs(comparison: Comparison) -> str:
    baselines = comparison.baselines
    against = f"{_run(baselines[-1])}" if baselines else "no baseline run"
    if len(baselines) > 1:
        against = f"{len(baselines)} runs, the newest of them {against}"
    return f"run {_run(comparison.current)} against {'run ' if len(baselines) == 1 else ''}{against}"


def _run(run: Run) -> str:
    return code(run.id) + (f" (version {escape(run.version)})" if run.version else "")


def _name(worst: Sequence[Verdict]) -> str:
    named = [_describe(verdict) for verdict in worst[:MOST_NAMED]]
    more = len(worst) - MOST_NAMED
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _describe(verdict: Verdict) -> str:
    subject = f"{metric_name(verdict.metric)} of {series_name(verdict.series)}"
    critical = ", critical" if verdict.severity is Severity.CRITICAL else ""
    if verdict.is_objective:
        bound, current = (format_value(verdict.metric, value) for value in (verdict.baseline, verdict.current))
        return f"{subject} {current}, its objective is below {bound}{critical}"
    change = format_change(verdict.metric, verdict.baseline, verdict.current, verdict.effect)
    return f"{subject} {escape(change)}{critical}"


def _most_frequent(comparison: Comparison) -> str:
    """The reason that most of the undecided ones give."""
    reasons = Counter(verdict.reason for verdict in comparison.verdicts if verdict.decision is Decision.UNKNOWN)
    reason, count = reasons.most_common(1)[0]
    return f"most often ({count} of {reasons.total()}): {sentence(reason.rstrip('.'))}"
