"""Tests that should have begun and did not: told in time, and only then."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from watched_history import LEARNT, Place, learnt

from soakwatch.core.detector_settings import DetectorSection, DueSection
from soakwatch.core.incident import Incident, Kind, State
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.detector.incidents import advance_incidents, watched
from soakwatch.detector.overdue import DueTests
from soakwatch.detector.signal import Key
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection import Detection

TIMING = Timing.of(DetectorSection())
SHOP = Series("staging", "shop", "cart", "*", "*")
NIGHTLY = DueSection(test="nightly", cron="0 2 * * *", within=60)
TWO = 1_800_064_800.0 - 1_800_064_800.0 % 86_400 + 2 * 3600
"""Two in the morning, UTC."""


def a_run(start: float, end: float | None = None, test: str = "nightly") -> Run:
    return Run("r", "staging", test, start, end)


NIGHTLY_KEY = (Series("staging", "nightly", "*", "*", "*"), Metric.THROUGHPUT, Kind.NO_DATA)
YESTERDAY = a_run(TWO - 86_400 + 20, TWO - 80_000)


def due(at: float, *runs: Run, told: Collection[Key] = (), sections: Sequence[DueSection] = (NIGHTLY,)) -> list[str]:
    """What is said in the minute that ends at `at`."""
    tests = DueTests(sections, "staging", "UTC")
    return [str(signal.standing) for signal in tests.signals(runs, Span(at - 60, at), told)]


def test_a_nightly_test_is_silent_for_23_hours_without_any_alarm() -> None:
    run = a_run(TWO + 20, TWO + 3600)
    assert {standing for hour in range(2, 25) for standing in due(TWO + hour * 3600, run)} == {"normal"}


def test_a_test_that_did_not_begin_in_time_is_told_once_and_goes_on_until_it_does() -> None:
    alarms = [minute for minute in range(24 * 60) if due(TWO + minute * 60, YESTERDAY) == ["alarm"]]
    assert alarms == [60]
    nine = TWO + 9 * 3600
    assert due(nine, YESTERDAY, told=[NIGHTLY_KEY]) == ["alarm"]
    assert due(nine, YESTERDAY, a_run(TWO + 8 * 3600), told=[NIGHTLY_KEY]) == ["normal"]


def test_a_missed_night_is_one_incident_until_the_test_runs_again() -> None:
    again = TWO + 86_400
    incidents: list[Incident] = []
    for minute in range(26 * 60):
        at = TWO + minute * 60.0
        step, known = Span(at - 60, at), [YESTERDAY, a_run(again)]
        signals = DueTests([NIGHTLY], "staging", "UTC").signals(known, step, watched(incidents))
        incidents = advance_incidents(incidents, signals, at, TIMING, [])
    (incident,) = incidents
    assert (incident.onset.start, incident.confirmed) == (TWO, TWO + 3600)
    assert incident.resolved == again + (TIMING.healthy - 1) * 60


def test_what_was_due_before_anybody_watched_or_tested_is_no_alarm() -> None:
    monthly = DueSection(test="nightly", cron="0 2 1 * *", within=60)
    twentieth = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
    days = [a_run(twentieth - day * 86_400, twentieth - day * 86_400 + 60, "daily") for day in range(60)]
    assert due(twentieth, *days, sections=[monthly]) == []
    assert due(TWO + 3600, a_run(TWO + 1800, test="the first ever")) == []
    assert due(TWO + 3600) == ["alarm"], "where nothing ever came, that may be what is wrong"


def test_an_incident_about_a_test_that_is_not_due_any_more_ends() -> None:
    assert due(TWO + 7200, told=[NIGHTLY_KEY], sections=[]) == ["normal"]
    assert due(TWO + 7200, told=[(SHOP, Metric.THROUGHPUT, Kind.NO_DATA)], sections=[]) == []


def test_a_run_of_another_test_or_one_that_is_still_to_come_does_not_count() -> None:
    assert due(TWO + 3600, YESTERDAY, a_run(TWO, test="other"), a_run(TWO + 8000)) == ["alarm"]


def test_a_run_under_way_is_as_good_and_one_that_was_killed_yesterday_is_not() -> None:
    assert due(TWO + 3600, a_run(TWO - 3600)) == ["normal"]
    assert due(TWO + 3600, a_run(TWO - 86_400)) == ["alarm"]


def test_of_two_sections_about_one_test_the_one_that_is_not_fulfilled_is_told() -> None:
    early = DueSection(test="nightly", cron="0 1 * * *", within=120)
    for sections in ([NIGHTLY, early], [early, NIGHTLY]):
        assert due(TWO + 3600, YESTERDAY, a_run(TWO - 3000, TWO - 2000), sections=sections) == ["alarm"]


def test_what_is_overdue_says_when_it_was_due() -> None:
    tests = DueTests([NIGHTLY], "staging", "Europe/Berlin")
    (signal,) = tests.signals([], Span(TWO - 60, TWO))
    assert signal.finding is not None
    assert signal.finding.onset.start == TWO - 3600  # two in Berlin's winter
    assert "02:00 CET" in signal.finding.evidence[0].says


def silences(place: Place, due: Sequence[DueSection], now: float) -> list[Incident]:
    """The open incidents about missing data after a pass of a daemon that was just started with these settings."""
    configuration = place.configuration.model_copy(update={"due": due})
    with place.opened() as (store, ledger, _):
        detection = Detection(store, ledger, configuration)
        report = detection.detect(now, detection.arrivals(now))
    return [one for one in report.incidents if one.kind is Kind.NO_DATA]


def test_the_daemon_tells_of_a_test_that_did_not_begin_until_nobody_asks_for_it_any_more(tmp_path: Path) -> None:
    place = learnt().copy(tmp_path)
    at_half_past_eight = [DueSection(test="search", cron="30 8 * * *", within=60)]
    late = LEARNT + 20 * MINUTE  # half past nine
    assert silences(place, at_half_past_eight, late - 30) == []
    for now in (late + 30, late + 10 * MINUTE):
        (incident,) = silences(place, at_half_past_eight, now)
        assert (incident.state, incident.confirmed) == (State.CONFIRMED, late)
    assert silences(place, [], late + 45 * MINUTE) == []
