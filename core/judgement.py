"""Judgements: what the detector says of one metric of one series at a moment, beside what is normal for it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from soakwatch.core.series import Series
from soakwatch.core.verdict import Decision, Effect, Metric, Severity


@dataclass(frozen=True, slots=True)
class Band:
    """Between which values a metric is normal at a moment and load, with 95 % confidence, in the metric's unit."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """One metric of one series over the last block that ended at `at`, in seconds since the epoch.

    `baseline` is what is normal then, and `current` what was measured, in the metric's unit, None where there was
    nothing to measure; `effect` and `p` (of this comparison alone) are None where nothing could be compared. A
    regression has the numbers of the incident that it belongs to. `reason` says what an unknown one waits for.
    """

    at: float
    series: Series
    metric: Metric
    decision: Decision
    severity: Severity = Severity.NONE
    baseline: float | None = None
    current: float | None = None
    effect: Effect | None = None
    band: Band | None = None
    p: float | None = None
    reason: str = ""

    @property
    def rank(self) -> int:
        """How bad it is: 0 unknown, 1 fine, 2 a warning, 3 critical."""
        return rank_of(self.decision, self.severity)


def rank_of(decision: Decision, severity: Severity) -> int:
    """0 for what is unknown, 1 for what is fine, 2 and 3 for regressions that are a warning, or critical."""
    if decision is Decision.REGRESSED:
        return SEVERITY_RANKS[severity]
    return 0 if decision is Decision.UNKNOWN else 1


SEVERITY_RANKS = {Severity.NONE: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}
"""Ranks of what has a severity: numbers, so that a dashboard can ask for the worst."""


@dataclass(frozen=True, slots=True)
class ServiceVerdict:
    """What is said of a whole service at `at`, in seconds since the epoch: of so many metrics that were `judged`.

    `rank` is that of the worst of them; of `unknown` ones nothing can be told, and `regressed` ones are worse.
    """

    at: float
    environment: str
    test: str
    service: str
    rank: int
    judged: int
    unknown: int
    regressed: int


def service_verdicts(judgements: Iterable[Judgement]) -> list[ServiceVerdict]:
    """One for each service and moment, so that nobody who asks for services has to go through their endpoints."""
    found: defaultdict[tuple[float, str, str, str], list[Judgement]] = defaultdict(list)
    for one in judgements:
        found[one.at, one.series.environment, one.series.test, one.series.service].append(one)
    return [
        ServiceVerdict(
            *key,
            rank=max(one.rank for one in those),
            judged=len(those),
            unknown=sum(one.decision is Decision.UNKNOWN for one in those),
            regressed=sum(one.decision is Decision.REGRESSED for one in those),
        )
        for key, those in sorted(found.items())
    ]
