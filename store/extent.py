"""Extent: how far what a store keeps reaches."""

import numpy as np

from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.store.contract import Column, WindowStore

_HOUR, _DAY = 3_600.0, 86_400.0
_MOST = 400 * _DAY
"""Seconds that are looked back: older roll-ups are not kept, unless somebody wants them for ever."""


def newest_end(store: WindowStore, now: float) -> float | None:
    """When the newest roll-up of a minute ends; None where there is none of the last 400 days.

    Stretch by stretch, each twice as long, because the newest is mostly of the last hour. A day that has not come yet
    is looked at too: clocks differ.
    """
    end, length = now + _DAY, _HOUR
    while end > now - _MOST:
        found = store.history(MINUTE, Span(end - length, end), [Column.COUNT])
        if found:
            return max(float(np.max(one.starts)) for one in found.values()) + MINUTE
        end, length = end - length, min(2 * length, _DAY)
    return None
