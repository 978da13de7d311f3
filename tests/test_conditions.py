"""When steps do not count, and when nothing at all is something."""

import numpy as np
import pytest

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Kind
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.detector.conditions import Reason, reason_of
from soakwatch.detector.observation import Load, Observation, place_of
from soakwatch.detector.signal import Signal, Standing
from soakwatch.detector.silence import SilenceWatch
from soakwatch.detector.timing import Timing

TIMING = Timing.of(DetectorSection())
SHOP = Series("staging", "shop", "cart", "*", "*")
SEARCH = Series("staging", "shop", "search", "*", "*")
BUSY = Load(users=20.0)


def a_step(number: int, requests: dict[Series, float], load: Load | None = BUSY) -> Observation:
    nothing = np.zeros(len(requests))
    return Observation(
        start=60.0 * number,
        width=60.0,
        series=tuple(requests),
        requests=np.array(list(requests.values())),
        failures=nothing,
        zeros=nothing,
        success_sum=nothing,
        counts=np.zeros((len(requests), 0)),
        first_bucket=0,
        load={("staging", "shop"): load} if load else {},
    )


def watch(steps: list[Observation]) -> list[list[Signal]]:
    silence = SilenceWatch(TIMING)
    said = []
    for observation in steps:
        silence.take(observation)
        said.append(list(silence.signals(observation.end)))
    return said


def alarms(steps: list[Observation]) -> list[tuple[float, Series]]:
    return [(signal.at / 60, signal.series) for signals in watch(steps) for signal in signals]


def both(first: int, last: int) -> list[Observation]:
    return [a_step(number, {SHOP: 300.0, SEARCH: 300.0}) for number in range(first, last)]


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (None, Reason.NONE),
        (BUSY, Reason.NONE),
        (Load(20.0, saturated=True), Reason.SATURATED),
        (Load(20.0, settled=False), Reason.WARM_UP),
    ],
)
def test_what_the_load_generator_did_is_the_reason_why_a_step_does_not_count(load: Load | None, reason: Reason) -> None:
    assert reason_of(load) is reason


def test_every_reason_has_words_for_people() -> None:
    assert all(reason.words for reason in Reason if reason is not Reason.NONE)


def test_a_service_that_stops_while_its_test_goes_on_is_told_after_seven_minutes() -> None:
    silent = [a_step(number, {SEARCH: 300.0}) for number in range(30, 60)]
    told = alarms([*both(0, 30), *silent])
    assert told[0] == (37.0, SHOP)
    assert {series for _, series in told} == {SHOP}


def test_when_all_services_stop_each_is_told() -> None:
    assert {series for _, series in alarms(both(0, 30) + [a_step(n, {}) for n in range(30, 40)])} == {SHOP, SEARCH}


def test_the_finding_says_since_when_and_how_much_is_missing() -> None:
    signal = watch(both(0, 30) + [a_step(number, {SEARCH: 300.0}) for number in range(30, 40)])[-1][0]
    assert signal.kind is Kind.NO_DATA
    assert signal.finding is not None
    assert signal.finding.onset == Span(29 * 60.0, 30 * 60.0)
    assert signal.finding.baseline == pytest.approx(5.0)
    assert "no request for 10 min" in signal.finding.evidence[0].says


def test_a_run_that_ends_is_silent_for_hours_without_an_alarm() -> None:
    assert not alarms(both(0, 30) + [a_step(number, {}, load=None) for number in range(30, 200)])


def test_a_run_that_follows_another_after_a_gap_warms_up_in_peace() -> None:
    gap = [a_step(number, {}, load=None) for number in (30, 31)]
    warm_up = [a_step(number, {}, load=Load(5.0, settled=False)) for number in range(32, 45)]
    assert not alarms([*both(0, 30), *gap, *warm_up, *both(45, 60)])


def test_rare_requests_may_stay_away_by_chance() -> None:
    rare = [a_step(number, {SHOP: 1.0} if number % 5 == 0 else {}) for number in range(60)]
    assert not alarms(rare + [a_step(number, {}) for number in range(60, 80)])


def test_windows_that_come_a_little_late_are_no_silence() -> None:
    late = [a_step(number, {}) for number in range(30, 36)]
    assert not alarms([*both(0, 30), *late, *both(30, 60)])


def test_maintenance_is_no_silence() -> None:
    silence = SilenceWatch(TIMING)
    for observation in both(0, 30):
        silence.take(observation)
    for number in range(30, 60):
        silence.take(a_step(number, {}), maintenance={place_of(SHOP), place_of(SEARCH)})
        assert not list(silence.signals(60.0 * number + 60))


def test_a_service_that_is_heard_again_is_normal_and_one_that_is_not_stays_as_it_was() -> None:
    key = (SHOP, next(iter(watch(both(0, 30) + [a_step(n, {}) for n in range(30, 40)])[-1])).metric, Kind.NO_DATA)
    silence = SilenceWatch(TIMING)
    for observation in both(0, 200):
        silence.take(observation)
    assert [signal.standing for signal in silence.signals(200 * 60.0, [key])] == [Standing.NORMAL]
    silence.take(a_step(200, {}, load=None))
    assert [signal.standing for signal in silence.signals(201 * 60.0, [key])] == [Standing.UNKNOWN]


def test_one_that_knows_the_last_hour_only_says_the_same() -> None:
    steps = both(0, 200) + [a_step(number, {SEARCH: 300.0}) for number in range(200, 230)]
    assert watch(steps)[-20:] == watch(steps[50:])[-20:]


def test_a_run_that_asks_less_than_the_one_before_it_is_no_silence() -> None:
    gap = [a_step(number, {}, load=None) for number in range(30, 41)]
    assert not alarms([*both(0, 30), *gap, *(a_step(number, {SEARCH: 300.0}) for number in range(41, 80))])


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_service_that_falls_silent_while_one_run_takes_the_place_of_another_is_missed(*, goes_on: bool) -> None:
    gap = [a_step(number, {}, load=None) for number in (30, 31)]
    after = [a_step(32, {SEARCH: 300.0}, Load(users=20.0, goes_on=goes_on))]
    rest = [a_step(number, {SEARCH: 300.0}) for number in range(33, 60)]
    assert {series for _, series in alarms([*both(0, 30), *gap, *after, *rest])} == ({SHOP} if goes_on else set())


def test_the_gap_between_a_run_and_the_one_that_goes_on_from_it_is_no_silence() -> None:
    steps = both(0, 30)
    for turn in range(30, 90, 10):
        steps += [a_step(number, {}, load=None) for number in range(turn, turn + 2)]
        steps.append(a_step(turn + 2, {SHOP: 100.0, SEARCH: 100.0}, Load(users=20.0, goes_on=True)))
        steps += both(turn + 3, turn + 10)
    assert not alarms(steps)


def test_who_asks_in_bursts_is_silent_between_them() -> None:
    bursts = [a_step(number, {SHOP: 2000.0} if number % 15 == 0 else {}) for number in range(240)]
    assert not alarms(bursts)


def test_a_service_that_was_restarted_a_while_ago_is_still_missed() -> None:
    pause = [a_step(number, {SEARCH: 300.0}) for number in range(30, 34)]
    told = alarms([*both(0, 30), *pause, *both(34, 50), *(a_step(number, {SEARCH: 300.0}) for number in range(50, 70))])
    assert told[0] == (59.0, SHOP)
