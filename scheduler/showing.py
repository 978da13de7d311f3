"""Showing: what a step of detection found, for dashboards."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from soakwatch.core.errors import StoreRefused
from soakwatch.core.incident import Incident, State
from soakwatch.core.judgement import service_verdicts
from soakwatch.core.shown_incident import Region, ShownIncident
from soakwatch.detector.engine import Engine
from soakwatch.detector.judging import regressed_by
from soakwatch.detector.timing import BLOCK, Timing
from soakwatch.reporter.incident_case import incident_title, is_worth_an_issue
from soakwatch.reporter.incident_words import ended
from soakwatch.store.projection import Projected, Projection


class Showing:
    """Writes to `projection` what dashboards show, at the end of each block of steps, and of each incident's changes.

    `issues` gives the addresses of incidents' issues, by fingerprint.
    """

    def __init__(self, projection: Projection, timing: Timing, issues: Callable[[], Mapping[str, str]]) -> None:
        """Write nothing yet."""
        self._projection = projection
        self._timing = timing
        self._issues = issues
        self._refused: dict[str, None] = {}

    def step(self, engine: Engine, at: float, before: Mapping[str, Incident], after: Sequence[Incident]) -> None:
        """Show the step that ended at `at`. Raises StoreUnavailable.

        What the store refuses is not shown: that must not keep the detector from going on.
        """
        ends_block = round(at / self._timing.step) % BLOCK == 0
        told = {
            one.fingerprint: one
            for one in after
            if was_told(one) and (_is_news(before.get(one.fingerprint), one) or (ends_block and one.is_open))
        }
        if not told and not ends_block:
            return
        issues = self._issues() if told else {}
        judgements = list(engine.judgements(at, regressed_by(after)))
        points: list[Projected] = [*judgements, *service_verdicts(judgements)]
        for incident in told.values():
            shown = ShownIncident(at, incident, incident_title(incident), issues.get(incident.fingerprint, ""))
            points += _points_of(shown, before.get(incident.fingerprint))
        try:
            self._projection.write(points)
        except StoreRefused as error:
            self._refused[f"dashboards lack something: {error}"] = None

    def refused(self) -> Sequence[str]:
        """Sentences on what could not be shown since they were last asked for."""
        told = list(self._refused)
        self._refused.clear()
        return told


def _points_of(shown: ShownIncident, before: Incident | None) -> Iterator[Projected]:
    incident, at = shown.incident, shown.at
    yield shown
    if before is not None and was_told(before) and before.onset.start != incident.onset.start:
        yield replace(_region(replace(shown, incident=before), at), is_valid=False)
    yield _region(shown, at)


def was_told(incident: Incident) -> bool:
    """Whether people hear of it: what was only ever suspected is shown to nobody."""
    return is_worth_an_issue(incident)


def _is_news(before: Incident | None, after: Incident) -> bool:
    if before is None:
        return True
    return (before.state, before.severity, before.onset, before.ruling, len(before.findings)) != (
        *(after.state, after.severity, after.onset, after.ruling),
        len(after.findings),
    )


def _region(shown: ShownIncident, at: float) -> Region:
    one = shown.incident
    is_over = one.state in {State.RECOVERING, State.RESOLVED}
    end = max(ended(one) if is_over else at, one.onset.start)
    return Region(shown, one.onset.start, end, f"{one.severity} {one.kind}, {one.state} ({one.fingerprint})")
