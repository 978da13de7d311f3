"""A month in minutes: thirty days of a daemon's life in pieces, each around something that clocks or machines do.

Rolled up, judged, forgotten after its time, kept in issues and annotations: all of it once, whatever happens.
"""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fake_github import FakeGitHub
from fake_grafana import FakeGrafana
from issue_desk import DAY, HOUR, MINUTE, Clock, ours, said_twice
from ledgers import ledger_at
from lived_history import ENVIRONMENT, History, Trouble
from scipy.stats import linregress, t
from whole_daemon import Surfaces, WholeDaemon, a_whole_daemon

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import DetectorSection, DueSection, MaintenanceSection
from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.incident import Incident, Kind, State
from soakwatch.core.roll_up import TEN_MINUTES, is_whole_service
from soakwatch.core.run import Outcome, Run
from soakwatch.core.series import Series
from soakwatch.core.settings import RetentionSection
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreSection
from soakwatch.detector.cron import moments
from soakwatch.reporter.issue_marker import read_marker
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.opening import create_store

BERLIN = "Europe/Berlin"
AT_NIGHT = "30 2 * * *"
"""In the hour that is skipped in spring, and that comes twice in autumn."""

SPRING, AUTUMN, LEAP_DAY = "2026-03-29", "2026-10-25", "2028-02-29"
MOST_GROWTH = 0.5
"""MiB that a day may add to the process, by the lower bound of the interval: what is no more than chance is flat."""

pytestmark = pytest.mark.timeout(1800)
LONG = pytest.mark.long


