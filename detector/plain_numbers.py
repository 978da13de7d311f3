"""Plain numbers: evidence from values of which nobody wrote down how many requests they rest on."""

from collections.abc import Mapping
from math import inf, log, nan

from soakwatch.core.verdict import Metric
from soakwatch.detector.dependence import Spread
from soakwatch.detector.evidence import METRICS, Evidence
from soakwatch.detector.level import RESOLUTION, Level

_EXACT = 1_000_000
"""Requests that stand behind a plain number: so many that its own uncertainty does not count."""


def evidence_of_numbers(numbers: Mapping[Metric, float]) -> Evidence:
    """Take `numbers` (ms, and a share for the error rate) as exact; what is missing is not known."""
    certain = Spread(0.0, inf)
    levels = {
        metric: Level(log(max(numbers[metric], RESOLUTION)), certain, certain)
        for metric in METRICS
        if metric in numbers
    }
    return Evidence(_EXACT, numbers.get(Metric.ERROR_RATE, nan) * _EXACT, _EXACT, levels, share_variance=0.0)
