"""Soak states: how the soaks are doing that a daemon keeps running, for people and for its HTTP."""

from dataclasses import dataclass

SOAKS_JOB = "soaks"
"""How the daemon's job that keeps soaks is called."""


@dataclass(frozen=True, slots=True)
class SoakState:
    """One soak at a moment. Times are seconds since the epoch, and None where there is none.

    It is `wanted` to run or not; it runs `since`, as the Locust process `process` (0 where none runs), and is `due` to
    begin, or to begin its next run. It was restarted `restarts` times after something went wrong; `trouble` is what is
    wrong now.
    """

    name: str
    wanted: bool
    test: str
    process: int = 0
    run: str = ""
    since: float | None = None
    due: float | None = None
    restarts: int = 0
    trouble: str = ""
