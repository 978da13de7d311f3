"""Retention: how long each kind of data is kept."""

from dataclasses import dataclass
from math import inf

_DAY = 86_400.0


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
