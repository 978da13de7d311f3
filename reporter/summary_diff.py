"""What differs between two files of summaries, endpoint by endpoint; numbers only, nothing is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from soakwatch.core.run_summary import PlainBaseline, RunSummary
from soakwatch.core.verdict import Metric
from soakwatch.reporter.summary_figures import Endpoint, Figures, by_service, figures_of

METRICS = (Metric.P50, Metric.P95, Metric.P99, Metric.MEAN, Metric.ERROR_RATE)
"""What is compared, in the order in which it is shown."""

_AS_BAD_AS = 10.0
"""One point of error rate counts as ten percent of response time, as the limits of [comparison] have it."""


class Presence(StrEnum):
    """In which of two files an endpoint is."""

    GONE = "gone"
    BOTH = "both"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Difference:
    """One endpoint in two files; `before` or `now` is None where it is in one of them only."""

    endpoint: Endpoint
    before: Figures | None
    now: Figures | None

    @property
    def presence(self) -> Presence:
        """In which of the files it is."""
        if self.now is None:
            return Presence.GONE
        return Presence.NEW if self.before is None else Presence.BOTH

    def change(self, metric: Metric) -> float | None:
        """How `metric` changed: a ratio minus one, for the error rate a difference of shares; None where not known."""
        before = self.before.values.get(metric) if self.before else None
        now = self.now.values.get(metric) if self.now else None
        if before is None or now is None:
            return None
        if metric is Metric.ERROR_RATE:
            return now - before
        return _relative(before, now)

    @property
    def change_of_requests(self) -> float | None:
        """How the number of requests changed, as a ratio minus one; None where not known."""
        before = self.before.requests if self.before else None
        now = self.now.requests if self.now else None
        return None if before is None or now is None else _relative(before, now)

    @property
    def badness(self) -> float:
        """The largest change for the worse, to sort by."""
        changes = [(metric, self.change(metric)) for metric in METRICS]
        return max(
            (change * (_AS_BAD_AS if metric is Metric.ERROR_RATE else 1.0) for metric, change in changes if change),
            default=0.0,
        )


def diff_summaries(before: Sequence[RunSummary], now: Sequence[RunSummary]) -> list[Difference]:
    """Every endpoint of two files: those that are gone, then those in both, worst first, then new ones.

    Where either file has plain numbers of services, whole services are compared.
    """
    plain = any(isinstance(summary, PlainBaseline) for summary in (*before, *now))
    old, new = (by_service(file) if plain else figures_of(file) for file in (before, now))
    return sorted(
        (Difference(endpoint, old.get(endpoint), new.get(endpoint)) for endpoint in sorted({*old, *new})),
        key=lambda one: (list(Presence).index(one.presence), -one.badness),
    )


def _relative(before: float, now: float) -> float | None:
    if before == 0:
        return 0.0 if now == 0 else None
    return now / before - 1
