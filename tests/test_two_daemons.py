"""Two daemons on one PostgreSQL, killed and started at random: one at a time works, and nothing is delivered twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from fake_github import FakeGitHub
from fake_grafana import FakeGrafana
from issue_desk import DAY, HOUR, MINUTE, MONDAY, Clock, ours, said_twice
from ledgers import ledger_at
from lived_history import History, Trouble
from postgresql_server import new_database
from stepping_daemon import Place, Stepping
from whole_daemon import Surfaces

from soakwatch.core.incident import Incident, Kind
from soakwatch.core.span import Span
from soakwatch.reporter.issue_marker import read_marker
from soakwatch.store import ledger_tables
from soakwatch.store.sqlite import SqliteStore

STEP = 20 * MINUTE
TROUBLES = (
    Trouble("cart", Kind.LATENCY, Span(MONDAY + 1.5 * DAY, MONDAY + 1.5 * DAY + 2 * HOUR)),
    Trouble("search", Kind.ERRORS, Span(MONDAY + 3.25 * DAY, MONDAY + 3.25 * DAY + HOUR)),
    Trouble("payment", Kind.LATENCY, Span(MONDAY + 6.1 * DAY, MONDAY + 6.1 * DAY + 3 * HOUR)),
    Trouble("cart", Kind.ERRORS, Span(MONDAY + 8.4 * DAY, MONDAY + 8.4 * DAY + HOUR)),
)
HISTORY = History(MONDAY, ("cart", "search", "payment", "quiet"), TROUBLES)

AUDIT = """
CREATE TABLE audit (
    id bigserial PRIMARY KEY, place text, writer text, holder text, fence integer, transaction bigint
);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (place, writer, holder, fence, transaction)
        SELECT TG_TABLE_NAME, current_setting('application_name'), holder, fence, txid_current() FROM ledger_lease;
    RETURN NULL;
END $$;
"""
"""Notes with each write to the ledger who has the lease then, and who writes: a daemon's connections have its name."""


@dataclass(frozen=True)
class Write:
    """A statement that wrote to the ledger, while `holder` had the lease."""

    place: str
    writer: str
    holder: str
    fence: int


@dataclass
class World:
    """Two machines that may have a daemon each, what both share, and the clock of all."""

    place: Place
    store: SqliteStore
    clock: Clock
    github: FakeGitHub
    grafana: FakeGrafana
    chance: random.Random
    daemons: list[Stepping | None] = field(default_factory=lambda: [None, None])
    started: int = 0
    killed: int = 0
    said: Counter[str] = field(default_factory=Counter)

    def start(self, machine: int) -> None:
        self.started += 1
        self.daemons[machine] = Stepping.started(f"daemon-{self.started}", self.place)

    def start_both(self) -> None:
        for machine, daemon in enumerate(self.daemons):
            if daemon is None:
                self.start(machine)

    def kill(self, machine: int) -> None:
        daemon = self.daemons[machine]
        assert daemon is not None
        self.killed += 1
        daemon.kill()
        self.daemons[machine] = None

    def live(self, until: float) -> None:
        """Let time pass, and all that happens in it."""
        HISTORY.write(self.store, Span(self.clock.now, until))
        self.clock.now = until
        self._begin_or_end()
        at_work = [daemon for daemon in self.daemons if daemon is not None]
        self.chance.shuffle(at_work)
        for one in at_work:
            one.begin(until + 30)
        self._kill_in_the_middle()
        for daemon in self.daemons:
            if daemon in at_work and daemon is not None:
                self.said[daemon.answer()] += 1

    def live_undisturbed(self, until: float) -> None:
        """Let time pass for daemons that nobody kills."""
        HISTORY.write(self.store, Span(self.clock.now, until))
        self.clock.now = until
        for daemon in self.daemons:
            if daemon is not None:
                daemon.begin(until + 30)
                self.said[daemon.answer()] += 1

    def hang(self, until: float) -> None:
        """Let one take the lease and hang there, for so long that the other one takes over, before it goes on."""
        HISTORY.write(self.store, Span(self.clock.now, until))
        self.clock.now = until
        self.start_both()
        first, second = self.daemons
        assert first is not None
        assert second is not None
        assert first.hold(until + 30) == "held"
        for now in (until + 3 * MINUTE, until + 6 * MINUTE):
            HISTORY.write(self.store, Span(self.clock.now, now))
            self.clock.now = now
            second.begin(now + 30)
            assert second.answer() == "done"
        before = self.writes
        assert first.go_on(self.clock.now + 30) == "lost"
        assert self.writes == before
        self.said["lost"] += 1

    @property
    def writes(self) -> int:
        """Requests to GitHub and Grafana that were to change something."""
        return sum(asked.is_write for asked in [*self.github.asked, *self.grafana.asked])

    def _begin_or_end(self) -> None:
        for machine, daemon in enumerate(self.daemons):
            if daemon is None and self.chance.random() < 0.3:
                self.start(machine)
            elif daemon is not None and self.chance.random() < 0.01:
                self.kill(machine)

    def _kill_in_the_middle(self) -> None:
        """Now and then; after so long that it may be anywhere in its step."""
        for machine, daemon in enumerate(self.daemons):
            if daemon is not None and self.chance.random() < 0.02:
                time.sleep(self.chance.uniform(0.0, 0.5))
                self.kill(machine)


