"""Soak trouble: what is wrong with a soak now, in a sentence for people."""

from dataclasses import dataclass
from math import inf

from soakwatch.core.numbers import format_duration
from soakwatch.scheduler.soak_decision import rest_left
from soakwatch.scheduler.soak_occasion import Occasion
from soakwatch.scheduler.soak_record import Ending, SoakRecord
from soakwatch.scheduler.soak_watching import SoakWatching

_FORGIVEN = 60.0
"""Seconds after which a start that goes well lets what was wrong with the one before be forgotten."""

_ENDING = {
    Ending.HANGS: "Locust hangs: it lives and closes no windows; it is being restarted",
    Ending.LOST_WORKERS: "a worker is gone; Locust is being restarted",
    Ending.REMAINS: "Locust's leading process is gone and left others behind, which are being ended",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a soak at a moment: to run on `occasion`, or not; before `free` it may run elsewhere.

    Somebody started it at `wished`.
    """

    occasion: Occasion | None
    free: float | None = None
    wished: float = -inf


def trouble_of(record: SoakRecord, watching: SoakWatching, asked: Asked, expected: int, now: float) -> str:
    """What is wrong, empty where nothing is; so many workers are `expected` from other machines.

    It stays the same for as long as the same is wrong: what passes meanwhile is said by `waiting_for`.
    """
    if not record.token:
        return _of_resting(record, asked, now) if asked.occasion is not None else ""
    if record.asked is not None and record.ending in _ENDING:
        return _ENDING[record.ending]
    return _of_running(watching, expected) or (record.fault if now - record.began < _FORGIVEN else "")


def waiting_for(record: SoakRecord, asked: Asked, now: float) -> str:
    """How long it is until one that is wanted begins, for people who ask now; empty where it does not wait."""
    if record.token or asked.occasion is None:
        return ""
    if _is_elsewhere(asked, now):
        return f"it begins here within {_time((asked.free or now) - now)}"
    left = rest_left(record, now, asked.wished)
    return f"next try in {_time(left)}" if record.fault and left else ""


def _of_resting(record: SoakRecord, asked: Asked, now: float) -> str:
    return "it may still be under way on another machine" if _is_elsewhere(asked, now) else record.fault


def _is_elsewhere(asked: Asked, now: float) -> bool:
    return asked.free is not None and now < asked.free


def _of_running(watching: SoakWatching, expected: int) -> str:
    if watching.is_unanswered:
        return "the target does not answer: every request goes without any answer"
    if watching.pulse is None or watching.pulse.workers >= expected:
        return "its users make no requests; Locust's log says what they do instead" if watching.is_idle else ""
    there = f"{watching.pulse.workers} of {expected}"
    if watching.pulse.run:
        return f"workers are missing: {there} are there"
    return f"it waits for its workers: {there} have come"


def _time(seconds: float) -> str:
    return format_duration(max(1.0, seconds))
