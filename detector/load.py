"""Load: when a run had all its users, how many they were, and whether their generator kept up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import inf
from statistics import fmean

from soakwatch.core.window import LoadSample

SATURATED_SHARE = 0.5
"""A run whose load generator was saturated for more of the time than this measured itself, not the service."""

_NEARLY_ALL = 0.95
"""Where a run never reaches its target (users that stop, a custom shape), this share of its peak is all its users."""


def users_by_start(load: Sequence[LoadSample]) -> dict[float, int]:
    """Users of all processes together at the end of the window that starts at each key, in order of time."""
    totals: defaultdict[float, int] = defaultdict(int)
    for sample in load:
        totals[sample.start] += sample.users
    return dict(sorted(totals.items()))


def warm_up_end(users: Mapping[float, int], target: int) -> float:
    """Start of the last window of the warm-up; -inf when nothing is known of the load.

    `users` is what `users_by_start` gives. A sample is taken at the end of its window, so users were still spawning
    within the first window that has them all: that one is warm-up too.
    """
    peak = max(users.values(), default=0)
    if not peak:
        return -inf
    enough = target if 0 < target <= peak else _NEARLY_ALL * peak
    return next(start for start, total in users.items() if total >= enough)


def steady_users(users: Mapping[float, int], warm_up: float, target: int) -> float | None:
    """Mean users after the warm-up; the run's `target` when there are no samples, None when that is not known either.

    The samples at the end that say zero were taken when the run had stopped.
    """
    after = [total for start, total in users.items() if start > warm_up]
    while after and not after[-1]:
        after.pop()
    return fmean(after) if after else float(target) or None


def saturated_starts(load: Sequence[LoadSample], warm_up: float) -> set[float]:
    """Starts of the windows after the warm-up in which any process of the load generator could not keep up."""
    return {sample.start for sample in load if sample.saturated and sample.start > warm_up}


def was_saturated(load: Sequence[LoadSample], warm_up: float) -> bool:
    """Whether the load generator could not keep up for so much of the time after the warm-up that little is left."""
    starts = {sample.start for sample in load if sample.start > warm_up}
    return bool(starts) and len(saturated_starts(load, warm_up)) > SATURATED_SHARE * len(starts)
