"""Retention: how long each kind of data is kept."""

from dataclasses import dataclass
from math import inf, isfinite

_DAY = 86_400.0

_MARGIN, _MARGIN_SHARE = 3_600.0, 0.05
"""Seconds, or a share of the retention if that is less, that something is still kept when it is worth writing."""

_STRETCH = 600.0
"""Whole stretches of so many seconds expire: half of a stretch would make a roll-up of that half only."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that data is kept; inf is for ever. Runs and deploys are always kept.

    `raw` is for windows as the collector writes them (errors, load and health with them), `minutes` for roll-ups of one
    minute, `ten_minutes` for those of ten and for what is kept of each run.
    """

    raw: float = 7 * _DAY
    minutes: float = 30 * _DAY
    ten_minutes: float = 400 * _DAY


FOR_EVER = Retention(inf, inf, inf)


def kept_from(seconds: float, now: float) -> float:
    """The moment from which on data that is kept for `seconds` will not expire while it is being written.

    Between whole ten minutes, which are kept or left out as one.
    """
    if not isfinite(seconds):
        return -inf
    return -(-(now - seconds + min(_MARGIN, _MARGIN_SHARE * seconds)) // _STRETCH) * _STRETCH


def expired_before(seconds: float, now: float) -> float:
    """The moment before which all that is kept for `seconds` has expired; between whole ten minutes, too."""
    return (now - seconds) // _STRETCH * _STRETCH if isfinite(seconds) else -inf
