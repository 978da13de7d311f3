"""Rhythm: when something is done again and again, by an interval or by a cron expression."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from soakwatch.core.numbers import format_duration
from soakwatch.core.span import Span


@dataclass(frozen=True, slots=True)
class Every:
    """`delay` seconds after each multiple of `seconds` since the epoch: a clock that is set back repeats none."""

    seconds: float
    delay: float = 0.0

    def after(self, moment: float) -> float:
        """The next time after `moment`."""
        return Span.aligned(moment - self.delay, self.seconds).end + self.delay

    def __str__(self) -> str:
        """As people say it."""
        return f"every {format_duration(self.seconds)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """When the cron expression holds, with times of the day in `time_zone`.

    As Debian's cron does it: what would begin in the hour that is skipped in spring begins right after it, and what
    begins in the hour that comes twice in autumn begins once.
    """

    expression: str
    time_zone: str = "UTC"

    def after(self, moment: float) -> float:
        """The next time after `moment`."""
        from cronsim import CronSim  # the collector loads the configuration, and hardly ever one with a cron expression

        begin = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(self.time_zone))
        return next(found for one in CronSim(self.expression, begin) if (found := one.timestamp()) > moment)

    def __str__(self) -> str:
        """As people wrote it."""
        return f"{self.expression} ({self.time_zone})"


Rhythm = Every | Cron
