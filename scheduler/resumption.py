"""Resumption: whether a pass goes on from where the ledger is, learns anew, or finds that the clock is wrong."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.incident import Incident
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.store.contract import Column, WindowStore


def goes_on(known: DetectionPosition, now: float, closed: float, timing: Timing, store: WindowStore) -> bool:
    """Whether a pass at `now`, when all up to `closed` is over, goes on from what is `known`; else it learns anew.

    That is after longer than baselines look back. Raises StoreUnavailable where it may be the clock that is wrong: what
    was learnt is not given up for that.
    """
    if known.until > now:
        raise StoreUnavailable(
            f"the ledger has judged all up to {_written(known.until)}, which is ahead of this clock: nothing is "
            "judged until then. Set the clock right; if it is right now, and was ahead before, stop soakwatch and "
            f"delete the row {NAME!r} of the table ledger_cursors: all is then learnt anew from the store, and "
            "incidents stay"
        )
    if known.until >= closed - timing.history * timing.step:
        return True
    if not _is_anything_in(store, Span(closed - timing.day, closed)):
        raise StoreUnavailable(
            f"the ledger has judged all up to {_written(known.until)}, which is longer ago than baselines look "
            "back, and the store has nothing of the last day. If no test ran, all is learnt anew when one does; "
            "else look whether this clock is right"
        )
    return False


def judged_no_later(incidents: Iterable[Incident], closed: float) -> list[Incident]:
    """Those of `incidents` that were judged after `closed`, by a clock that was ahead, as judged then.

    What follows would count for none of them until the wrong time has come.
    """
    return [replace(one, judged=closed) for one in incidents if one.judged is not None and one.judged > closed]


def _is_anything_in(store: WindowStore, span: Span) -> bool:
    return any(one.starts.size for one in store.history(MINUTE, span, [Column.COUNT]).values())


def _written(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
