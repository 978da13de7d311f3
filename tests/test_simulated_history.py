"""Simulated histories: weeks that nobody had to run, and of which everything is known."""

from dataclasses import replace
from math import exp, inf, log
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from soakwatch.core.errors import UsageError
from soakwatch.core.histogram import Histogram
from soakwatch.core.incident import Kind
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, is_whole_service, roll_up
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind
from soakwatch.core.window import Window
from soakwatch.demo.event_text import parse_event
from soakwatch.demo.history_events import DAY, HOUR, Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.history_writing import Horizon, write_history
from soakwatch.demo.random_events import random_events
from soakwatch.demo.simulated_day import SimulatedDay
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.demo.usual_levels import usual_level
from soakwatch.store.contract import WindowStore
from soakwatch.store.sqlite import SqliteStore
from soakwatch.store.truth_files import read_truth, write_truth

FloatArray = npt.NDArray[np.float64]

SMALL = HistoryPlan(seed=7, series=4, days=3, services=2)
STILL = replace(SMALL, wander=0.0, spikes=False)
NOON = DAY + 12 * HOUR


def simulated(*texts: str, plan: HistoryPlan = STILL) -> SimulatedHistory:
    return SimulatedHistory(replace(plan, events=tuple(parse_event(text, plan) for text in texts)))


def log_means(day: SimulatedDay) -> FloatArray:
    """Mean logarithm of the successes' times, for each series and minute."""
    total: FloatArray = (day.counts @ np.log(day.middles)) / day.counts.sum(axis=2)
    return total


def quantile(day: SimulatedDay, series: int, q: float) -> float:
    counts = day.counts[series].sum(axis=0)
    place = np.searchsorted(np.cumsum(counts), q * counts.sum())
    return float(day.middles[place])


def share_above(day: SimulatedDay, series: int, time: float) -> float:
    counts = day.counts[series].sum(axis=0)
    return float(counts[day.middles > time].sum() / counts.sum())


def same(one: SimulatedDay, other: SimulatedDay) -> bool:
    arrays = ("requests", "failures", "counts", "users", "saturated", "recorded")
    return one.start == other.start and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


# chance


def test_a_day_alone_is_the_one_that_comes_in_its_turn() -> None:
    *_, last = SimulatedHistory(SMALL).days()
    assert same(SimulatedHistory(SMALL).day(2), last)


def test_another_seed_is_another_history_and_more_days_do_not_change_the_first() -> None:
    first = SimulatedHistory(SMALL).day(0)
    assert same(SimulatedHistory(replace(SMALL, days=9)).day(0), first)
    assert not same(SimulatedHistory(replace(SMALL, seed=8)).day(0), first)


def test_an_event_changes_nothing_before_it_and_nothing_of_other_series() -> None:
    usual, changed = SimulatedHistory(SMALL), simulated("step:x2@day=1,series=2", plan=SMALL)
    assert same(changed.day(0), usual.day(0))
    others = [0, 1, 3]
    assert np.array_equal(changed.day(1).requests[others], usual.day(1).requests[others])


# what is usual


def test_every_series_has_its_requests_and_one_in_a_thousand_fails() -> None:
    day = SimulatedHistory(replace(STILL, series=10)).day(0)
    assert day.requests.mean() == pytest.approx(300, rel=0.01)
    assert day.requests.var() == pytest.approx(300, rel=0.05)
    assert day.failures.sum() / day.requests.sum() == pytest.approx(0.001, rel=0.1)
    assert np.array_equal(day.counts.sum(axis=2), day.requests - day.failures)


def test_response_times_wander_by_3_percent_and_forget_it_in_8_hours() -> None:
    plan = HistoryPlan(seed=3, series=40)
    wander = np.array(
        [usual_level(plan, each).level - usual_level(replace(plan, wander=0.0), each).level for each in range(40)]
    )
    assert wander.std() == pytest.approx(0.03, rel=0.1)
    assert (wander[:, 480:] * wander[:, :-480]).mean() / wander.var() == pytest.approx(exp(-1), abs=0.08)


def test_weekends_are_a_tenth_faster_and_days_have_a_season() -> None:
    days = [log_means(day).mean(axis=1) for day in SimulatedHistory(replace(STILL, days=7)).days()]
    assert np.mean(days[5:], axis=0) - np.mean(days[:5], axis=0) == pytest.approx([log(0.9)] * 4, abs=0.02)
    by_hour = log_means(SimulatedHistory(STILL).day(0)).reshape(4, 24, 60).mean(axis=2)
    swing = by_hour.max(axis=1) - by_hour.min(axis=1)
    assert (swing > 0.12).all()
    assert (swing < 0.6).all()


