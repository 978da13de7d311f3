"""Alert notices: what Grafana's alerting sends to a webhook, as alerts.

The form is that of grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/
webhook-notifier: one notice holds all alerts of a group, firing and resolved ones, and is sent again while any fires.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from soakwatch.core.alert import Alert
from soakwatch.scheduler.notice import read_notice

INCIDENT_LABEL = "soakwatch_incident"
"""Label, or annotation, of an alert that is about an incident: its fingerprint."""

_FINGERPRINT = re.compile(r"[0-9a-f]{12}")
_LONGEST = 10_000
_MOST_LABELS = 200
_MOST_ALERTS = 1_000


def _text(value: object) -> object:
    if value is None:
        return ""
    return value[:_LONGEST] if isinstance(value, str) else value


def _nothing(value: object) -> object:
    return {} if value is None else value


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[Mapping[str, Text], BeforeValidator(_nothing)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Annotated[str, Field(pattern="^(firing|resolved)$")]
    labels: Texts = {}
    annotations: Texts = {}
    starts_at: Annotated[datetime, Field(alias="startsAt")]
    ends_at: Annotated[datetime | None, Field(alias="endsAt")] = None
    fingerprint: Annotated[str, Field(min_length=1, max_length=200)]
    generator_url: Annotated[Text, Field(alias="generatorURL")] = ""
    silence_url: Annotated[Text, Field(alias="silenceURL")] = ""
    panel_url: Annotated[Text, Field(alias="panelURL")] = ""
    value_string: Annotated[Text, Field(alias="valueString")] = ""


class _Notice(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    alerts: Annotated[Sequence[_Told], Field(max_length=_MOST_ALERTS)]


def alerts_of(notice: bytes, now: float) -> list[Alert]:
    """The alerts of a notice that came at `now`. Raises UsageError that says what is wrong with it."""
    return [_alert(told, now) for told in read_notice(_Notice, notice, "Grafana's alerting").alerts]


def _alert(told: _Told, now: float) -> Alert:
    labels = tuple(sorted(told.labels.items()))[:_MOST_LABELS]
    started = min(now, _seconds(told.starts_at))  # a clock that is ahead must not make all that follows late
    ended = None if told.status == "firing" else max(started, min(now, _seconds(told.ends_at) if told.ends_at else now))
    return Alert(
        fingerprint=told.fingerprint,
        name=told.labels.get("alertname", "") or "an alert without a name",
        labels=labels,
        summary=told.annotations.get("summary", ""),
        description=told.annotations.get("description", ""),
        values=told.value_string,
        started=started,
        ended=ended,
        page=told.generator_url,
        panel=told.panel_url,
        silence=told.silence_url,
        incident=_incident(told),
    )


def _incident(told: _Told) -> str:
    """The incident that it names. Grafana's templates write `<no value>` where there is none."""
    named = (told.labels.get(INCIDENT_LABEL) or told.annotations.get(INCIDENT_LABEL, "")).strip().lower()
    return named if _FINGERPRINT.fullmatch(named) else ""


def _seconds(moment: datetime) -> float:
    """Grafana writes the year 1 for an end that is not known."""
    return max(0.0, moment.timestamp()) if moment.year > 1 else 0.0
