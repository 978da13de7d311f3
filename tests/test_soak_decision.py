"""What is done about a soak, by what is wanted and what is seen: laws that hold whatever happens."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from soakwatch.scheduler.soak_decision import (
    FINISHING,
    FINISHING_HUNG,
    GOES_ON_WITHIN,
    LONGEST_REST,
    NOTHING,
    RAN_WELL,
    Do,
    Seen,
    Step,
    Wanted,
    after_end,
    decide,
    rest_after,
)
from soakwatch.scheduler.soak_occasion import Occasion
from soakwatch.scheduler.soak_record import Ending, SoakRecord, decode_record

ALWAYS = Occasion(-inf, inf)
RUNS = Wanted(ALWAYS, "as ever")
HEALTHY = Seen(leads=True, others=2)
NOW = 1_800_000_000.0
A_START = "a"

moments = st.floats(NOW - 1e6, NOW + 1e6)
endings = st.none() | st.sampled_from(Ending)
records = st.builds(
    SoakRecord,
    token=st.sampled_from(["", "a"]),
    process=st.integers(0, 9),
    began=moments,
    asked=st.none() | moments,
    ending=endings,
    settings=st.sampled_from(["as ever", "other"]),
    run=st.text(max_size=3),
    ended=st.none() | moments,
    failures=st.integers(0, 40),
    restarts=st.integers(0, 40),
    fault=st.text(max_size=3),
)
sights = st.builds(Seen, st.booleans(), st.integers(0, 3), st.floats(0, 100), st.floats(0, 100), st.floats(30, 100))
wishes = st.builds(
    Wanted,
    st.sampled_from([None, ALWAYS]),
    st.sampled_from(["as ever", "other"]),
    st.none() | moments,
    st.none() | moments,
)


@given(wishes, records, sights, moments)
def test_nothing_is_started_beside_what_lives_or_may_live_elsewhere_or_is_not_wanted(
    wanted: Wanted, record: SoakRecord, seen: Seen, now: float
) -> None:
    step = decide(wanted, record, seen, now)
    if step.do is Do.START:
        assert not seen.leads
        assert not seen.others
        assert wanted.occasion is not None
        assert wanted.free is None or now >= wanted.free
    if step.do in {Do.STOP, Do.KILL}:
        assert seen.leads or seen.others


@given(wishes, records, sights, moments)
def test_what_was_asked_to_end_is_asked_once_and_killed_only_when_it_had_its_time(
    wanted: Wanted, record: SoakRecord, seen: Seen, now: float
) -> None:
    step = decide(wanted, record, seen, now)
    if record.asked is not None:
        assert step.do is not Do.STOP
    if step.do is Do.KILL:
        assert record.asked is not None
        assert abs(now - record.asked) > FINISHING_HUNG


@given(records, moments)
def test_a_run_goes_on_from_one_that_ended_in_order_a_moment_ago_with_the_same_settings(
    record: SoakRecord, now: float
) -> None:
    step = decide(RUNS, record, Seen(), now)
    if step.continues:
        assert record.ending in {Ending.ROTATION, Ending.RELEASED}
        assert record.settings == RUNS.settings
        assert record.ended is not None
        assert 0 <= now - record.ended <= GOES_ON_WITHIN


@given(records)
def test_a_record_reads_back_equal(record: SoakRecord) -> None:
    assert decode_record(record.encode()) == record


@given(st.text())
def test_a_record_that_is_none_is_told_as_none(text: str) -> None:
    assert decode_record(text) is None


def test_what_runs_well_is_left_alone() -> None:
    assert decide(RUNS, running(), HEALTHY, NOW) == NOTHING


def test_each_reason_to_end_it_is_told() -> None:
    cases = {
        Ending.OVER: (replace(RUNS, occasion=None), HEALTHY),
        Ending.HANGS: (RUNS, replace(HEALTHY, silent=61.0)),
        Ending.LOST_WORKERS: (RUNS, replace(HEALTHY, short=16.0)),
        Ending.CHANGED: (replace(RUNS, settings="other"), HEALTHY),
        Ending.ROTATION: (replace(RUNS, rotation=NOW), HEALTHY),
        Ending.REMAINS: (RUNS, Seen(leads=False, others=1)),
    }
    for ending, (wanted, seen) in cases.items():
        assert decide(wanted, running(), seen, NOW) == Step(Do.STOP, ending)


def test_one_that_hangs_is_killed_sooner_than_one_that_finishes() -> None:
    for ending, patience in ((Ending.ROTATION, FINISHING), (Ending.HANGS, FINISHING_HUNG)):
        record = replace(running(), asked=NOW, ending=ending)
        assert decide(RUNS, record, HEALTHY, NOW + patience) == NOTHING
        assert decide(RUNS, record, HEALTHY, NOW + patience + 0.1) == Step(Do.KILL)


def test_rests_double_from_a_second_up_to_five_minutes() -> None:
    assert [rest_after(failures) for failures in range(5)] == [0, 1, 2, 4, 8]
    assert rest_after(10**6) == LONGEST_REST


def test_what_ran_well_for_ten_minutes_starts_anew_at_the_shortest_rest() -> None:
    failed = replace(running(), failures=7, restarts=9)
    soon = after_end(failed, failed.began + RAN_WELL - 1, in_order=False, last_words="")
    late = after_end(failed, failed.began + RAN_WELL, in_order=False, last_words="")
    assert (soon.failures, late.failures) == (8, 1)
    assert (soon.restarts, late.restarts) == (10, 10)


def test_the_last_words_of_what_ended_by_itself_are_told() -> None:
    ended = after_end(running(), NOW, in_order=False, last_words="SyntaxError: invalid syntax")
    assert ended.fault == "Locust ended by itself after 1 h 40 min; its last words: SyntaxError: invalid syntax"


def test_who_starts_what_rests_after_a_fault_need_not_wait_until_the_rest_is_over() -> None:
    failed = replace(after_end(running(), NOW, in_order=False, last_words="no users"), failures=9)
    later = NOW + 20
    assert decide(RUNS, failed, Seen(), later) == NOTHING
    assert decide(replace(RUNS, wished=NOW - 1), failed, Seen(), later) == NOTHING
    assert decide(replace(RUNS, wished=NOW + 10), failed, Seen(), later).do is Do.START


def test_what_ends_again_and_again_is_told_in_the_same_words() -> None:
    record = running()
    faults = {
        after_end(record, record.began + ran, in_order=False, last_words="no users").fault for ran in (2.2, 3.8, 31.0)
    }
    assert faults == {"Locust ended by itself after less than a minute; its last words: no users"}


def test_a_shape_that_comes_to_its_end_is_no_fault_unless_it_does_so_at_once() -> None:
    record = running()
    assert after_end(record, record.began + 61, in_order=True, last_words="").restarts == 0
    assert after_end(record, record.began + 5, in_order=True, last_words="").restarts == 1


def test_a_clock_that_was_set_back_by_an_hour_costs_no_hour_of_load() -> None:
    ended = after_end(running(), NOW, in_order=False, last_words="")
    assert decide(RUNS, ended, Seen(), NOW - 3600).do is Do.START


def running() -> SoakRecord:
    return SoakRecord("a", 7, NOW - 6000, settings="as ever", run="one")


@dataclass
class World:
    """One soak in a world in which things happen, second by second; holds that never two of it live."""

    record: SoakRecord = field(default_factory=SoakRecord)
    living: int = 0
    hangs: float = 0.0
    starts: int = 0
    finishing: float | None = None

    def second(self, event: str, now: float, *, wanted: bool) -> None:
        self._happen(event)
        if self.finishing is not None and now >= self.finishing:
            self.living, self.finishing = 0, None
        seen = Seen(self.living > 0, 0, self.hangs)
        if self.record.token and not self.living:
            self.record = after_end(self.record, now, in_order=False, last_words="")
        step = decide(replace(RUNS, occasion=ALWAYS if wanted else None), self.record, seen, now)
        match step.do:
            case Do.START:
                assert self.living == 0
                self.living, self.hangs, self.starts = 1, 0.0, self.starts + 1
                self.record = replace(
                    self.record, token=A_START, process=1, began=now, asked=None, ending=None, settings="as ever"
                )
            case Do.STOP:
                self.record = replace(self.record, asked=now, ending=step.ending)
                self.finishing = None if self.hangs else now + 3
            case Do.KILL:
                self.living, self.finishing = 0, None
            case Do.NOTHING:
                pass

    def _happen(self, event: str) -> None:
        if event == "crash":
            self.living, self.finishing = 0, None
        elif event == "hang" or self.hangs:
            self.hangs += 1 if self.living else 0


events = st.lists(
    st.tuples(st.sampled_from(["nothing", "crash", "hang"]), st.booleans(), st.integers(1, 90)), max_size=12
)


@given(events)
def test_whatever_happened_it_runs_soon_where_it_is_wanted_and_ends_soon_where_it_is_not(
    happened: Sequence[tuple[str, bool, int]],
) -> None:
    world, now = World(), NOW
    for event, wanted, seconds in happened:
        world.second(event, now, wanted=wanted)
        for _ in range(seconds):
            now += 1
            world.second("nothing", now, wanted=wanted)
    for wanted in (True, False):
        for _ in range(700):
            now += 1
            world.second("nothing", now, wanted=wanted)
        assert (world.living == 1) is wanted