def at(text: str, zone: str = BERLIN) -> float:
    """A moment of the wall clock; of two, the first."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@dataclass
class Life:
    """A daemon, all that it keeps and writes to, and the history that it lives through."""

    history: History
    clock: Clock
    store: WindowStore
    ledger: Ledger
    daemon: WholeDaemon
    github: FakeGitHub
    grafana: FakeGrafana
    judged: int = 0
    learnt: int = 0
    expired: int = 0
    requests: Counter[tuple[Series, float]] = field(default_factory=Counter)
    """All that was ever written, by series and minute."""

    @property
    def now(self) -> float:
        """Up to when things have happened."""
        return self.clock.now

    def until(self, end: float, every: float = 10 * MINUTE) -> None:
        """Let things happen up to `end`, with a step of the daemon after each `every` seconds."""
        while self.now < end:
            self.happen(min(self.now + every, end))
            self.step()

    def happen(self, end: float) -> None:
        """Let things happen up to `end`, while the daemon does nothing."""
        span = Span(self.now, end)
        for window in self.history.windows(span):
            self.requests[window.series, window.start // MINUTE * MINUTE] += window.count
        self.history.write(self.store, span)
        self.clock.now = end

    def step(self, behind: float = 0.0) -> None:
        """A step of the daemon, by a clock that is so many seconds behind."""
        report = self.daemon.step(self.now + 30 - behind)
        self.judged += report.detection.judged
        self.learnt += report.detection.learnt
        self.expired += report.expired

    def forget_before(self, moment: float) -> None:
        """Let the test itself keep no more than the store does."""
        for key in [key for key in self.requests if key[1] < moment]:
            del self.requests[key]
        self.github.asked.clear()
        self.grafana.asked.clear()

    def incidents(self) -> list[Incident]:
        """Those that were confirmed, as people see them."""
        return [one for one in self.ledger.incidents() if one.confirmed is not None]


@contextmanager
def a_life(folder: Path, history: History, configuration: Configuration | None = None) -> Iterator[Life]:
    clock = Clock(history.start)
    section = StoreSection(path=folder / "soakwatch.db")
    settings = DetectorSection(learning=0.5, history=1.5, time_zone=BERLIN)
    wanted = configuration or Configuration()
    wanted = wanted.model_copy(update={"environment": ENVIRONMENT, "store": section, "detector": settings})
    with (
        FakeGitHub.running(clock) as github,
        FakeGrafana.running(clock) as grafana,
        create_store(wanted) as store,
        ledger_at(str(folder / "ledger.db")) as ledger,
    ):
        store.write([history.run])
        surfaces = Surfaces(github.url, github.token, github.name, grafana.url, grafana.token)
        tenure = Tenure(ledger, MINUTE, "the daemon", lambda: clock.now + 30)
        with a_whole_daemon(wanted, store, ledger, surfaces, tenure) as daemon:
            yield Life(history, clock, store, ledger, daemon, github, grafana)
        assert github.violations == []
        assert grafana.violations == []


def check_whole(life: Life) -> None:
    """Each window was counted once, in roll-ups of both widths, and each step judged once."""
    for width in (MINUTE, TEN_MINUTES):
        check_rolled_up(life, width, life.history.start)
    check_judged(life)


def check_judged(life: Life) -> None:
    """Each step up to now was judged once; the first pass begins an hour before."""
    position = DetectionPosition.decode(life.ledger.cursor(NAME))
    assert position is not None
    assert position.until == life.now
    assert life.judged == round((position.until - position.judged_from) / MINUTE)
    assert life.learnt == 0


def check_rolled_up(life: Life, width: float, begin: float) -> None:
    """Roll-ups have all that was written since `begin`, once, series by series."""
    wanted: Counter[tuple[Series, float]] = Counter()
    for (series, start), count in life.requests.items():
        if start >= begin and start // width * width + width <= life.now:
            wanted[series, start // width * width] += count
    found = [one.window for one in life.store.roll_ups(width, Span(begin, life.now))]
    assert {(one.series, one.start): one.count for one in found if not is_whole_service(one.series)} == wanted


def check_told(life: Life, wanted: Sequence[tuple[str, Kind]]) -> None:
    """What happened is an incident each, with one issue and one annotation, all of which say that it is over."""
    incidents = life.incidents()
    assert [(one.service, one.kind) for one in incidents] == wanted
    assert {one.state for one in incidents} <= {State.RESOLVED}
    fingerprints = sorted(one.fingerprint for one in incidents)
    issues = ours(life.github)
    assert sorted(marker.fingerprint for one in issues if (marker := read_marker(one.body or ""))) == fingerprints
    assert {one.state for one in issues} <= {"closed"}
    assert said_twice(life.github) == []
    annotated = [one for one in life.grafana.annotations if "incident" in one.tags]
    identities = [tag.partition(":")[2] for one in annotated for tag in one.tags if tag.startswith("soakwatch-id:")]
    assert sorted(identities) == fingerprints
    assert all(one.text.endswith("it is over") for one in annotated)


def two_hours(start: float) -> Span:
    return Span(start, start + 2 * HOUR)


@pytest.mark.parametrize("day", [pytest.param(SPRING, marks=LONG), AUTUMN, pytest.param(LEAP_DAY, marks=LONG)])
def test_nothing_is_missed_or_doubled_where_days_are_longer_shorter_or_rare(tmp_path: Path, day: str) -> None:
    # half a day to learn, then the change, with a fault that goes on through it
    begin = at(day) - DAY
    faults = (Trouble("cart", Kind.LATENCY, Span(at(f"{day}T01:30"), at(f"{day}T04:30"))),)
    with a_life(tmp_path, History(begin, ("cart", "quiet"), faults)) as life:
        life.until(at(f"{day}T01:00"))
        life.until(at(f"{day}T05:00"), every=MINUTE)
        life.until(begin + 2.25 * DAY)
        check_whole(life)
        check_told(life, [("cart", Kind.LATENCY)])
        (incident,) = life.incidents()
        assert abs(incident.onset.start - faults[0].span.start) <= 15 * MINUTE


@pytest.mark.parametrize("day", [SPRING, pytest.param(AUTUMN, marks=LONG), pytest.param(LEAP_DAY, marks=LONG)])
def test_maintenance_that_begins_when_clocks_change_is_there_once(tmp_path: Path, day: str) -> None:
    begin = at(day) - DAY
    nights = list(moments(AT_NIGHT, Span(begin, begin + 2.25 * DAY), BERLIN))
    assert [f"{datetime.fromtimestamp(one, ZoneInfo(BERLIN)):%d}" for one in nights] == [
        f"{datetime.fromtimestamp(begin + back * DAY + HOUR, ZoneInfo(BERLIN)):%d}" for back in (0, 1, 2)
    ]
    rebuilt = tuple(Trouble("cart", Kind.LATENCY, Span(one, one + 40 * MINUTE)) for one in nights)
    # what is the same two hours later is none of it, also where the wall clock says half past two once more
    after = Trouble("search", Kind.LATENCY, Span(nights[1] + HOUR, nights[1] + 100 * MINUTE))
    maintenance = (MaintenanceSection(cron=AT_NIGHT, duration=45, title="rebuild"),)
    with a_life(
        tmp_path,
        History(begin, ("cart", "search"), (*rebuilt, after)),
        Configuration(maintenance=maintenance),
    ) as life:
        life.until(begin + 2.25 * DAY)
        check_whole(life)
        check_told(life, [("search", Kind.LATENCY)])


@pytest.mark.long
@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_a_test_that_is_due_when_clocks_change_is_missed_once_and_only_where_it_did_not_begin(
    tmp_path: Path, day: str
) -> None:
    begin = at(day) - DAY
    nights = list(moments(AT_NIGHT, Span(begin, begin + 2.25 * DAY), BERLIN))
    missed = nights[1]
    due = (DueSection(test="nightly", cron=AT_NIGHT, within=30), DueSection(test="weekly", cron=AT_NIGHT, within=30))
    with a_life(tmp_path, History(begin, ("quiet",)), Configuration(due=due)) as life:
        for night in nights:
            life.until(night)
            life.store.write([_nightly("nightly", night)])
            if night != missed:
                life.store.write([_nightly("weekly", night)])
        life.until(begin + 2.25 * DAY)
        check_whole(life)
        check_told(life, [("*", Kind.NO_DATA)])
        (incident,) = life.incidents()
        assert incident.onset.start == missed
        assert [one.series.test for one in incident.findings] == ["weekly"]


def _nightly(test: str, start: float) -> Run:
    return Run(f"{test}-{start:.0f}", ENVIRONMENT, test, start, start + HOUR, users=10, outcome=Outcome.FINISHED)


def test_a_daemon_whose_clock_was_set_back_by_an_hour_waits_and_goes_on_where_it_was(tmp_path: Path) -> None:
    begin = at("2026-06-10")
    back = begin + 1.5 * DAY
    faults = (
        Trouble("cart", Kind.LATENCY, two_hours(begin + DAY)),
        # begins while it waits
        Trouble("search", Kind.ERRORS, two_hours(back + 30 * MINUTE)),
    )
    with a_life(tmp_path, History(begin, ("cart", "search"), faults)) as life:
        life.until(back)
        judged = life.judged
        for _ in range(59):
            life.happen(life.now + MINUTE)
            with pytest.raises(StoreUnavailable, match="ahead of this clock"):
                life.step(behind=HOUR)
            life.daemon.keeping.keep(life.now + 30 - HOUR, life.daemon.accounting)
        assert life.judged == judged
        # and an hour more by the wrong clock
        for _ in range(60):
            life.happen(life.now + MINUTE)
            life.step(behind=HOUR)
        life.until(begin + 2.5 * DAY)
        check_whole(life)
        check_told(life, [("cart", Kind.LATENCY), ("search", Kind.ERRORS)])


def test_a_daemon_that_slept_for_a_day_judges_each_minute_of_it_once(tmp_path: Path) -> None:
    begin = at("2026-06-10")
    asleep = Span(begin + DAY, begin + 2 * DAY)
    # it goes on when the daemon wakes up: what was over by then would need no issue
    faults = (Trouble("cart", Kind.LATENCY, two_hours(asleep.end - HOUR)),)
    with a_life(tmp_path, History(begin, ("cart", "quiet"), faults)) as life:
        life.until(asleep.start)
        for _ in range(24):
            life.happen(life.now + HOUR)
        assert life.now == asleep.end
        life.until(begin + 2.5 * DAY)
        check_whole(life)
        check_told(life, [("cart", Kind.LATENCY)])


@pytest.mark.long
def test_a_machine_that_slept_for_a_day_with_its_load_generator_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    begin = at("2026-06-10")
    asleep = Span(begin + DAY, begin + 2 * DAY)
    faults = (Trouble("cart", Kind.LATENCY, two_hours(begin + 2.25 * DAY)),)
    with a_life(tmp_path, History(begin, ("cart", "quiet"), faults, silence=(asleep,))) as life:
        life.until(asleep.start)
        life.happen(asleep.end)
        life.until(begin + 2.75 * DAY)
        check_whole(life)
        check_told(life, [("cart", Kind.LATENCY)])


@pytest.mark.long
def test_after_its_time_everything_is_forgotten_and_memory_stays_as_it_is(tmp_path: Path) -> None:
    begin, days = at("2026-06-10"), 12
    kept = RetentionSection(raw=1, minutes=3, ten_minutes=6)
    faults = tuple(
        Trouble(service, kind, two_hours(begin + day * DAY))
        for day, service, kind in ((1.5, "cart", Kind.LATENCY), (5.5, "cart", Kind.ERRORS), (9.5, "cart", Kind.LATENCY))
    )
    memory: list[float] = []
    with a_life(tmp_path, History(begin, ("cart",), faults), Configuration(retention=kept)) as life:
        for day in range(days):
            life.until(begin + (day + 1) * DAY, every=30 * MINUTE)
            life.forget_before(life.now - kept.seconds.ten_minutes)
            memory.append(resident())
        assert life.expired > 0
        _check_forgotten(life, kept)
        check_told(life, [(one.service, one.kind) for one in faults])
        check_judged(life)
    settled = memory[3:]
    line = linregress(range(len(settled)), settled)
    low = line.slope - t.ppf(0.975, len(settled) - 2) * line.stderr
    assert low < MOST_GROWTH, f"{line.slope:.2f} MiB a day (at least {low:.2f}): {memory}"


def _check_forgotten(life: Life, kept: RetentionSection) -> None:
    """Of each width there is all that is young enough, and nothing else but the ten minutes that go as one."""
    seconds = kept.seconds
    (oldest, *_) = sorted(one.start for one in life.store.windows_between(Span(0.0, life.now)))
    assert oldest == pytest.approx(life.now - seconds.raw, abs=HOUR)
    for width, age in ((MINUTE, seconds.minutes), (TEN_MINUTES, seconds.ten_minutes)):
        begin = life.now - age + HOUR
        found = list(life.store.roll_ups(width, Span(0.0, life.now)))
        assert min(one.window.start for one in found) == pytest.approx(life.now - age, abs=HOUR)
        check_rolled_up(life, width, begin)


def resident() -> float:
    """MiB of this process."""
    gc.collect()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
