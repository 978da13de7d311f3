"""Ranking: which verdicts a reader should see first."""

from collections.abc import Iterable
from math import isnan

from soakwatch.core.series import Series
from soakwatch.core.verdict import Decision, Metric, Severity, Verdict
from soakwatch.reporter.verdicts_json import in_order

_MOST_TELLING = (Metric.ERROR_RATE, Metric.P95, Metric.P50, Metric.MEAN, Metric.P99, Metric.THROUGHPUT)
"""Which metric stands for an endpoint when several regressed."""

_FIRST_TO_LAST = (Decision.REGRESSED, Decision.UNKNOWN, Decision.IMPROVED, Decision.SAME)

Badness = tuple[bool, bool, float]


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Regressions, unknown, improvements, then the rest; the regressions of one series together, worst series first."""
    ordered = in_order(verdicts)
    worst = {verdict.series: _badness(verdict) for verdict in headlines(ordered)}
    return sorted(
        ordered,
        key=lambda verdict: (
            _FIRST_TO_LAST.index(verdict.decision),
            worst[verdict.series] if verdict.decision is Decision.REGRESSED else (),
        ),
    )


def headlines(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The one regression of each series that tells most of it, the worst series first."""
    regressed = [verdict for verdict in in_order(verdicts) if verdict.decision is Decision.REGRESSED]
    telling: dict[Series, Verdict] = {}
    for verdict in sorted(regressed, key=_telling):
        telling.setdefault(verdict.series, verdict)
    return sorted(telling.values(), key=_badness)


def _telling(verdict: Verdict) -> tuple[bool, bool, int]:
    return _is_mild(verdict), verdict.is_objective, _MOST_TELLING.index(verdict.metric)


def _is_mild(verdict: Verdict) -> bool:
    return verdict.severity is not Severity.CRITICAL


def _badness(verdict: Verdict) -> Badness:
    """Critical before warning, failing before slow (their effects have different units), large before small."""
    size = abs(verdict.effect.value) if verdict.effect else 0.0
    return _is_mild(verdict), verdict.metric is not Metric.ERROR_RATE, 0.0 if isnan(size) else -size