@pytest.fixture
def world(tmp_path: Path, postgresql: str) -> Iterator[World]:
    clock = Clock(HISTORY.start)
    with (
        new_database(postgresql) as url,
        FakeGitHub.running(clock) as github,
        FakeGrafana.running(clock) as grafana,
        SqliteStore.create(tmp_path / "soakwatch.db") as store,
    ):
        _audited(url)
        store.write([HISTORY.run])
        surfaces = Surfaces(github.url, github.token, github.name, grafana.url, grafana.token)
        world = World(Place(tmp_path / "soakwatch.db", url, surfaces), store, clock, github, grafana, random.Random(1))
        try:
            yield world
        finally:
            for machine, daemon in enumerate(world.daemons):
                if daemon is not None:
                    world.kill(machine)
        assert github.violations == []
        assert grafana.violations == []


def _audited(url: str) -> None:
    ledger_at(url).close()
    unwatched = {ledger_tables.leases.name, ledger_tables.versions.name}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(AUDIT)
        for name in ledger_tables.TABLES.tables.keys() - unwatched:
            events = "AFTER INSERT OR UPDATE OR DELETE"
            connection.execute(f"CREATE TRIGGER audit {events} ON {name} FOR EACH STATEMENT EXECUTE FUNCTION audit()")


def writes_to(ledger: str) -> list[Write]:
    with psycopg.connect(ledger) as connection:
        rows = connection.execute("SELECT place, writer, holder, fence FROM audit ORDER BY id").fetchall()
    return [Write(*row) for row in rows]


def happened(incidents: Sequence[Incident]) -> list[tuple[str, Kind]]:
    return [(one.service, one.kind) for one in incidents if one.confirmed is not None]


@pytest.mark.postgresql
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("days", [4, pytest.param(10, marks=pytest.mark.long)])
def test_of_two_daemons_that_are_killed_and_started_at_random_one_works_and_nothing_is_delivered_twice(
    world: World, days: int
) -> None:
    end = HISTORY.start + days * DAY
    while world.clock.now < end:
        if world.chance.random() < 0.01:
            world.hang(world.clock.now + STEP)
        world.live(world.clock.now + STEP)
    world.start_both()
    for _ in range(3):
        world.live_undisturbed(world.clock.now + MINUTE)
    with ledger_at(world.place.ledger) as ledger:
        incidents = ledger.incidents()
    assert happened(incidents) == [(one.service, one.kind) for one in TROUBLES if one.span.end < end]
    assert world.killed > days
    assert world.said["done"] > days * DAY / STEP / 2
    assert world.said["lost"] > days // 3
    writes = writes_to(world.place.ledger)
    _check_ledger(writes)
    assert len({one.writer for one in writes}) > days
    _check_issues(world.github, incidents)
    _check_annotations(world.grafana, incidents)


def _check_ledger(writes: Sequence[Write]) -> None:
    """Whoever wrote had the lease, and nobody did with an older one than somebody had before."""
    assert {one.place for one in writes} >= {"ledger_incidents", "ledger_cursors", "ledger_memory"}
    assert [one for one in writes if one.writer != one.holder] == []
    assert all(before.fence <= after.fence for before, after in pairwise(writes))


def _check_issues(github: FakeGitHub, incidents: Sequence[Incident]) -> None:
    """Each incident has one issue, made by one request, closed since; no comment says again what another said."""
    markers = [marker for one in ours(github) if (marker := read_marker(one.body or ""))]
    told = [one.fingerprint for one in incidents if one.confirmed is not None]
    assert sorted(one.fingerprint for one in markers) == sorted(told)
    assert github.count("POST", "/issues$") == len(told)
    assert {one.state for one in ours(github)} == {"closed"}
    assert said_twice(github) == []


def _check_annotations(grafana: FakeGrafana, incidents: Sequence[Incident]) -> None:
    """Of the run, and of each incident, one, made by one request."""
    told = {one.fingerprint for one in incidents if one.confirmed is not None}
    identities = [tag.partition(":")[2] for one in grafana.annotations for tag in one.tags if "soakwatch-id" in tag]
    assert told <= set(identities)
    assert len(identities) == len(set(identities)) == len(told) + 1 == grafana.count("POST", "/annotations")
