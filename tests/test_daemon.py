"""The daemon in one process: its jobs, what keeps one from the others, and how it ends."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.errors import ConfigurationError, LeaseLost, StoreUnavailable, SurfaceUnavailable
from soakwatch.core.rhythm import Cron, Every, Rhythm
from soakwatch.scheduler.daemon import LAST_WORDS, Daemon
from soakwatch.scheduler.job import Job, Stopped, Stopping
from soakwatch.scheduler.job_board import JobBoard, JobState, rest_after
from soakwatch.scheduler.lasting import LastingWork

OFTEN = Every(0.05)
NO_HANG = 20.0

Work = Callable[[float, Stopping], Sequence[str]]


@dataclass
class Counting:
    """Work that counts its rounds; in each, `act` is done."""

    act: Callable[[], object] = lambda: None
    trouble: Sequence[str] = ()
    rounds: list[float] = field(default_factory=list)

    def __call__(self, now: float, _stopping: Stopping) -> Sequence[str]:
        self.rounds.append(now)
        self.act()
        return self.trouble

    def until(self, rounds: int) -> None:
        """Wait for so many rounds more."""
        wanted, end = len(self.rounds) + rounds, time.monotonic() + NO_HANG
        while len(self.rounds) < wanted:
            assert time.monotonic() < end, f"only {len(self.rounds)} of {wanted} rounds"
            time.sleep(0.01)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + NO_HANG
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def until_all(rounds: int, *works: Counting) -> None:
    for work in works:
        work.until(rounds)


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


@dataclass
class Running:
    """A daemon at work in the main thread, while `script` runs in another one, and then asks it to stop."""

    jobs: Sequence[Job]
    leads: Callable[[], bool] = lambda: True
    heard: list[JobState] = field(default_factory=list)
    board: JobBoard = field(default_factory=JobBoard)

    def while_(self, script: Callable[[], object]) -> list[str]:
        went_wrong: list[BaseException] = []

        def act() -> None:
            try:
                script()
            except BaseException as error:  # noqa: BLE001  (raised again in the main thread)
                went_wrong.append(error)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Timer(0.1, act)
        daemon = Daemon(self.jobs, self.board, self.leads, self.heard.append)
        with signals_restored():
            daemon.heed_signals()
            thread.start()
            try:
                left = daemon.run()
            finally:
                thread.join()
        for error in went_wrong:
            raise error
        return left

    def state(self, name: str) -> JobState:
        return self.board.state(name, time.time())


@contextmanager
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # one that comes too late must end no test
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def job(name: str, work: Work, rhythm: Rhythm = OFTEN, patience: float = 60.0, *, is_exclusive: bool = True) -> Job:
    return Job(name, rhythm, work, patience, is_exclusive)


@pytest.mark.parametrize(
    "error", [StoreUnavailable("no store"), LeaseLost("another one"), ZeroDivisionError("a defect")], ids=repr
)
def test_a_job_that_fails_stops_no_other_one_and_shows(error: Exception) -> None:
    bad, good = Counting(failing(error)), Counting()
    running = Running([job("bad", bad), job("good", good)])
    assert running.while_(lambda: until_all(4, bad, good)) == []
    assert str(error) in running.state("bad").trouble
    assert running.state("bad").failed == len(bad.rounds)
    assert running.state("good").is_well
    assert {one.name for one in running.heard if one.trouble} == {"bad"}


def test_a_job_that_fails_is_left_alone_longer_and_longer_and_goes_on_when_all_is_well_again() -> None:
    broken = True

    def act() -> None:
        if broken:
            raise StoreUnavailable("no store")

    counting, good = Counting(act), Counting()
    running = Running([job("mended", counting), job("good", good)])

    def script() -> None:
        nonlocal broken
        good.until(30)
        assert 2 <= len(counting.rounds) <= 12
        broken = False
        counting.until(8)

    running.while_(script)
    state = running.state("mended")
    assert (state.in_a_row, state.trouble) == (0, "")
    assert state.rounds >= 7


def test_what_went_wrong_can_be_stored_though_it_names_a_file_whose_name_is_no_text() -> None:
    work = Counting(failing(StoreUnavailable("the spool \udcff.spool cannot be read")))
    running = Running([job("spool", work)])
    running.while_(lambda: work.until(2))
    assert running.state("spool").trouble.encode() == b"the spool \\udcff.spool cannot be read"


def test_a_server_that_asks_to_be_left_alone_is() -> None:
    asked, good = Counting(failing(SurfaceUnavailable("too many requests", retry_after=60.0))), Counting()
    Running([job("asked", asked), job("good", good)]).while_(lambda: good.until(10))
    assert len(asked.rounds) == 1


def test_a_job_that_hangs_stops_no_other_one_shows_and_is_left_behind_in_the_end() -> None:
    let = threading.Event()
    hanging, good = Counting(let.wait), Counting()
    running = Running([job("hanging", hanging, patience=0.2), job("good", good)])
    begin = 0.0

    def script() -> None:
        nonlocal begin
        good.until(20)
        assert running.state("hanging").hangs
        assert not running.state("good").hangs
        begin = time.monotonic()

    assert running.while_(script) == ["hanging"]
    assert time.monotonic() - begin < LAST_WORDS + 2
    let.set()


def test_long_work_that_asks_whether_to_stop_does_not_hang_and_is_given_time_to_end() -> None:
    ended = threading.Event()

    def work(_now: float, stopping: Stopping) -> Sequence[str]:
        while not stopping():
            time.sleep(0.02)
        ended.set()
        raise Stopped

    running, good = Running([]), Counting()
    running.jobs = [job("long", work, patience=0.3), job("good", good)]

    def script() -> None:
        good.until(15)
        assert not running.state("long").hangs

    assert running.while_(script) == []
    assert ended.is_set()
    assert running.state("long").is_well


@pytest.mark.parametrize("before", [0, 1], ids=["the first round", "the second one, after a long time"])
def test_a_job_that_has_just_begun_hangs_at_no_moment(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    board, seen = JobBoard(), list[bool]()
    board.enlist([job("rare", Counting(), Every(600.0), patience=300.0)])
    for _ in range(before):
        board.begun("rare", 0.0)
        board.went_well("rare", 1.0, 1.0)

    class Watched:
        """Somebody else looks each time that the board lets go of its lock."""

        lock = board._lock

        def __enter__(self) -> None:
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()
            with monkeypatch.context() as unwatched:
                unwatched.setattr(board, "_lock", self.lock)
                seen.append(board.state("rare", 600.0).hangs)

    monkeypatch.setattr(board, "_lock", Watched())
    board.begun("rare", 600.0)
    assert seen
    assert not any(seen)


def test_what_a_job_does_in_the_end_is_done_in_its_own_thread_and_waited_for() -> None:
    threads: list[str] = []

    def note() -> None:
        time.sleep(0.1)
        threads.append(threading.current_thread().name)

    counting = Counting(lambda: threads.append(threading.current_thread().name))
    ending = Job("ending", OFTEN, counting, 60.0, end=note)
    assert Running([ending]).while_(lambda: counting.until(3)) == []
    assert len(threads) == len(counting.rounds) + 1
    assert len(set(threads)) == 1


def test_wrong_configuration_that_a_job_finds_at_first_ends_all() -> None:
    good = Counting()
    running = Running([job("wrong", Counting(failing(ConfigurationError("no such bucket")))), job("good", good)])
    with pytest.raises(ConfigurationError, match="no such bucket"):
        running.while_(lambda: time.sleep(0.5))


def test_where_wrong_configuration_ends_all_its_job_is_not_waited_for() -> None:
    daemon = Daemon([job("wrong", Counting(failing(ConfigurationError("no such bucket"))))], JobBoard(), lambda: True)
    with pytest.raises(ConfigurationError):
        daemon.run()
    assert daemon.under_way() == []


def test_what_looks_like_wrong_configuration_after_months_ends_nothing() -> None:
    def act() -> None:
        if len(counting.rounds) > 2:
            raise ConfigurationError("the file with the token is gone")

    counting, good = Counting(act), Counting()
    running = Running([job("later", counting), job("good", good)])
    assert running.while_(lambda: until_all(4, counting, good)) == []
    assert "the file with the token is gone" in running.state("later").trouble


def test_only_the_daemon_that_leads_does_what_one_of_several_does() -> None:
    leads = False
    alone, each = Counting(), Counting()
    running = Running([job("alone", alone), job("each", each, is_exclusive=False)], lambda: leads)

    def script() -> None:
        nonlocal leads
        each.until(6)
        assert alone.rounds == []
        leads = True
        alone.until(3)

    running.while_(script)


def test_jobs_of_one_lane_are_never_done_at_once() -> None:
    at_work, most = 0, 0

    def act() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.02)
        at_work -= 1

    one, two = Counting(act), Counting(act)
    running = Running([Job(name, OFTEN, work, 60.0, lane="store") for name, work in (("one", one), ("two", two))])
    running.while_(lambda: until_all(5, one, two))
    assert most == 1


@pytest.mark.parametrize("jump", [-3600.0, 86_400.0], ids=["set back by an hour", "asleep for a day"])
def test_a_clock_that_jumps_keeps_no_job_waiting(jump: float) -> None:
    counting = Counting()
    running = Running([job("steady", counting, Every(1.0))])

    def script() -> None:
        counting.until(2)
        with time_machine.travel(time.time() + jump, tick=True):
            counting.until(3)
        counting.until(2)

    begin = time.monotonic()
    running.while_(script)
    assert time.monotonic() - begin < NO_HANG
    assert len(counting.rounds) <= time.monotonic() - begin + 4, "what was missed is not made up for"


def test_what_is_due_once_a_day_is_done_once_when_the_machine_has_slept_over_it() -> None:
    counting, daily = Counting(), Cron("0 3 * * *")
    running = Running([job("daily", counting, daily)])

    def script() -> None:
        wait_until(lambda: running.state("daily").rounds == 1)
        with time_machine.travel(time.time() + 86_400, tick=True):
            wait_until(lambda: running.state("daily").rounds == 2)
            wait_until(lambda: running.state("daily").due == daily.after(time.time()))

    running.while_(script)
    assert len(counting.rounds) == 2


def test_when_the_clock_was_set_back_the_next_time_that_is_told_is_the_one_that_comes() -> None:
    counting, daily = Counting(), Cron("0 3 * * *")
    running = Running([job("daily", counting, daily)])

    def script() -> None:
        wait_until(lambda: running.state("daily").rounds == 1)
        with time_machine.travel(time.time() - 7 * 86_400, tick=True):
            wait_until(lambda: running.state("daily").due == daily.after(time.time()))

    running.while_(script)
    assert len(counting.rounds) == 1


@pytest.mark.parametrize("jump", [-3600.0, 86_400.0], ids=["set back by an hour", "asleep for a day"])
def test_a_clock_that_jumps_in_the_middle_of_a_round_makes_no_job_hang_and_hides_none_that_does(jump: float) -> None:
    let, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        let.wait()

    running = Running([job("long", Counting(wait), patience=6.0)])

    def script() -> None:
        assert begun.wait(NO_HANG)
        with time_machine.travel(time.time() + jump, tick=True):
            time.sleep(3.0)
            assert not running.state("long").hangs
            time.sleep(6.0)
            assert running.state("long").hangs
        let.set()

    running.while_(script)


def test_what_a_job_works_with_is_opened_once_and_anew_after_trouble() -> None:
    opened: list[str] = []

    @contextmanager
    def open_() -> Iterator[str]:
        opened.append("open")
        yield "a connection"
        opened.append("closed")

    def work(connection: str, now: float, _stopping: Stopping) -> Sequence[str]:
        if now == 2.0:
            raise StoreUnavailable("cut")
        return [connection]

    lasting = LastingWork(open_, work)
    assert lasting(0.0, lambda: False) == lasting(1.0, lambda: False) == ["a connection"]
    with pytest.raises(StoreUnavailable):
        lasting(2.0, lambda: False)
    assert opened == ["open", "closed"]
    lasting(3.0, lambda: False)
    lasting.close()
    assert opened == ["open", "closed", "open", "closed"]


@given(st.floats(0, 4e9), st.floats(0.5, 86_400), st.floats(0, 60))
def test_an_interval_follows_the_clock_whatever_it_says(moment: float, seconds: float, delay: float) -> None:
    after = Every(seconds, delay).after(moment)
    assert moment < after <= moment + seconds * (1 + 1e-6) + 1e-3


@given(st.integers(1_700_000_000, 1_900_000_000))
def test_a_cron_expression_is_at_most_a_day_away_and_each_time_comes_once(moment: int) -> None:
    rhythm = Cron("30 2 * * *", "Europe/Berlin")
    first = rhythm.after(moment)
    second = rhythm.after(first)
    assert moment < first <= moment + 25.1 * 3600
    assert 22.9 * 3600 <= second - first <= 25.1 * 3600


def test_days_of_the_week_are_counted_as_cron_counts_them() -> None:
    sunday = 1_795_910_400.0  # 2026-11-29T00:00:00Z
    assert Cron("0 12 * * 0").after(sunday) == sunday + 12 * 3600


@pytest.mark.parametrize(("failures", "rounds"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 5), (1000, 5)])
def test_the_rest_after_failures_grows_up_to_five_rounds(failures: int, rounds: int) -> None:
    assert rest_after(failures, Every(60.0)) == rounds * 60.0
    assert rest_after(failures, Cron("0 * * * *")) == 0.0
