"""Projected lines: what dashboards show, as InfluxDB takes it. A number or text that there is none of is left out."""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

from soakwatch.core.incident import Incident
from soakwatch.core.judgement import Judgement, ServiceVerdict
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.core.resolution import RESOLUTIONS, Resolution
from soakwatch.core.shown_incident import Region, ShownIncident
from soakwatch.store.line_parts import boolean, floating, integer, quoted, tag_text
from soakwatch.store.nanoseconds import to_nanoseconds
from soakwatch.store.projection import Projected

VERDICTS, SERVICES, INCIDENTS, REGIONS = "verdicts", "services", "incidents", "regions"
PASSES, RESOLUTIONS_TABLE = "passes", "resolutions"
"""Measurements."""


def projected_line(point: Projected) -> str:
    """One line for `point`. Raises ValueError for what InfluxDB has no form for."""
    return _FORMS[type(point)](point)


def resolution_lines() -> Iterator[str]:
    """What dashboards choose their resolution by; always the same points."""
    shortest = 0.0
    for one in RESOLUTIONS:
        yield _resolution(one, shortest)
        shortest = one.longest


def _resolution(one: Resolution, shortest: float) -> str:
    bounds = {"shortest": integer(round(shortest * 1000)), "longest": integer(round(one.longest * 1000))}
    texts = {"data": quoted(one.data), "exact": quoted(one.exact), "every": quoted(one.step)}
    texts["slowly"] = quoted(one.slowly)
    fields = {**bounds, **texts, "seconds": integer(one.seconds), "width": integer(one.width)}
    return f"{RESOLUTIONS_TABLE}{tag_text(step=one.step)} {_fields(fields)} 0"


def _judgement(one: Judgement) -> str:
    series = one.series
    tags = tag_text(
        endpoint=series.endpoint,
        env=series.environment,
        method=series.method,
        metric=one.metric,
        service=series.service,
        test=series.test,
    )
    numbers: dict[str, float | None] = {"p": one.p, "baseline": one.baseline, "current": one.current}
    if one.effect is not None:
        numbers |= {"effect": one.effect.value, "low": one.effect.low, "high": one.effect.high}
    if one.band is not None:
        numbers |= {"band_low": one.band.low, "band_high": one.band.high}
    fields = {
        "verdict": quoted(one.decision),
        "severity": quoted(one.severity),
        "rank": integer(one.rank),
        # what is no number is left out, lest it hide all that is said at that moment
        **{name: floating(number) for name, number in numbers.items() if number is not None and isfinite(number)},
        **_texts(reason=one.reason),
    }
    return f"{VERDICTS}{tags} {_fields(fields)} {to_nanoseconds(one.at)}"


def _service(one: ServiceVerdict) -> str:
    tags = tag_text(env=one.environment, service=one.service, test=one.test)
    fields = {name: integer(getattr(one, name)) for name in ("rank", "judged", "unknown", "regressed")}
    return f"{SERVICES}{tags} {_fields(fields)} {to_nanoseconds(one.at)}"


def _incident(shown: ShownIncident) -> str:
    one = shown.incident
    fields = {
        "state": quoted(one.state),
        "severity": quoted(one.severity),
        "kind": quoted(one.kind),
        "rank": integer(shown.rank),
        "alarm": integer(shown.alarm),
        "open": integer(int(one.is_open)),
        "onset": floating(one.onset.start),
        **_texts(title=shown.title, issue=shown.issue, deploy=_version(one)),
    }
    return f"{INCIDENTS}{_incident_tags(shown)} {_fields(fields)} {to_nanoseconds(shown.at)}"


def _region(region: Region) -> str:
    one = region.shown.incident
    fields = {
        "end": integer(round(region.end * 1000)),
        "valid": boolean(region.is_valid),
        "tags": quoted(f"{one.service},{one.kind},{one.severity},{one.state}"),
        "severity": quoted(one.severity),
        "state": quoted(one.state),
        **_texts(title=region.shown.title, text=region.text, issue=region.shown.issue, deploy=_version(one)),
    }
    return f"{REGIONS}{_incident_tags(region.shown)} {_fields(fields)} {to_nanoseconds(region.start)}"


def _version(incident: Incident) -> str:
    """What was deployed when it began."""
    deploy = incident.deploy_before
    return "" if deploy is None else deploy.label


def _incident_tags(shown: ShownIncident) -> str:
    one = shown.incident
    return tag_text(env=one.environment, fingerprint=one.fingerprint, service=one.service)


def _pass(one: PassAccount) -> str:
    fields = {
        "duration": floating(one.duration),
        "trouble": integer(int(one.is_in_trouble)),
        "requests": integer(one.requests),
    }
    # what a pass that failed did not come to is not known, rather than nothing
    if one.name is PassName.DETECTION and not one.is_in_trouble:
        fields |= {"lag": floating(one.lag), "seen": floating(one.seen)}
        fields |= {name: integer(getattr(one, name)) for name in ("steps", "series", "learning", "unknown")}
    return f"{PASSES}{tag_text(env=one.environment, **{'pass': one.name})} {_fields(fields)} {to_nanoseconds(one.at)}"


def _texts(**texts: str) -> dict[str, str]:
    return {name: quoted(text) for name, text in texts.items() if text}


def _fields(fields: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in fields.items())


_FORMS: dict[type[Projected], Callable[[Any], str]] = {
    Judgement: _judgement,
    ServiceVerdict: _service,
    ShownIncident: _incident,
    Region: _region,
    PassAccount: _pass,
}
