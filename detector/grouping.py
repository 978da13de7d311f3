"""Grouping: which alarms are about one thing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from soakwatch.core.incident import Finding, Incident, Kind
from soakwatch.core.span import Span
from soakwatch.detector.onset_vote import gap_between
from soakwatch.detector.signal import Signal
from soakwatch.detector.timing import Timing

Place = tuple[str, str, Kind]
"""Environment, service and kind: what goes wrong there at one time is one thing."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A signal of alarm of something that no open incident has, and what it found."""

    signal: Signal
    finding: Finding

    @property
    def place(self) -> Place:
        """Where it is."""
        series = self.signal.series
        return series.environment, series.service, self.signal.kind


@dataclass(frozen=True, slots=True)
class Grouping:
    """Alarms by the fingerprint of the incident that they join, and those that make new incidents together."""

    joining: Mapping[str, Sequence[Alarm]]
    beginning: Sequence[Sequence[Alarm]]


def group_alarms(alarms: Iterable[Alarm], incidents: Sequence[Incident], timing: Timing) -> Grouping:
    """Let alarms join the open `incidents` of their place that began when they did, and group the others.

    "When" allows half an hour between the onsets' intervals: they are right in nine of ten cases, so that of forty
    slow endpoints some are a little off. An incident that has another metric of the series is joined whatever the
    onsets say: of a creep, each metric rises above its own noise at its own time. Of a place, one new incident begins
    in a step, around its sharpest onset; what began at another time waits for the next step. All this does not depend
    on the order of `alarms`.
    """
    slack = timing.long * timing.step
    joining: dict[str, list[Alarm]] = {}
    others: dict[Place, list[Alarm]] = {}
    for alarm in sorted(alarms, key=_sharpest_first):
        incident = _nearest(alarm, incidents, slack)
        if incident is not None:
            joining.setdefault(incident.fingerprint, []).append(alarm)
        else:
            others.setdefault(alarm.place, []).append(alarm)
    return Grouping(joining, [_around_first(others[place], slack) for place in sorted(others)])


def _sharpest_first(alarm: Alarm) -> tuple[float, Span, str, str, str]:
    onset, series = alarm.finding.onset, alarm.signal.series
    # the text of all fields: the name for people leaves out the test
    return onset.end - onset.start, onset, repr(series), alarm.signal.metric, alarm.signal.kind


def _nearest(alarm: Alarm, incidents: Iterable[Incident], slack: float) -> Incident | None:
    def gap(one: Incident) -> float:
        has_series = any(finding.series == alarm.signal.series for finding in one.findings)
        return -1.0 if has_series else gap_between(one.onset, alarm.finding.onset)

    there = (one for one in incidents if (one.environment, one.service, one.kind) == alarm.place)
    near = [one for one in there if gap(one) <= slack]
    return min(near, key=lambda one: (gap(one), one.suspected, one.fingerprint), default=None)


def _around_first(alarms: Sequence[Alarm], slack: float) -> Sequence[Alarm]:
    onset = alarms[0].finding.onset
    return [alarm for alarm in alarms if gap_between(onset, alarm.finding.onset) <= slack]