def test_spikes_last_up_to_8_minutes_and_come_six_times_a_day() -> None:
    plan = HistoryPlan(seed=3, series=40, days=7)
    spikes = np.array(
        [usual_level(plan, each).level - usual_level(replace(plan, spikes=False), each).level for each in range(40)]
    )
    is_spike = spikes > 0
    assert (is_spike[:, 1:] & ~is_spike[:, :-1]).sum() / 40 / 7 == pytest.approx(6, rel=0.1)
    assert spikes[is_spike].min() >= log(1.5)
    assert is_spike.mean() == pytest.approx(6 * 4.5 / 1440, rel=0.1)


# events


def test_a_step_is_as_large_as_it_says_from_its_minute_on() -> None:
    day, usual = simulated("step:+20%@day=1,hour=12,series=1").day(1), SimulatedHistory(STILL).day(1)
    change = log_means(day)[1] - log_means(usual)[1]
    assert change[:720].mean() == pytest.approx(0, abs=0.005)
    assert change[720:].mean() == pytest.approx(log(1.2), abs=0.005)
    assert change[720] > 0.05


def test_a_creep_grows_by_its_rate_each_day() -> None:
    crept, usual = simulated("creep:+2%/day@day=0,series=0").day(2), SimulatedHistory(STILL).day(2)
    assert (log_means(crept)[0] - log_means(usual)[0]).mean() == pytest.approx(2.5 * log(1.02), abs=0.004)


def test_a_slow_tail_is_slow_and_the_rest_is_not() -> None:
    slowest, random = (
        simulated(f"slow-tail:x4@day=1,series=0,share=2%,which={which}").day(1) for which in ("slowest", "random")
    )
    usual = SimulatedHistory(STILL).day(1)
    median, rare = quantile(usual, 0, 0.5), quantile(usual, 0, 0.999)
    assert quantile(slowest, 0, 0.5) == pytest.approx(median, rel=0.02)
    assert quantile(random, 0, 0.5) == pytest.approx(median, rel=0.04)
    assert quantile(slowest, 0, 0.999) / rare == pytest.approx(4, rel=0.1)
    # all of the slowest are slower than almost any were; of others only those that were not fast
    assert share_above(slowest, 0, rare) == pytest.approx(0.02, rel=0.1)
    assert 0.003 < share_above(random, 0, rare) < 0.02


def test_errors_and_outages_fail_as_many_as_they_say() -> None:
    day = simulated("errors:2%@day=1,series=0", "outage@day=1,hour=12,series=1,for=1h").day(1)
    assert day.failures[0].sum() / day.requests[0].sum() == pytest.approx(0.02, rel=0.05)
    assert np.array_equal(day.failures[1, 720:780], day.requests[1, 720:780])
    assert day.failures[1, 780:].sum() < 0.01 * day.requests[1, 780:].sum()


def test_the_same_load_has_the_same_effect_on_response_times_each_time() -> None:
    history, usual = simulated("load:x2@day=0,for=1d", "load:x2@day=2,for=1d"), SimulatedHistory(STILL)
    assert [int(day.users[0]) for day in history.days()] == [100, 50, 100]
    changes = [(log_means(day) - log_means(was)).mean() for day, was in zip(history.days(), usual.days(), strict=True)]
    assert changes == pytest.approx([log(1.1), 0, log(1.1)], abs=0.003)
    assert history.day(2).requests.mean() == pytest.approx(600, rel=0.01)


def test_less_throughput_is_fewer_requests_by_as_many_users_at_the_same_times() -> None:
    day, usual = simulated("throughput:-30%@day=1,service=api_gateway").day(1), SimulatedHistory(STILL).day(1)
    assert day.requests[:2].mean() == pytest.approx(210, rel=0.01)
    assert day.requests[2:].mean() == pytest.approx(300, rel=0.01)
    assert np.array_equal(day.users, usual.users)
    assert (log_means(day) - log_means(usual)).mean() == pytest.approx(0, abs=0.003)


