"""The rhythm trigger: APScheduler's jobs at the times of a rhythm."""

from datetime import UTC, datetime
from random import uniform

from apscheduler.triggers.base import BaseTrigger

from soakwatch.core.rhythm import Rhythm


class RhythmTrigger(BaseTrigger):
    """The next time of `rhythm`, and up to `jitter` seconds later, so that not all daemons ask at the same moment.

    APScheduler's own cron counts the days of a week from Monday, unlike everybody else's.
    """

    def __init__(self, rhythm: Rhythm, jitter: float = 0.0) -> None:
        self._rhythm = rhythm
        self._jitter = jitter

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """The first time after `now`: what was missed is not made up for, a round does all that is due."""
        return datetime.fromtimestamp(self._rhythm.after(now.timestamp()) + uniform(0.0, self._jitter), UTC)  # noqa: S311  (no secret)
