"""Soak decisions: what is to be done about a soak now, from what is wanted and what is seen of it. Nothing but that."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from soakwatch.core.numbers import format_duration
from soakwatch.scheduler.soak_occasion import Occasion
from soakwatch.scheduler.soak_record import Ending, SoakRecord

FINISHING = 60.0
"""Seconds that Locust may take to end: it waits for its workers' last records, and for a store that is slow."""

FINISHING_HUNG = 10.0
"""Seconds of the same where it hangs, or nothing leads it: it may not even hear that it should end."""

RAN_WELL = 600.0
"""Seconds after which what went wrong with earlier starts counts no more."""

WELL_BEGUN = 60.0
"""Seconds after which Locust may end by itself, as shapes do; earlier, something is wrong with it."""

GOES_ON_WITHIN = 60.0
"""Seconds after the end of one run within which the next goes on from it."""

LONGEST_REST = 300.0

WORKERS_MISSED = 15.0
"""Seconds for which local workers may be missing before that is a fault."""


class Do(StrEnum):
    """What can be done."""

    NOTHING = "nothing"
    START = "start"
    STOP = "stop"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do; to `STOP` has an `ending`, and a `START` may go on from the run `continues`."""

    do: Do
    ending: Ending | None = None
    continues: str = ""


NOTHING = Step(Do.NOTHING)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a soak's present start on this machine.

    Its leading process lives (`leads`) or not, and so many `others` beside it. For so many seconds it is `silent`, and
    `short` of local workers; one that is silent for longer than `patience` hangs.
    """

    leads: bool = False
    others: int = 0
    silent: float = 0.0
    short: float = 0.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted: to run on `occasion` (None: not to run), with `settings`, and a new run at `rotation`.

    Before `free`, it may still be under way on another machine. Somebody started it at `wished`.
    """

    occasion: Occasion | None
    settings: str = ""
    rotation: float | None = None
    free: float | None = None
    wished: float = -inf


def decide(wanted: Wanted, record: SoakRecord, seen: Seen, now: float) -> Step:
    """What to do now. Of a start of which nothing is left, `after_end` is to be taken first.

    It never starts while anything of a start is left, or while it may run elsewhere; what was asked to end is killed
    only when it had its time.
    """
    if seen.leads or seen.others:
        return _of_living(wanted, record, seen, now)
    if (
        wanted.occasion is None
        or rest_left(record, now, wanted.wished) > 0
        or (wanted.free is not None and now < wanted.free)
    ):
        return NOTHING
    return Step(Do.START, continues=record.run if _goes_on(wanted, record, now) else "")


def after_end(record: SoakRecord, now: float, *, in_order: bool, last_words: str) -> SoakRecord:
    """The record when nothing is left of its start. It came to an end `in_order` where Locust says so."""
    ran = max(0.0, now - record.began)
    well = record.ending.is_in_order if record.ending else in_order and ran >= WELL_BEGUN
    before = 0 if ran >= RAN_WELL else record.failures
    return replace(
        record,
        token="",
        process=0,
        ended=now,
        asked=None,
        failures=0 if well else before + 1,
        restarts=record.restarts + (not well),
        fault="" if well else _fault(record.ending, ran, last_words),
    )


def rest_after(failures: int) -> float:
    """Seconds of rest after so many failures in a row: 1 s, twice as long each time, up to five minutes."""
    return min(LONGEST_REST, 2.0 ** min(failures - 1, 20)) if failures else 0.0


def rest_left(record: SoakRecord, now: float, wished: float = -inf) -> float:
    """Seconds that are left of the rest; none when the clock was set back, or somebody has started it since."""
    if record.ended is None or now < record.ended or record.ended < wished <= now:
        return 0.0
    return max(0.0, record.ended + rest_after(record.failures) - now)


def _of_living(wanted: Wanted, record: SoakRecord, seen: Seen, now: float) -> Step:
    if record.asked is not None:
        hears = seen.leads and record.ending not in {Ending.HANGS, Ending.REMAINS}
        is_late = abs(now - record.asked) > (FINISHING if hears else FINISHING_HUNG)
        return Step(Do.KILL) if is_late else NOTHING
    ending = _why_to_end(wanted, record, seen, now)
    return NOTHING if ending is None else Step(Do.STOP, ending)


def _why_to_end(wanted: Wanted, record: SoakRecord, seen: Seen, now: float) -> Ending | None:
    reasons = {
        Ending.REMAINS: not seen.leads,
        Ending.OVER: wanted.occasion is None,
        Ending.HANGS: seen.silent > seen.patience,
        Ending.LOST_WORKERS: seen.short > WORKERS_MISSED,
        Ending.CHANGED: record.settings != wanted.settings,
        Ending.ROTATION: wanted.rotation is not None and now >= wanted.rotation,
    }
    return next((ending for ending, holds in reasons.items() if holds), None)


def _goes_on(wanted: Wanted, record: SoakRecord, now: float) -> bool:
    ended = record.ended
    return (
        record.ending in {Ending.ROTATION, Ending.RELEASED}
        and record.settings == wanted.settings
        and ended is not None
        and 0 <= now - ended <= GOES_ON_WITHIN
    )


def _fault(ending: Ending | None, ran: float, last_words: str) -> str:
    # to the minute: it is said again where it is another sentence
    after = format_duration(ran // 60 * 60) if ran >= WELL_BEGUN else "less than a minute"
    match ending:
        case Ending.HANGS:
            return f"Locust hung after {after}: it lived and closed no windows"
        case Ending.LOST_WORKERS:
            return f"a worker was gone after {after}"
        case _:
            said = f"; its last words: {last_words}" if last_words else ""
            return f"Locust ended by itself after {after}{said}"
