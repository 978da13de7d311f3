"""Old histories: what is kept of windows that are too old to be stored as they are."""

from collections.abc import Iterable
from itertools import groupby

from soakwatch.core.retention import kept_from
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, RollUp, is_whole_service, roll_up
from soakwatch.core.span import Span
from soakwatch.core.window import Window
from soakwatch.store.contract import WindowStore


def write_roll_ups(windows: Iterable[Window], store: WindowStore, now: float) -> None:
    """Write the roll-ups of `windows`, which are in order of time, as far as `store` keeps them at `now`.

    They replace what was there: of other runs at the same time in the same series nothing is known any more. Raises
    StoreUnavailable and StoreRefused.
    """
    for _, group in groupby(windows, key=lambda window: Span.aligned(window.start, TEN_MINUTES)):
        minutes = roll_up(group, MINUTE)
        endpoints = (one.window for one in minutes if not is_whole_service(one.window.series))
        store.write(
            [
                *_kept(minutes, kept_from(store.retention.minutes, now)),
                *_kept(roll_up(endpoints, TEN_MINUTES), kept_from(store.retention.ten_minutes, now)),
            ]
        )


def _kept(roll_ups: Iterable[RollUp], since: float) -> Iterable[RollUp]:
    return (one for one in roll_ups if one.window.start >= since)
