"""Schedule settings: when the daemon does what."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from soakwatch.core.detector_settings import Cron, check_cron
from soakwatch.core.section import Section

_SHORTEST, _LONGEST = 1.0, 86_400.0


def _times(value: object) -> object:
    """The same. Raises ValueError that says both of what would be right: of a union, each part complains by itself."""
    try:
        seconds = None if isinstance(value, bool) else float(str(value))
    except ValueError:
        seconds = None
    if seconds is not None and _SHORTEST <= seconds <= _LONGEST:
        return value
    try:
        return check_cron(value if isinstance(value, str) and seconds is None else "")
    except ValueError:
        right = f"it must be a number of seconds from {_SHORTEST:g} to {_LONGEST:g}, or a cron expression"
        raise ValueError(f"{right} such as '*/5 * * * *'") from None


Times = Annotated[Annotated[float, Field(ge=_SHORTEST, le=_LONGEST)] | Cron, BeforeValidator(_times)]
"""Seconds from one time to the next, or a cron expression in the detector's time zone."""


class ScheduleSection(Section):
    """[schedule]: when the daemon does what: after so many seconds, or by a cron expression in [detector] time_zone."""

    issues: Times = Field(60.0, description="GitHub's issues are brought up to date")
    annotations: Times = Field(60.0, description="annotations in Grafana are")
    retention: Times = Field(600.0, description="what has expired is forgotten, where the store does not do that")
    spool: Times = Field(60.0, description="what ended processes left on this machine is delivered")
    jitter: float = Field(5.0, ge=0, le=60, description="seconds by which GitHub and Grafana are asked later, by lot")