def test_in_a_gap_of_one_service_the_load_goes_on_and_in_one_of_all_nothing_is_known() -> None:
    day = simulated("gap@day=1,hour=6,service=api_gateway,for=1h", "gap@day=1,hour=12,for=1h").day(1)
    assert day.requests[:2, 360:420].sum() == 0
    assert (day.requests[2:, 360:420] > 0).all()
    assert day.requests[:, 720:780].sum() == 0
    assert np.array_equal(np.flatnonzero(~day.recorded), np.arange(720, 780))


def test_a_saturated_generator_measures_longer_times_and_says_so() -> None:
    day, usual = simulated("saturated@day=1,hour=12,for=1h").day(1), SimulatedHistory(STILL).day(1)
    assert np.array_equal(np.flatnonzero(day.saturated), np.arange(720, 780))
    assert (log_means(day) - log_means(usual))[:, 720:780].mean() == pytest.approx(log(1.5), abs=0.01)


def test_deploys_count_versions_up_and_a_restart_brings_the_same_one() -> None:
    history = simulated("step:+20%@day=1,hour=2,series=0,deploy=yes", "restart@day=2,hour=20,series=0")
    of_service = [one for one in history.deploys() if one.service == "api_gateway"]
    stepped = [one for one in of_service if one.at == STILL.start + DAY + 2 * HOUR]
    (restarted,) = [one for one in of_service if one.title == "restarted"]
    assert len(stepped) == 1
    assert of_service[0].version == "1.0"
    assert restarted == of_service[-1]
    assert restarted.version == of_service[-2].version
    assert len({one.version for one in of_service}) == len(of_service) - 1


# what is written of events


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("step:+20%@day=1,series=3", Event(EventKind.STEP, DAY, (3,), 0.2)),
        (
            "step:x1.2@day=1,hour=12,service=rag_service",
            Event(EventKind.STEP, NOON, (2, 3), 0.2, service="rag_service"),
        ),
        ("step: -10% @ day=1.5 , all", Event(EventKind.STEP, NOON, (0, 1, 2, 3), -0.1)),
        ("creep:+2%/day@day=1,series=0", Event(EventKind.CREEP, DAY, (0,), 0.02)),
        (
            "slow-tail:x4@day=1,series=0,share=5%,which=random",
            Event(EventKind.SLOW_TAIL, DAY, (0,), 3.0, share=0.05, slowest=False),
        ),
        ("errors:0.5%@day=1,series=0,for=2h", Event(EventKind.ERRORS, DAY, (0,), 0.005, 7200.0)),
        ("bump:x3@day=1,series=0", Event(EventKind.BUMP, DAY, (0,), 2.0, 480.0)),
        ("load:x2@day=1,for=1d", Event(EventKind.LOAD, DAY, (0, 1, 2, 3), 1.0, DAY)),
        ("saturated@day=1,for=30m", Event(EventKind.SATURATED, DAY, (0, 1, 2, 3), 0.5, 1800.0)),
        ("deploy@day=1,series=0", Event(EventKind.DEPLOY, DAY, (0,))),
        ("gap@day=1,all,for=1d", Event(EventKind.GAP, DAY, (0, 1, 2, 3), length=DAY)),
        ("step:+20%@day=1,series=3,deploy=yes", Event(EventKind.STEP, DAY, (3,), 0.2, deploy=True)),
    ],
)
def test_events_are_read_as_people_write_them(text: str, event: Event) -> None:
    assert parse_event(text, SMALL) == event


