"""Verdicts: what a comparison says of one metric of one series."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from soakwatch.core.run import Run
from soakwatch.core.series import Series


class Decision(StrEnum):
    """What can be said."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    SAME = "same"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How bad a regression is; NONE for everything else."""

    NONE = "none"
    WARNING = "warning"
    CRITICAL = "critical"


class Metric(StrEnum):
    """What is compared. Response times are those of successes, in milliseconds; rates are per second or a share."""

    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    MEAN = "mean"
    ERROR_RATE = "error_rate"
    THROUGHPUT = "throughput"


QUANTILES = {Metric.P50: 0.50, Metric.P95: 0.95, Metric.P99: 0.99}
"""The metrics that are quantiles of response times."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Change from baseline to current, bounded by `low` and `high` with 95 % confidence.

    For response times and throughput a ratio minus one (+0.20 = 20 % more); for error rates a difference of shares
    (+0.02 = two of a hundred requests more), because a ratio to zero says nothing.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one metric of one series, and why.

    `baseline` and `current` are in the metric's unit (for an objective, `baseline` is the bound), None where there was
    nothing to measure. `effect` and `p` (adjusted over everything tested in the comparison) are None where nothing
    could be tested. `reason` is a sentence for people; it begins with `objective` when an objective was checked.
    """

    series: Series
    metric: Metric
    decision: Decision
    severity: Severity
    baseline: float | None
    current: float | None
    effect: Effect | None
    p: float | None
    reason: str

    @property
    def is_objective(self) -> bool:
        """Whether a bound that people set was checked, rather than a baseline."""
        return self.reason.startswith("objective")


@dataclass(frozen=True, slots=True)
class ErrorGrowth:
    """One kind of error of one series: how often in the baseline runs and in the current one, as counts and shares."""

    series: Series
    kind: str
    sample: str
    baseline_count: int
    current_count: int
    baseline_share: float
    current_share: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """How p95 (milliseconds) and the error rate (share) of one series went, window by window, in both runs.

    `seconds` are counted from the start of each run; the sequences of one run have equal lengths, None where a window
    had no success.
    """

    series: Series
    baseline_seconds: Sequence[float]
    baseline_p95: Sequence[float | None]
    baseline_error_rate: Sequence[float]
    current_seconds: Sequence[float]
    current_p95: Sequence[float | None]
    current_error_rate: Sequence[float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run against the runs that are its baseline, oldest first: the verdicts and what explains them.

    `errors` are the kinds of errors that grew, `timelines` cover the series with a regression.
    """

    baselines: Sequence[Run]
    current: Run
    verdicts: Sequence[Verdict]
    errors: Sequence[ErrorGrowth] = ()
    timelines: Sequence[Timeline] = ()

    @property
    def regressions(self) -> list[Verdict]:
        """The verdicts that say `regressed`, critical ones first."""
        found = [verdict for verdict in self.verdicts if verdict.decision is Decision.REGRESSED]
        return sorted(found, key=lambda verdict: verdict.severity is not Severity.CRITICAL)
