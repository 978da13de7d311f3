"""Soak occasions: from when to when a soak is to run, by its schedule and by what people want."""

from dataclasses import dataclass
from math import inf

from soakwatch.core.soak_settings import SoakSection
from soakwatch.scheduler.soak_book import Wish


@dataclass(frozen=True, slots=True)
class Occasion:
    """A soak is to run from `start` until `end`, in seconds since the epoch; `end` may be infinite."""

    start: float
    end: float


def occasion_at(section: SoakSection, wish: Wish | None, now: float, time_zone: str) -> Occasion | None:
    """The occasion that `now` is in, None where the soak is not to run.

    What somebody stopped stays so until somebody starts it. Where both the schedule and somebody's wish want it, it
    runs until the later of both ends.
    """
    if wish is not None and not wish.wanted:
        return None
    if section.begins_by_itself:
        return Occasion(wish.at if wish else -inf, inf)
    found = [_by_schedule(section, now, time_zone), _by_wish(section, wish, now)]
    return max((one for one in found if one is not None), key=lambda one: one.end, default=None)


def next_begin(section: SoakSection, wish: Wish | None, now: float, time_zone: str) -> float | None:
    """When it begins by itself after `now`; None where it does not."""
    schedule = section.schedule(time_zone)
    return None if schedule is None or (wish is not None and not wish.wanted) else schedule.after(now)


def _by_schedule(section: SoakSection, now: float, time_zone: str) -> Occasion | None:
    schedule, seconds = section.schedule(time_zone), section.seconds
    if schedule is None or seconds is None:
        return None
    begin = schedule.after(now - seconds)
    return Occasion(begin, begin + seconds) if begin <= now else None


def _by_wish(section: SoakSection, wish: Wish | None, now: float) -> Occasion | None:
    if wish is None or section.seconds is None or now >= wish.at + section.seconds:
        return None
    return Occasion(wish.at, wish.at + section.seconds)