def test_every_event_on_the_page_about_them_is_one_and_its_alarm_is_as_the_page_says() -> None:
    page = (Path(__file__).parent.parent / "docs" / "simulated-history.md").read_text(encoding="utf-8")
    plan = HistoryPlan()
    rows = [line.split(" | ") for line in page.splitlines() if "@day=" in line and line.startswith("| `")]
    events = [parse_event(row[0].strip("| `"), plan) for row in rows]
    assert {event.kind for event in events} == set(EventKind)
    assert [event.incident is not None for event in events] == [row[-1].startswith("yes") for row in rows]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no event ''; there are step, creep, slow-tail"),
        ("stepp:+20%@day=1", "there is no event 'stepp'; there are step"),
        ("step@day=1", "it has no size; write step:+20%, or x1.2"),
        ("step:20@day=1", "'20' is no size; write step:+20%, or x1.2"),
        ("step:-100%@day=1", "'-100%' is no size"),
        ("creep:+2%@day=1", "'+2%' is no size; write creep:+2%/day"),
        ("errors:+2%@day=1", "write errors:2%"),
        ("errors:120%@day=1", "write errors:2%"),
        ("slow-tail:x0.5@day=1", "write slow-tail:x4"),
        ("gap:20%@day=1", "gap has no size; leave '20%' out"),
        ("step:+20%", "it does not say when; write step...@day=20"),
        ("step:+20%@series=1", "it does not say when"),
        ("step:+20%@day=3", "day=3 should be a number from 0 to less than 3"),
        ("step:+20%@day=nan", "day=nan should be a number"),
        ("step:+20%@day=1,hour=24", "hour=24 should be a number from 0 to less than 24"),
        ("step:+20%@day=1,series=4", "series=4 should be one of 0 to 3"),
        ("step:+20%@day=1,series=-1", "series=-1 should be one of 0 to 3"),
        ("step:+20%@day=1,service=shop", "there is no service 'shop'; there are api_gateway, rag_service"),
        ("step:+20%@day=1,series=1,all", "series and all exclude each other; keep one of them"),
        ("step:+20%@day=1,day=2", "'day' is there twice"),
        ("step:+20%@day=1,colour=red", "there is no 'colour'; there are day, hour, series"),
        ("step:+20%@day", "'day' has no value; write day=..."),
        ("step:+20%@day=1,all=yes", "'all' has no value"),
        ("step:+20%@day=1,for=soon", "for=soon should be at least a minute, such as for=8m"),
        ("step:+20%@day=1,for=0m", "for=0m should be at least a minute"),
        ("step:+20%@day=1,share=2%", "'share' is only for slow-tail; leave it out"),
        ("slow-tail:x4@day=1,share=0%", "'0%' is no share; write share=2%"),
        ("slow-tail:x4@day=1,which=some", "which=some should be slowest or random"),
        ("step:+20%@day=1,deploy=maybe", "deploy=maybe should be no or yes"),
        ("load:x2@day=1,series=1", "load is of the whole test; leave series out"),
    ],
)
def test_an_event_that_cannot_be_read_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_event(text, SMALL)
    assert str(caught.value).startswith(f"--event {text!r}: ")
    assert says in str(caught.value)


# the truth


@pytest.mark.parametrize(
    ("text", "incident"),
    [
        ("step:+20%@day=1,series=3", Kind.LATENCY),
        ("step:-20%@day=1,series=3", None),
        ("step:+20%@day=1,series=3,for=8m", None),
        ("bump:x3@day=1,series=3", None),
        ("bump:x3@day=1,series=3,for=1h", Kind.LATENCY),
        ("slow-tail:x4@day=1,series=3", Kind.LATENCY),
        ("creep:+2%/day@day=1,series=3", Kind.LATENCY),
        ("errors:2%@day=1,series=3", Kind.ERRORS),
        ("outage@day=1,service=rag_service", Kind.ERRORS),
        ("throughput:-30%@day=1,service=rag_service", Kind.THROUGHPUT),
        ("throughput:-30%@day=1,series=3", None),
        ("gap@day=1,service=rag_service", Kind.NO_DATA),
        ("gap@day=1,series=3", None),
        ("gap@day=1,all", None),
        ("load:x2@day=1", None),
        ("saturated@day=1", None),
        ("deploy@day=1", None),
        ("restart@day=1", None),
    ],
)
def test_the_truth_says_what_a_detector_should_make_of_it(text: str, incident: Kind | None) -> None:
    (event,) = simulated(text).truth().events
    assert event.incident is incident


def test_the_truth_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    truth = simulated("step:+20%@day=1,hour=12,series=3", "errors:2%@day=0,all,for=2h").truth()
    errors, step = truth.events
    assert errors.span == Span(SMALL.start, SMALL.start + 7200)
    assert step.span == Span(SMALL.start + NOON, SMALL.span.end)
    assert [str(series) for series in step.series] == ["rag_service POST /rag_service/3"]
    write_truth(tmp_path / "truth.json", truth)
    assert read_truth(tmp_path / "truth.json") == truth


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "no truth about a history"),
        ('{"schema": 2, "kind": "truth"}', "written by a newer soakwatch"),
        ('{"schema": 1, "kind": "truth", "seed": 1, "start": 0, "end": 1, "events": [{}]}', r":1: events\[0\].kind"),
        ("", "empty"),
    ],
)
def test_a_file_that_is_no_truth_is_named(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says) as caught:
        read_truth(path)
    assert str(path) in str(caught.value)


