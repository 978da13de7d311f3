"""Error persistence: whether failures go on, told from bursts by how many steps are bad and how they lie."""

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc

from soakwatch.detector.sample import FloatArray

WIDTHS = (12, 20, 40, 80, 160)
"""Steps that are looked at together: as few as the traffic allows, and longer ones for changes that are smaller."""

_BURST = 6
"""Steps that a burst touches: what is over in five minutes is no incident, wherever in a minute it began."""

_OUTSIDE = 4
"""Bad steps that there must be outside of the worst `_BURST` in a row; in a short stretch a quarter of it."""

_OUTSIDE_A_BURST = 6
"""The same where those are so much worse than the others that they are a burst: `_STANDS_OUT` times as bad."""

_STANDS_OUT = 3.0

_FEWEST_SHORT = 9
"""Of twelve; a burst of up to eight minutes is none then."""

_FEWEST_LONG = 8
"""Of twenty or more, with little traffic, where single failures must lie far apart to be so many."""

_TWO_BURSTS = 2
"""More bad steps than chance alone would ask for, where the stretch is long enough to have two bursts in it."""


def fewest(width: int) -> int:
    """Bad steps that there must be in so many."""
    return _FEWEST_SHORT if width == WIDTHS[0] else _FEWEST_LONG


def persistent_width(bad: npt.NDArray[np.bool_], failed: FloatArray, chance: float, first: int, allowed: float) -> int:
    """The fewest steps, from `first` on, in which failures go on; 0 where in none they do.

    `bad` and `failed` (n,) are the steps with unusually many failures, which one of them has with probability `chance`,
    and all failures; `allowed` is the rate of false alarms.
    """
    for width, spare in widths_from(first, bad.size):
        if _persists(bad[-width:], failed[-width:], chance, spare, allowed):
            return width
    return 0


def _persists(bad: npt.NDArray[np.bool_], failed: FloatArray, chance: float, spare: int, allowed: float) -> bool:
    """Whether so many steps are bad, `spare` left out, that chance explains it less often than allowed, and no burst.

    An alarm can only begin with a bad step, so the rate of false ones is at most chance times the tail of the others
    (the declumping of Aldous, Probability Approximations via the Poisson Clumping Heuristic, 1989, for a scan).
    """
    count, width = int(bad.sum()), bad.size
    return is_many(count - spare, width, chance, allowed) and _is_spread(bad, failed)


def widths_from(first: int, steps: int) -> list[tuple[int, int]]:
    """The widths that are looked at, from `first` on, where there are so many `steps`; each with what it leaves out."""
    return [(w, _TWO_BURSTS if w > first else 0) for w in WIDTHS if first <= w <= max(steps, first)]


def is_many(count: int, width: int, chance: float, allowed: float) -> bool:
    """Whether `count` bad steps of `width` are more than chance explains, wherever they lie."""
    return count >= fewest(width) and chance * _chance_of(count - 1, width - 1, chance) <= allowed


def _is_spread(bad: npt.NDArray[np.bool_], failed: FloatArray) -> bool:
    """Whether there are enough bad steps outside of the worst few in a row."""
    window = np.ones(_BURST)
    outside = int(bad.sum() - np.convolve(bad, window, "valid").max())
    worst = float(np.convolve(failed, window, "valid").max())
    others = (float(failed.sum()) - worst) / (bad.size - _BURST) * _BURST
    least = _OUTSIDE_A_BURST if worst > _STANDS_OUT * others else _OUTSIDE
    return outside >= min(least, bad.size // 4)


def _chance_of(count: int, trials: int, chance: float) -> float:
    """Chance of `count` bad steps or more of so many."""
    return 1.0 if count <= 0 else float(bdtrc(count - 1, trials, chance))
