"""Conditions: why a step does not count, and how that is said to people."""

from enum import IntEnum

from soakwatch.detector.observation import Load


class Reason(IntEnum):
    """Why a step of a series is not in its baseline; the largest of several is the one that counts.

    The numbers are kept for weeks: a reason that is added gets a number of its own.
    """

    NONE = 0
    NO_DATA = 1
    WARM_UP = 2
    SATURATED = 3
    MAINTENANCE = 4
    OTHER_LOAD = 5
    INCIDENT = 6
    BEFORE_ACCEPTED = 7
    FEW_REQUESTS = 8
    """Of a series or a block, never of a step; its failures are judged."""
    TOO_MANY_SERIES = 9
    """Of a series that came when there was no room for more."""

    @property
    def words(self) -> str:
        """What to tell people; empty for NONE."""
        return _WORDS[self]


_WORDS = {
    Reason.NONE: "",
    Reason.NO_DATA: "there were no requests",
    Reason.WARM_UP: "the run was warming up",
    Reason.SATURATED: "the load generator was saturated, so that it measured itself",
    Reason.MAINTENANCE: "it was being maintained",
    Reason.OTHER_LOAD: "there is no comparable load in the baseline",
    Reason.INCIDENT: "there was an incident",
    Reason.BEFORE_ACCEPTED: "it was before the level that is the baseline now",
    Reason.FEW_REQUESTS: "there are too few requests to know how long they usually take",
    Reason.TOO_MANY_SERIES: "more series came than can be followed",
}


def reason_of(load: Load | None) -> Reason:
    """Why a step at this load does not count; a test of which no load is known counts."""
    if load is None:
        return Reason.NONE
    if load.saturated:
        return Reason.SATURATED
    return Reason.NONE if load.settled else Reason.WARM_UP
