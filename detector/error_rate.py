"""Error rates: counts, not averages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
from scipy import stats

from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Effect
from soakwatch.detector.change import Change, Finding
from soakwatch.detector.evidence import Evidence
from soakwatch.detector.proportions import Z, newcombe

_FEWEST_FAILING_WINDOWS = 3
"""Failures in fewer windows than these are one event, however many they were."""


_MOST_COUNTED = 1_000_000
"""Requests beyond which an exact test takes long and says no more."""


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


def share_of(runs: Sequence[Evidence]) -> Share:
    """Pool the failures of one or several runs of an endpoint.

    Failures come in bursts. The design effect is the variance of the ratio estimator over windows relative to that of
    independent requests, at least 1; dividing the counts by it keeps tests for independent requests valid (Rao and
    Scott, "A simple method for the analysis of clustered binary data", Biometrics 48, 1992). Several runs that differ
    among themselves by more than that count by their own dispersion (McCullagh and Nelder 1989, 4.5).
    """
    failures, requests = sum(run.failures for run in runs), sum(run.requests for run in runs)
    share = failures / requests
    binomial = share * (1 - share) / requests
    if not binomial > 0:
        return Share(failures, requests, requests)
    within = sum((run.requests / requests) ** 2 * run.share_variance for run in runs)
    return Share(failures, requests, requests / max(1.0, within / binomial, _between(runs, share)))


def compare_error_rates(
    finding: Finding, baselines: Sequence[Evidence], current: Evidence, settings: ComparisonSection
) -> Finding:
    """Complete `finding`, which says series and metric.

    How much error rates differ between equal runs is known only from several baseline runs; with one, it is
    `min_error_change` that stands for it.

    The current run may be short when it shows much: an endpoint that hangs until it fails makes few requests.
    """
    known = [evidence for evidence in baselines if not isnan(evidence.failures)]
    if not known:
        return replace(finding, current=current.share, obstacle="in the baseline: its file does not have it")
    before, now = share_of(known), share_of([current])
    change = _test(before, now)
    measured = replace(finding, baseline=before.value, current=now.value)
    obstacle = _too_little("in the baseline", before, known, settings)
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
    effective = max(1, round(min(share.effective, _MOST_COUNTED)))
    failures = min(effective, round(share.value * share.effective))
    return [failures, effective - failures]


def _between(runs: Sequence[Evidence], share: float) -> float:
    """Pearson's dispersion of the runs' shares; 1 is what chance alone gives."""
    if len(runs) < 2:  # noqa: PLR2004  (one run does not differ)
        return 1.0
    pearson = sum(run.requests * (run.share - share) ** 2 for run in runs) / (share * (1 - share))
    return pearson / (len(runs) - 1)


def _shows_much(change: Change, current: Evidence, settings: ComparisonSection) -> bool:
    failing = current.failing or 0
    return failing >= _FEWEST_FAILING_WINDOWS and change.effect.low >= settings.critical_error_change


def _too_little(where: str, share: Share, runs: Sequence[Evidence], settings: ComparisonSection) -> str:
    counted = [run.windows for run in runs if run.windows is not None]
    if share.requests < settings.min_requests:
        return f"{where}: {int(share.requests):,} requests are too few, {settings.min_requests:,} are needed"
    windows = sum(counted)
    if len(counted) == len(runs) and windows < settings.min_windows:
        return f"{where}: {windows} windows are too few, {settings.min_windows} are needed"
    return ""