def test_random_events_come_to_every_series_once_in_the_days_that_were_asked_for() -> None:
    events = random_events(5, 200, (8.0, 25.0), EventKind.STEP, 0.2)
    assert [event.series for event in events] == [(number,) for number in range(200)]
    onsets = np.array([event.onset for event in events])
    assert onsets.min() >= 8 * DAY
    assert onsets.max() < 25 * DAY
    assert onsets.mean() == pytest.approx(16.5 * DAY, rel=0.1)
    assert (onsets % MINUTE == 0).all()
    assert all((event.size, event.length) == (0.2, inf) for event in events)
    assert (
        random_events(5, 200, (8.0, 25.0), EventKind.STEP, 0.2)
        == events
        != random_events(6, 200, (8.0, 25.0), EventKind.STEP, 0.2)
    )


# in a store


def test_a_store_has_what_was_drawn_rolled_up_as_the_roll_up_itself_would_do_it(store: WindowStore) -> None:
    history = simulated("gap@day=0,hour=6,for=1h", "errors:20%@day=0,hour=9,for=1h", plan=replace(SMALL, days=1))
    write_history(history, store, Horizon())
    minutes = [one.window for one in store.roll_ups(MINUTE, history.plan.span)]
    ten_minutes = [one.window for one in store.roll_ups(TEN_MINUTES, history.plan.span)]
    endpoints = [window for window in minutes if not is_whole_service(window.series)]
    day = history.day(0)
    drawn = {
        (float(day.start + 60 * minute), day.series[series]): (
            int(day.requests[series, minute]),
            int(day.failures[series, minute]),
        )
        for series, minute in zip(*np.nonzero(day.requests), strict=True)
    }
    assert {(one.start, one.series): (one.count, one.failures) for one in endpoints} == drawn
    assert content(minutes) == content([one.window for one in roll_up(endpoints, MINUTE)])
    assert content(ten_minutes) == content([one.window for one in roll_up(endpoints, TEN_MINUTES)])


def content(windows: list[Window]) -> list[object]:
    return [
        (
            *(one.start, one.series, one.width, one.count, one.failures, round(one.sum), one.min, one.max),
            *(one.hist.encode(), one.fail_hist.encode()),
        )
        for one in windows
    ]


def test_a_store_has_one_run_its_load_and_its_deploys(tmp_path: Path) -> None:
    history = simulated("load:x2@day=0,hour=6,for=1h", "gap@day=0,hour=12,for=1h", plan=replace(SMALL, days=1))
    with SqliteStore.create(tmp_path / "s.db") as store:
        write_history(history, store, Horizon())
        (run,) = store.runs()
        load = list(store.load_between(history.plan.span))
        assert store.deploys(Span(0.0, inf)) == history.deploys()
    assert (run.start, run.end, run.users) == (history.plan.span.start, history.plan.span.end, 50)
    assert {sample.run for sample in load} == {run.id}
    assert len(load) == 1440 - 60
    assert [sample.users for sample in load[359:361]] == [50, 100]


def test_writing_it_twice_is_the_same_as_once_and_what_a_store_would_refuse_is_left_out(tmp_path: Path) -> None:
    history = SimulatedHistory(replace(SMALL, days=1))
    noon = history.plan.start + 12 * HOUR
    with SqliteStore.create(tmp_path / "s.db") as store:
        first = write_history(history, store, Horizon(raw=noon, minutes=noon))
        assert write_history(history, store, Horizon(raw=noon, minutes=noon)) == first
        stored = [one.window.start for one in store.roll_ups(MINUTE, history.plan.span)]
        load = list(store.load_between(history.plan.span))
    assert (first.minutes, first.ten_minutes, first.load_samples) == (720 * 6, 144 * 6, 720)
    assert (len(stored), min(stored), len(load)) == (first.minutes, noon, 720)


def test_times_in_the_store_are_those_of_the_histogram(tmp_path: Path) -> None:
    history = SimulatedHistory(replace(STILL, days=1))
    with SqliteStore.create(tmp_path / "s.db") as store:
        write_history(history, store, Horizon())
        window = next(store.roll_ups(TEN_MINUTES, history.plan.span)).window
    median = window.quantile(0.5)
    assert window.min is not None
    assert window.max is not None
    assert median is not None
    assert window.min < median < window.max
    assert window.sum / window.count == pytest.approx(
        np.mean([2 ** ((index - 0.5) / 32) for index, count in window.hist.buckets.items() for _ in range(count)]),
        rel=0.02,
    )
    assert Histogram.decode(window.hist.encode()) == window.hist
