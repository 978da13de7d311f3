"""Deploy marks: what somebody says about a deploy, on a command line or over HTTP, and whether it can be one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import UsageError

CLOCKS_DIFFER = 3600.0
"""Seconds by which a deploy may lie in the future: whoever marks it has another clock."""


@dataclass(frozen=True, slots=True)
class DeployMark:
    """What was said: a service of the environment, `*` for all, and when, as ISO 8601; None where nothing was."""

    service: str = "*"
    version: str = ""
    commit: str = ""
    title: str = ""
    environment: str | None = None
    at: str | None = None

    def deploy(self, environment: str, now: float, prefix: str = "") -> Deploy:
        """The deploy, in `environment` and at `now` unless it was said otherwise.

        Raises UsageError that calls what was given by its name with `prefix` before it.
        """
        if not any(one.strip() for one in (self.version, self.commit, self.title)):
            names = f"{prefix}version, {prefix}commit or {prefix}title"
            raise UsageError(f"nothing says what was deployed; give {names}")
        at = now if self.at is None else parse_moment(self.at, now, f"{prefix}at")
        return Deploy(self.environment or environment, self.service, at, self.version, self.commit, self.title)


def parse_moment(text: str, now: float, name: str) -> float:
    """Read the moment called `name` as ISO 8601, in UTC unless it says otherwise; seconds since the epoch.

    Raises UsageError, also for one that is yet to come.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"{name}: {text!r} is no time; write it as 2026-11-23T02:00:00Z") from None
    if seconds < 0:
        raise UsageError(f"{name}: {text!r} is before 1970")
    if seconds > now + CLOCKS_DIFFER:
        raise UsageError(f"{name}: {text!r} is yet to come, and a mark says what has happened; does it lack its zone?")
    return seconds
