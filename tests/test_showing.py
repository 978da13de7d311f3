"""What dashboards are told of a step: verdicts, incidents as they go on, and their time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from incident_stories import incident, recovered
from stores import CART
from watched_history import END, LEARNT, ONSET, learnt

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.incident import Incident, State
from soakwatch.core.judgement import Judgement
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.core.shown_incident import Region, ShownIncident
from soakwatch.core.span import Span
from soakwatch.core.verdict import Decision, Effect, Metric, Severity
from soakwatch.detector.engine import Engine
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.showing import Showing
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import create_store
from soakwatch.store.projected_lines import projected_line
from soakwatch.store.projection import Projected, Projection

ISSUES = {"0": "https://github.com/octo-org/shop/issues/7"}


@dataclass
class Wall(Projection):
    """Keeps all that is shown; is away while it is `broken`."""

    points: list[Projected] = field(default_factory=list)
    broken: bool = False

    def write(self, points: Sequence[Projected]) -> None:
        if self.broken:
            raise StoreUnavailable("the server is away")
        self.points += points

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def judgements(self) -> list[Judgement]:
        return [one for one in self.points if isinstance(one, Judgement)]

    @property
    def incidents(self) -> list[ShownIncident]:
        return [one for one in self.points if isinstance(one, ShownIncident)]

    @property
    def regions(self) -> list[Region]:
        return [one for one in self.points if isinstance(one, Region)]


class Refusing(Wall):
    """A store that refuses what is shown, as InfluxDB does points that are older than a bucket keeps them."""

    def write(self, points: Sequence[Projected]) -> None:
        raise StoreRefused(f"{len(points)} points refused for good (422)")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Wall:
    """All that was shown of a history in which one endpoint gets slower an hour and a half before the end."""
    place, wall = learnt().copy(tmp_path_factory.mktemp("watched")), Wall()
    with create_store(place.configuration) as store, create_ledger(place.configuration) as ledger:
        showing = Showing(wall, Timing.of(place.settings), dict)
        detection = Detection(store, ledger, place.configuration, showing.step)
        detection.detect(END + 30, detection.arrivals(END + 30))
    return wall


def shown(before: Incident | None, after: Incident, at: float = 600.0) -> Wall:
    """What is shown of one step."""
    wall = Wall()
    engine = Engine.begin(learnt().settings)
    known = {} if before is None else {before.fingerprint: before}
    issues = {after.fingerprint: ISSUES["0"]}
    Showing(wall, Timing.of(learnt().settings), lambda: issues).step(engine, at, known, [after])
    return wall


def test_verdicts_are_shown_each_ten_minutes_and_when_an_incident_changes(watched: Wall) -> None:
    moments = {one.at for one in watched.judgements}
    blocks = {at for at in range(round(LEARNT), round(END) + 1) if at % 600 == 0 and at > LEARNT}
    assert blocks <= moments
    assert len(moments) < len(blocks) + 10


def test_an_endpoint_is_regressed_from_the_confirmation_on_and_the_other_is_not(watched: Wall) -> None:
    confirmed = min(one.at for one in watched.incidents)
    late = [one for one in watched.judgements if one.at >= confirmed]
    assert {one.series.endpoint for one in late if one.decision is Decision.REGRESSED} == {"/query"}
    assert not [one for one in watched.judgements if one.at < ONSET and one.decision is Decision.REGRESSED]


def test_an_open_incident_is_shown_each_ten_minutes_and_its_time_grows(watched: Wall) -> None:
    assert {one.incident.state for one in watched.incidents} == {State.CONFIRMED}
    moments = [one.at for one in watched.incidents]
    assert len([at for at in moments if at % 600 == 0]) >= 6
    assert [one.end for one in watched.regions if one.is_valid] == moments
    assert abs(watched.regions[-1].start - ONSET) <= 600


def test_what_is_only_suspected_is_shown_to_nobody() -> None:
    suspect = replace(incident(), state=State.SUSPECT, confirmed=None)
    assert not shown(None, suspect).incidents
    assert not shown(None, suspect).regions


def test_a_suspicion_that_changes_is_no_reason_to_show_anything() -> None:
    suspect = replace(incident(), state=State.SUSPECT, confirmed=None)
    after = replace(suspect, onset=Span(suspect.onset.start - 300, suspect.onset.end))
    wall = shown(suspect, after, at=660.0)
    assert not wall.incidents
    assert not wall.judgements


def test_a_revised_onset_takes_the_time_that_was_believed_before_back() -> None:
    before = incident()
    after = replace(before, onset=Span(before.onset.start - 300, before.onset.end))
    regions = shown(before, after).regions
    assert [(one.start, one.is_valid) for one in regions] == [
        (before.onset.start, False),
        (after.onset.start, True),
    ]


def test_a_recovered_incident_ends_when_it_was_last_wrong_and_is_bad_no_more() -> None:
    over = recovered()
    before = replace(over, state=State.CONFIRMED, resolved=None, recovering=None)
    (told,) = shown(before, over).incidents
    (region,) = shown(before, over).regions
    assert told.rank == 0
    assert region.end == (over.recovering or over.resolved)
    assert region.start == over.onset.start


def test_an_incident_is_shown_with_its_issue() -> None:
    (told,) = shown(None, incident()).incidents
    assert told.issue == ISSUES["0"]
    assert told.rank == {Severity.WARNING: 2, Severity.CRITICAL: 3}[told.incident.severity]


def test_between_blocks_what_did_not_change_is_not_shown_again() -> None:
    same = incident()
    assert not shown(same, same, at=660.0).points


def test_a_step_that_cannot_be_shown_is_not_noted_and_is_shown_when_the_store_is_back(tmp_path: Path) -> None:
    place, wall = learnt().copy(tmp_path), Wall(broken=True)
    with create_store(place.configuration) as store, create_ledger(place.configuration) as ledger:
        showing = Showing(wall, Timing.of(place.settings), dict)
        detection = Detection(store, ledger, place.configuration, showing.step)
        with pytest.raises(StoreUnavailable):
            detection.detect(END + 30, detection.arrivals(END + 30))
        wall.broken = False
        detection.detect(END + 30, detection.arrivals(END + 30))
    blocks = {at for at in range(round(LEARNT), round(END) + 1) if at % 600 == 0 and at > LEARNT}
    assert blocks <= {one.at for one in wall.judgements}


def test_what_the_store_refuses_to_show_is_told_once_and_ends_no_step() -> None:
    showing = Showing(Refusing(), Timing.of(learnt().settings), dict)
    showing.step(Engine.begin(learnt().settings), 660.0, {}, [incident()])
    assert showing.refused() == ["dashboards lack something: 2 points refused for good (422)"]
    assert showing.refused() == []


def test_what_is_no_number_is_left_out_and_the_rest_is_shown() -> None:
    one = Judgement(600.0, CART, Metric.P95, Decision.SAME, current=120.0, effect=Effect(0.2, math.nan, math.inf))
    line = projected_line(one)
    assert "effect=0.2" in line
    assert "current=120.0" in line
    assert "low=" not in line
    assert "high=" not in line


@pytest.mark.parametrize("failed", [False, True])
def test_a_pass_that_failed_does_not_say_that_detection_is_not_behind(failed: bool) -> None:
    line = projected_line(PassAccount(660.0, "staging", PassName.DETECTION, 1.5, failed, lag=30.0))
    assert ("lag=" in line, "seen=" in line) == (not failed, not failed)


def test_a_pass_leaves_an_account_of_its_time_and_of_its_trouble() -> None:
    wall = Wall()
    accounting = Accounting(wall, "staging")
    with accounting.of(PassName.ROLL_UP, 600.0):
        pass
    with pytest.raises(ZeroDivisionError), accounting.of(PassName.DETECTION, 660.0):
        raise ZeroDivisionError
    accounts = [one for one in wall.points if isinstance(one, PassAccount)]
    assert [(one.name, one.at, one.is_in_trouble) for one in accounts] == [
        (PassName.ROLL_UP, 600.0, False),
        (PassName.DETECTION, 660.0, True),
    ]
    assert all(0 <= one.duration < 60 for one in accounts)


def test_that_an_account_cannot_be_written_is_no_trouble_of_the_pass() -> None:
    with Accounting(Wall(broken=True), "staging").of(PassName.ROLL_UP, 600.0):
        done = True
    assert done
