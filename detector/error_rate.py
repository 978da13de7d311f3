"""Error rates: counts, not averages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from soakwatch.core.configuration import ComparisonSection
from soakwatch.core.verdict import Effect
from soakwatch.detector.change import Change, Finding
from soakwatch.detector.dependence import spread_of_sum
from soakwatch.detector.proportions import Z, newcombe
from soakwatch.detector.sample import Sample

_FEWEST_FAILING_WINDOWS = 3
"""Failures in fewer windows than these are one event, however many they were."""


@dataclass(frozen=True, slots=True)
class Share:
    """`failures` of `requests`, and how many independent requests (`effective`) would be as sure."""

    failures: float
    requests: float
    effective: float

    @property
    def value(self) -> float:
        """Failures as a share of the requests."""
        return self.failures / self.requests


def share_of(samples: Sequence[Sample]) -> Share:
    """Pool the failures of one or several runs of an endpoint; every sample has requests.

    Failures come in bursts. The design effect is the variance of the ratio estimator over windows relative to that of
    independent requests, at least 1; dividing the counts by it keeps tests for independent requests valid (Rao and
    Scott, "A simple method for the analysis of clustered binary data", Biometrics 48, 1992). Several runs that differ
    among themselves by more than that count by their own dispersion (McCullagh and Nelder 1989, 4.5).
    """
    failures = sum(float(sample.failures.sum()) for sample in samples)
    requests = sum(float(sample.requests.sum()) for sample in samples)
    share = failures / requests
    binomial = share * (1 - share) / requests
    if not binomial > 0:
        return Share(failures, requests, requests)
    within = sum(spread_of_sum((s.failures - share_in(s) * s.requests) / requests).variance for s in samples)
    return Share(failures, requests, requests / max(1.0, within / binomial, _between(samples, share)))


def compare_error_rates(
    finding: Finding, baselines: Sequence[Sample], current: Sample, settings: ComparisonSection
) -> Finding:
    """Complete `finding`, which says series and metric, from samples without empty windows.

    How much error rates differ between equal runs is known only from several baseline runs; with one, it is
    `min_error_change` that stands for it.

    The current run may be short when it shows much: an endpoint that hangs until it fails makes few requests.
    """
    before, now = share_of(baselines), share_of([current])
    change = _test(before, now)
    measured = replace(finding, baseline=before.value, current=now.value)
    obstacle = _too_little("in the baseline", before, baselines, settings)
    if not obstacle and not _shows_much(change, current, settings):
        obstacle = _too_little("in the current run", now, [current], settings)
    return replace(measured, obstacle=obstacle) if obstacle else replace(measured, change=change)


def _test(before: Share, now: Share) -> Change:
    """Fisher's exact test on effective counts, and Newcombe's interval of the difference."""
    size = now.value - before.value
    low, high = newcombe(before.value, before.effective, now.value, now.effective)
    return Change(
        Effect(size, low, high),
        float(stats.fisher_exact(np.array([_counts(before), _counts(now)])).pvalue),
        absolute=abs(size),
        absolute_bound=max(abs(low), abs(high)),
        requests=now.requests,
        sampling=((high - low) / (2 * Z)) ** 2,
        lasting=0.0,
    )


def _counts(share: Share) -> list[int]:
    effective = max(1, round(share.effective))
    failures = min(effective, round(share.value * share.effective))
    return [failures, effective - failures]


def share_in(sample: Sample) -> float:
    """Failures of one run's `sample` as a share of its requests."""
    return float(sample.failures.sum() / sample.requests.sum())


def _between(samples: Sequence[Sample], share: float) -> float:
    """Pearson's dispersion of the runs' shares; 1 is what chance alone gives."""
    if len(samples) < 2:  # noqa: PLR2004  (one run does not differ)
        return 1.0
    pearson = sum(float(s.requests.sum()) * (share_in(s) - share) ** 2 for s in samples) / (share * (1 - share))
    return pearson / (len(samples) - 1)


def _shows_much(change: Change, current: Sample, settings: ComparisonSection) -> bool:
    failing = int((current.failures > 0).sum())
    return failing >= _FEWEST_FAILING_WINDOWS and change.effect.low >= settings.critical_error_change


def _too_little(where: str, share: Share, samples: Sequence[Sample], settings: ComparisonSection) -> str:
    windows = sum(sample.requests.size for sample in samples)
    if share.requests < settings.min_requests:
        return f"{where}: {int(share.requests):,} requests are too few, {settings.min_requests:,} are needed"
    if windows < settings.min_windows:
        return f"{where}: {windows} windows are too few, {settings.min_windows} are needed"
    return ""
