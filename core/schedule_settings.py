"""Schedule settings: when the daemon does what."""

from typing import Annotated

from pydantic import Field

from soakwatch.core.detector_settings import Cron
from soakwatch.core.section import Section

Times = Annotated[float, Field(ge=1, le=86_400)] | Cron
"""Seconds from one time to the next, or a cron expression in the detector's time zone."""


class ScheduleSection(Section):
    """[schedule]: when the daemon does what: after so many seconds, or by a cron expression in [detector] time_zone."""

    issues: Times = Field(60.0, description="GitHub's issues are brought up to date")
    annotations: Times = Field(60.0, description="annotations in Grafana are")
    retention: Times = Field(600.0, description="what has expired is forgotten, where the store does not do that")
    spool: Times = Field(60.0, description="what ended processes left on this machine is delivered")
    jitter: float = Field(5.0, ge=0, le=60, description="seconds by which GitHub and Grafana are asked later, by lot")
