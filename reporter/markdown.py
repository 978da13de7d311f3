"""`regression-analysis.md`: a comparison as a report for a pull request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from soakwatch.core.numbers import (
    NOTHING,
    format_duration,
    format_effect,
    format_p,
    format_share,
    format_value,
)
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.run import Run
from soakwatch.core.verdict import Comparison, Decision, ErrorGrowth, Metric, Severity, Timeline, Verdict
from soakwatch.reporter.charts import Chart
from soakwatch.reporter.embedding import embed_verdicts, read_verdicts
from soakwatch.reporter.escaping import Markdown, code, escape, sentence
from soakwatch.reporter.markdown_templates import markdown_template
from soakwatch.reporter.ranking import worst_first
from soakwatch.reporter.summary import count_decisions, metric_name, series_name, summarise
from soakwatch.reporter.verdicts_json import verdicts_document

__all__ = ["read_verdicts", "render_markdown"]

_HASH_LENGTH = 12


@dataclass(frozen=True, slots=True)
class _Row:
    """One verdict in a table."""

    verdict: Markdown
    service: str
    endpoint: Markdown
    metric: str
    baseline: str
    current: str
    effect: str
    p: str
    reason: Markdown


@dataclass(frozen=True, slots=True)
class _Picture:
    """The charts of one metric of one series; `mermaid` is empty where no line can be drawn."""

    title: Markdown
    mermaid: Markdown
    sparklines: Markdown


@dataclass(frozen=True, slots=True)
class _Error:
    """One kind of error in a table."""

    endpoint: Markdown
    kind: str
    sample: str
    baseline: str
    current: str


@dataclass(frozen=True, slots=True)
class _Fact:
    """One line of the table of both runs."""

    name: str
    baseline: Markdown
    current: Markdown


def render_markdown(comparison: Comparison) -> str:
    """Write `comparison` as Markdown, with its verdicts embedded for `read_verdicts`."""
    counts = count_decisions(comparison.verdicts)
    ordered = worst_first(comparison.verdicts)
    return markdown_template("regression_analysis.md.j2").render(
        run=comparison.current,
        summary=summarise(comparison),
        total=len(comparison.verdicts),
        counts=[(decision.value, counts[decision]) for decision in Decision],
        rows=[_row(verdict) for verdict in ordered if verdict.decision is not Decision.SAME],
        same=[_row(verdict) for verdict in ordered if verdict.decision is Decision.SAME],
        pictures=list(_pictures(comparison)),
        errors=[_error(growth) for growth in comparison.errors],
        baselines=comparison.baselines,
        facts=_facts(comparison),
        comment=Markdown(embed_verdicts(verdicts_document(comparison))),
    )


def _row(verdict: Verdict) -> _Row:
    metric = verdict.metric
    baseline = format_value(metric, verdict.baseline)
    return _Row(
        verdict=_decision(verdict),
        service=verdict.series.service,
        endpoint=_endpoint(verdict),
        metric=metric_name(metric),
        baseline=f"below {baseline}" if verdict.is_objective else baseline,
        current=format_value(metric, verdict.current),
        effect=format_effect(metric, verdict.effect),
        p=format_p(verdict.p),
        reason=sentence(verdict.reason),
    )


def _decision(verdict: Verdict) -> Markdown:
    if verdict.decision is not Decision.REGRESSED:
        return Markdown(verdict.decision.value)
    severity = "" if verdict.severity is Severity.NONE else f", {verdict.severity.value}"
    return Markdown(f"**{verdict.decision.value}**{severity}")


def _endpoint(verdict: Verdict) -> Markdown:
    series = verdict.series
    return Markdown("all") if is_whole_service(series) else code(f"{series.method} {series.endpoint}")


def _pictures(comparison: Comparison) -> Iterable[_Picture]:
    for timeline in comparison.timelines:
        for metric in _regressed_metrics(comparison, timeline):
            chart = Chart.of(timeline, metric)
            title = Markdown(f"{metric_name(chart.metric)} of {series_name(timeline.series)}")
            yield _Picture(title, Markdown(chart.mermaid()), Markdown(chart.sparklines()))


def _regressed_metrics(comparison: Comparison, timeline: Timeline) -> list[Metric]:
    """What to draw of a series: p95 for anything but errors, the error rate for those, or both."""
    regressed = {verdict.metric for verdict in comparison.regressions if verdict.series == timeline.series}
    drawn = {Metric.ERROR_RATE if metric is Metric.ERROR_RATE else Metric.P95 for metric in regressed}
    return sorted(drawn, key=list(Metric).index)


def _error(growth: ErrorGrowth) -> _Error:
    return _Error(
        endpoint=series_name(growth.series),
        kind=growth.kind,
        sample=growth.sample,
        baseline=format_share(growth.baseline_count, growth.baseline_share),
        current=format_share(growth.current_count, growth.current_share),
    )


def _facts(comparison: Comparison) -> list[_Fact]:
    current = _run_facts(comparison.current)
    baseline = _run_facts(comparison.baselines[-1]) if comparison.baselines else [(name, "") for name, _ in current]
    return [
        _Fact(name, *(Markdown(value or NOTHING) for value in (before, now)))
        for (name, before), (_, now) in zip(baseline, current, strict=True)
    ]


def _run_facts(run: Run) -> Sequence[tuple[str, str]]:
    return [
        ("Run", code(run.id)),
        ("Outcome", escape(run.outcome.value)),
        ("Started", _moment(run.start) if run.start else NOTHING),
        ("Duration", NOTHING if run.end is None or not run.start else format_duration(run.end - run.start)),
        ("Users", _users(run)),
        ("Host", _code_unless_empty(run.host)),
        ("Version", escape(run.version)),
        ("Commit", _code_unless_empty(run.commit)),
        ("Locustfile", " ".join(filter(None, map(_code_unless_empty, (run.locustfile, _hash(run)))))),
        ("Locust", escape(run.locust_version)),
        ("Requests", NOTHING if run.reconciled is None else sentence(str(run.reconciled))),
    ]


def _users(run: Run) -> str:
    rate = f" (spawn rate {run.spawn_rate:g}/s)" if run.spawn_rate else ""
    return f"{run.users:,}{rate}" if run.users else NOTHING


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _hash(run: Run) -> str:
    return run.locustfile_hash[:_HASH_LENGTH]


def _code_unless_empty(text: str) -> str:
    return code(text) if text else ""
