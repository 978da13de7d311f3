"""Fences: once another daemon has taken over, a pass writes nothing more, neither to the ledger nor to a surface."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import issue_desk
import pytest
import test_grafana_annotate as annotation_desk
from fake_faults import Asked, Fault, healthy
from fake_github import FakeGitHub
from fake_grafana import FakeGrafana
from issue_desk import DAY, HOUR, MINUTE, MONDAY, Clock, an_incident, ours, said_twice

from soakwatch.core.errors import LeaseLost
from soakwatch.core.incident import Incident
from soakwatch.scheduler.fence import FencedLedger, unfenced
from soakwatch.scheduler.issue_pass import DOUBT
from soakwatch.scheduler.tenure import Tenure

NOW = MONDAY + 2 * HOUR


@dataclass
class Surface:
    """A desk, the fake that it writes to, and one pass over it."""

    desk: issue_desk.Desk | annotation_desk.Desk
    fake: FakeGitHub | FakeGrafana
    run: Callable[[], object]

    def lease_of(self, name: str) -> Tenure:
        tenure = Tenure(self.desk.ledger, MINUTE, name, lambda: NOW)
        tenure.take()
        return tenure

    def lost_at(self, write: int) -> None:
        """Let somebody else take over while the request that is the `write`th to change something is answered."""
        left = [write]

        def look(asked: Asked) -> Fault | None:
            left[0] -= asked.is_write
            if not left[0] and asked.is_write:
                self.expire()
            return None

        self.fake.faults = look

    def expire(self) -> None:
        """The lease of whoever has it is over, and another daemon has it now."""
        assert self.desk.ledger.acquire("another daemon", NOW + DAY, 60.0) is not None

    @property
    def writes(self) -> int:
        return sum(asked.is_write for asked in self.fake.asked)


def _an_hour_ago(name: str) -> Incident:
    return an_incident(NOW - HOUR, service=name)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Surface]:
    clock = Clock(NOW)
    with FakeGitHub.running(clock) as fake, issue_desk.a_desk(tmp_path, fake, clock) as desk:
        desk.save(*map(_an_hour_ago, ("cart", "search")))
        yield Surface(desk, fake, desk.sync)
        assert fake.violations == []


@pytest.fixture
def grafana(tmp_path: Path) -> Iterator[Surface]:
    clock = Clock(NOW)
    with FakeGrafana.running(clock) as fake, annotation_desk.a_desk(tmp_path, fake, clock) as desk:
        desk.save(*map(_an_hour_ago, ("cart", "search")))
        yield Surface(desk, fake, desk.annotate)
        assert fake.violations == []


@pytest.fixture(params=["github", "grafana"])
def surface(request: pytest.FixtureRequest) -> Surface:
    found: Surface = request.getfixturevalue(request.param)
    return found


def test_a_daemon_that_has_lost_its_lease_writes_nothing(surface: Surface) -> None:
    surface.desk.fence = surface.lease_of("one").fence
    surface.expire()
    with pytest.raises(LeaseLost, match="another daemon has taken over"):
        surface.run()
    assert surface.writes == 0


@pytest.mark.parametrize("write", [1, 2])
def test_a_daemon_that_loses_its_lease_in_the_middle_of_a_pass_writes_nothing_after_that(
    surface: Surface, write: int
) -> None:
    surface.desk.fence = surface.lease_of("one").fence
    surface.lost_at(write)
    with pytest.raises(LeaseLost):
        surface.run()
    assert surface.writes == write


@pytest.mark.parametrize("write", range(1, 9))
def test_who_takes_over_in_the_middle_leaves_each_issue_once(github: Surface, write: int) -> None:
    github.desk.fence = github.lease_of("one").fence
    github.lost_at(write)
    with suppress(LeaseLost):
        github.run()
    assert github.writes <= write
    github.fake.faults = healthy
    github.desk.fence = unfenced
    github.run()
    github.desk.clock.passes(DOUBT)
    github.run()
    assert isinstance(github.fake, FakeGitHub)
    assert len(ours(github.fake)) == 2
    assert said_twice(github.fake) == []


@pytest.mark.parametrize("write", [1, 2])
def test_who_takes_over_in_the_middle_leaves_each_annotation_once(grafana: Surface, write: int) -> None:
    grafana.desk.fence = grafana.lease_of("one").fence
    grafana.lost_at(write)
    with pytest.raises(LeaseLost):
        grafana.run()
    grafana.desk.fence = unfenced
    grafana.run()
    assert isinstance(grafana.fake, FakeGrafana)
    assert len(grafana.fake.annotations) == grafana.writes == 2


def test_without_a_lease_a_pass_may_always_write(surface: Surface) -> None:
    surface.expire()
    surface.run()
    assert surface.writes >= 2


def test_a_check_asks_the_ledger_only_where_a_lease_matters(tmp_path: Path) -> None:
    clock = Clock(NOW)
    with FakeGitHub.running(clock) as fake, issue_desk.a_desk(tmp_path, fake, clock) as desk:
        tenure = Tenure(desk.ledger, MINUTE, "one", clock)
        tenure.take()
        FencedLedger(desk.ledger, tenure.fence).check()
        assert desk.ledger.acquire("two", NOW + DAY, MINUTE) is not None
        FencedLedger(desk.ledger).check()
        with pytest.raises(LeaseLost):
            FencedLedger(desk.ledger, tenure.fence).check()
