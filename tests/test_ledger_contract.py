"""What every ledger promises: SQLite, and a real PostgreSQL."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from pathlib import Path
from subprocess import PIPE

import pytest
from hypothesis import HealthCheck, given, settings
from ledgers import LEDGERS, a_ruling, an_incident, ledger_at
from stores import text

from soakwatch.core.errors import LeaseLost, StoreRefused, StoreUnavailable
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind, State
from soakwatch.core.span import Span
from soakwatch.store import ledger_tables
from soakwatch.store.ledger import Lease, Ledger

over_one_ledger = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)  # fmt: skip


@pytest.fixture(params=[pytest.param(name, marks=one.marks) for name, one in LEDGERS.items()])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with LEDGERS[request.param].new(tmp_path, request) as address:
        yield address


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    with ledger_at(address) as opened:
        yield opened


def save(ledger: Ledger, *incidents: Incident) -> None:
    with ledger.transaction() as work:
        work.save(incidents)


# Incidents and what people decided about them


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    assert ledger.cursor("detection") == ""
    assert ledger.remembered() == {}
    assert ledger.lease() is None


@pytest.mark.parametrize("state", State)
def test_an_incident_reads_back_whole_for_everyone_who_opens_the_ledger(
    ledger: Ledger, address: str, state: State
) -> None:  # fmt: skip
    incident = an_incident(state=state)
    save(ledger, incident)
    with ledger_at(address) as other:
        assert other.incidents() == [incident]


@over_one_ledger
@given(text, text, text)
def test_any_text_reads_back_equal(ledger: Ledger, environment: str, service: str, reason: str) -> None:
    incident = replace(an_incident(), environment=environment, service=service, onset=Span(-inf, inf))
    ruling = a_ruling(reason)
    with ledger.transaction() as work:
        work.save([incident])
        work.rule(incident.fingerprint, ruling)
        work.set_cursor(service, environment)
        work.remember({service: environment.encode()})
    assert ledger.incidents() == [replace(incident, ruling=ruling)]
    assert ledger.rulings(incident.fingerprint)[-1] == ruling
    assert ledger.cursor(service) == environment
    assert ledger.remembered(service)[service] == environment.encode()


def test_an_incident_that_is_saved_again_is_one_and_the_later_counts(ledger: Ledger) -> None:
    save(ledger, an_incident(), an_incident("other"))
    later = replace(an_incident(), state=State.CONFIRMED, kind=Kind.ERRORS, findings=())
    save(ledger, later)
    assert ledger.incidents() == [later, an_incident("other")]


def test_incidents_come_by_first_suspicion_and_those_resolved_long_ago_stay_out(ledger: Ledger) -> None:
    last, first = an_incident("a", suspected=2000.0), an_incident("b", suspected=1000.0)
    old, recent = (replace(an_incident(str(at), State.RESOLVED), resolved=at) for at in (1499.0, 1500.0))
    save(ledger, last, old, recent, first)
    assert ledger.incidents() == [first, old, recent, last]
    assert ledger.incidents(since=1500.0) == [first, recent, last]
    assert ledger.incidents(since=inf) == [first, last]


def test_an_incident_is_found_by_a_beginning_of_its_fingerprint(ledger: Ledger) -> None:
    names = ["4bf92f", "4bf000", "5%", "5_", "54", "B", "b"]
    save(ledger, *(an_incident(name) for name in names))
    found = {
        beginning: [one.fingerprint for one in ledger.incidents_named(beginning)] for beginning in ("4bf", "5%", "b")
    }
    assert found == {"4bf": ["4bf000", "4bf92f"], "5%": ["5%"], "b": ["b"]}
    assert len(ledger.incidents_named("")) == 7


def test_the_ruling_of_an_incident_is_the_last_one_that_was_given_whatever_the_clock_said(ledger: Ledger) -> None:
    save(ledger, an_incident())
    first, last = a_ruling("wait", at=2000.0), Ruling(RulingKind.ACCEPT, 1000.0, "as good as it gets", "bob")
    for ruling in (first, last):
        with ledger.transaction() as work:
            work.rule("4bf92f3577b3", ruling)
    assert ledger.incidents() == [replace(an_incident(), ruling=last)]
    assert ledger.rulings("4bf92f3577b3") == [first, last]


def test_a_tick_does_not_undo_what_somebody_decided_while_it_was_at_work(ledger: Ledger, address: str) -> None:
    save(ledger, an_incident())
    (as_the_tick_read_it,) = ledger.incidents()
    with ledger_at(address) as people, people.transaction() as work:
        work.rule(as_the_tick_read_it.fingerprint, a_ruling())
    save(ledger, replace(as_the_tick_read_it, state=State.CONFIRMED))
    assert ledger.incidents() == [replace(an_incident(), state=State.CONFIRMED, ruling=a_ruling())]


def test_nobody_can_decide_about_an_incident_that_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(StoreRefused, match="no incident 'nope'"), ledger.transaction() as work:
        work.rule("nope", a_ruling())
    assert ledger.rulings("nope") == []


def test_a_suspect_that_was_none_is_forgotten_unless_somebody_decided_about_it(ledger: Ledger) -> None:
    save(ledger, an_incident("dropped"), an_incident("ruled"), an_incident("other"))
    with ledger.transaction() as work:
        work.rule("ruled", a_ruling())
    with ledger.transaction() as work:
        work.drop(["dropped", "ruled", "unknown"])
    assert [one.fingerprint for one in ledger.incidents()] == ["other", "ruled"]


# Cursors and memory


def test_a_cursor_is_where_its_pass_left_it(ledger: Ledger) -> None:
    for position in ("1", "2"):
        with ledger.transaction() as work:
            work.set_cursor("detection", position)
            work.set_cursor("annotations", "x")
    assert (ledger.cursor("detection"), ledger.cursor("annotations"), ledger.cursor("detect")) == ("2", "x", "")


def test_parts_of_the_memory_are_found_by_the_beginning_of_their_names(ledger: Ledger) -> None:
    with ledger.transaction() as work:
        work.remember({"fast/a": b"1", "fast/b": bytes(range(256)), "slow/a": b"", "Fast/%": b"4"})
    with ledger.transaction() as work:
        work.remember({"fast/a": b"2"})
        work.remember({})
        work.forget(["slow/a", "never there"])
        work.forget([])
    assert ledger.remembered("fast/") == {"fast/a": b"2", "fast/b": bytes(range(256))}
    assert ledger.remembered("slow/") == {}
    assert set(ledger.remembered()) == {"fast/a", "fast/b", "Fast/%"}


@over_one_ledger
@given(text, text)
def test_a_name_is_found_by_whatever_it_begins_with(ledger: Ledger, beginning: str, end: str) -> None:
    with ledger.transaction() as work:
        work.remember({beginning + end: b"x"})
    assert beginning + end in ledger.remembered(beginning)
    assert all(name.startswith(beginning) for name in ledger.remembered(beginning))


def test_much_is_kept_as_little(ledger: Ledger) -> None:
    part, reason = bytes(range(256)) * 40_000, "why? \0 🛒 " * 500_000
    save(ledger, an_incident())
    with ledger.transaction() as work:
        work.remember({"all": part})
        work.rule("4bf92f3577b3", a_ruling(reason))
    assert ledger.remembered() == {"all": part}
    assert ledger.rulings("4bf92f3577b3") == [a_ruling(reason)]


# All or nothing


def everything(ledger: Ledger, fence: int | None = None) -> None:
    with ledger.transaction(fence) as work:
        work.save([an_incident()])
        work.rule("4bf92f3577b3", a_ruling())
        work.set_cursor("detection", "1")
        work.remember({"fast": b"1"})


def is_empty(ledger: Ledger) -> bool:
    return not (ledger.incidents() or ledger.cursor("detection") or ledger.remembered())


def test_of_a_transaction_that_fails_nothing_is_kept(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.transaction() as work:  # noqa: PT012  (it is about the middle)
        work.save([an_incident()])
        work.set_cursor("detection", "1")
        raise ZeroDivisionError
    assert is_empty(ledger)


def test_of_a_transaction_with_something_that_cannot_be_kept_nothing_is_kept_whoever_catches_that(
    ledger: Ledger,
) -> None:
    with pytest.raises(StoreRefused, match="cannot be kept"), ledger.transaction() as work:  # noqa: PT012  (the same)
        work.set_cursor("detection", "1")
        with pytest.raises(StoreRefused, match="surrogates not allowed"):
            work.set_cursor("half of a pair", "\ud800")
        work.remember({"fast": b"1"})
    assert is_empty(ledger)
    everything(ledger)


def test_a_transaction_reads_what_it_wrote_and_others_do_not_before_its_end(ledger: Ledger, address: str) -> None:
    with ledger_at(address) as other, ledger.transaction() as work:
        work.set_cursor("detection", "1")
        work.save([an_incident()])
        assert work.cursor("detection") == "1"
        assert work.incidents() == [an_incident()]
        assert is_empty(other)  # and does not wait
        assert is_empty(ledger)
    assert ledger.cursor("detection") == "1"


DYING = """
import sys, time
from ledgers import an_incident, ledger_at
ledger = ledger_at(sys.argv[1])
with ledger.transaction() as work:
    work.save([an_incident(str(number)) for number in range(500)])
    work.set_cursor("detection", "2")
    work.remember({str(number): bytes(10_000) for number in range(500)})
    print("in the middle", flush=True)
    time.sleep(60)
"""


def test_a_process_that_is_killed_in_the_middle_of_a_tick_leaves_the_ledger_as_before_it(
    ledger: Ledger, address: str
) -> None:
    save(ledger, an_incident())
    with ledger.transaction() as work:
        work.set_cursor("detection", "1")
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", DYING, address], stdout=PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
    assert ledger.incidents() == [an_incident()]
    assert ledger.remembered() == {}
    with ledger.transaction() as work:
        assert work.cursor("detection") == "1"
        work.set_cursor("detection", "2")
    assert ledger.cursor("detection") == "2"


# Several at once


def count_up(address: str, times: int) -> None:
    with ledger_at(address) as ledger:
        for _ in range(times):
            with ledger.transaction() as work:
                work.set_cursor("count", str(int(work.cursor("count") or 0) + 1))


def test_transactions_of_several_connections_happen_one_after_the_other(address: str) -> None:
    ledger_at(address).close()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count_up, [address] * 4, [25] * 4))
    with ledger_at(address) as ledger:
        assert ledger.cursor("count") == "100"


def test_several_threads_may_use_one_ledger(ledger: Ledger) -> None:
    def write(number: int) -> None:
        with ledger.transaction() as work:
            work.remember({str(number): b"x"})
        assert str(number) in ledger.remembered()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    assert len(ledger.remembered()) == 40


def test_who_waits_longer_than_its_patience_is_told_and_can_write_later(ledger: Ledger, address: str) -> None:
    with ledger_at(address, patience=0.2) as other:
        with (
            ledger.transaction(),
            pytest.raises(StoreUnavailable, match="another process is writing, try again"),
            other.transaction(),
        ):
            pass
        everything(other)


def test_many_make_the_same_ledger_at_once(address: str) -> None:
    together = threading.Barrier(6)

    def make(number: int) -> None:
        together.wait(timeout=30)
        with ledger_at(address) as ledger, ledger.transaction() as work:
            work.remember({str(number): b""})

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(make, range(6)))
    with ledger_at(address) as ledger:
        assert len(ledger.remembered()) == 6


# The lease


def acquired(ledger: Ledger, holder: str, now: float, duration: float = 30.0) -> Lease:
    lease = ledger.acquire(holder, now, duration)
    assert lease is not None
    return lease


def test_of_two_daemons_one_has_the_lease_and_the_other_takes_over_when_it_has_ended(
    ledger: Ledger, address: str
) -> None:
    with ledger_at(address) as other:
        first = acquired(ledger, "first", now=100.0)
        assert other.acquire("second", 129.9, 30.0) is None
        assert other.lease() == first == Lease("first", first.fence, 130.0)
        second = acquired(other, "second", now=130.0)
    assert second.fence > first.fence
    assert ledger.lease() == second


def test_a_lease_that_is_renewed_does_not_end(ledger: Ledger) -> None:
    lease = acquired(ledger, "first", now=100.0)
    longer = ledger.renew(lease, 125.0, 30.0)
    assert (longer.fence, longer.expires) == (lease.fence, 155.0)
    assert ledger.acquire("second", 154.0, 30.0) is None
    everything(ledger, lease.fence)


def test_a_daemon_that_lost_its_lease_writes_nothing(ledger: Ledger) -> None:
    lost = acquired(ledger, "first", now=100.0)
    newer = acquired(ledger, "second", now=200.0)
    with pytest.raises(LeaseLost, match="second has taken over"):
        everything(ledger, lost.fence)
    with pytest.raises(LeaseLost, match="second has taken over"):
        ledger.renew(lost, 201.0, 30.0)
    assert is_empty(ledger)
    ledger.release(lost)
    assert ledger.lease() == newer
    everything(ledger, newer.fence)


def test_a_daemon_whose_lease_ended_without_anybody_taking_over_goes_on(ledger: Ledger) -> None:
    lease = acquired(ledger, "first", now=100.0)
    everything(ledger, lease.fence)
    assert ledger.renew(lease, 1000.0, 30.0).expires == 1030.0


def test_a_lease_that_is_given_back_can_be_had_at_once_and_fences_only_grow(ledger: Ledger) -> None:
    fences = []
    for holder in ("first", "second", "second", "first"):
        lease = acquired(ledger, holder, now=100.0)
        fences.append(lease.fence)
        if holder != "second" or len(fences) == 3:
            ledger.release(lease)
    assert fences == sorted(set(fences))


def test_who_starts_again_under_the_same_name_gets_a_new_lease_and_the_old_one_is_worth_nothing(ledger: Ledger) -> None:
    before = acquired(ledger, "first", now=100.0)
    after = acquired(ledger, "first", now=101.0)
    with pytest.raises(LeaseLost):
        everything(ledger, before.fence)
    everything(ledger, after.fence)


def test_a_clock_that_was_set_back_does_not_lock_everybody_out(ledger: Ledger) -> None:
    acquired(ledger, "first", now=1_000_000.0)
    assert acquired(ledger, "second", now=1000.0).expires == 1030.0


def test_when_many_ask_for_the_lease_at_once_one_gets_it(address: str) -> None:
    ledger_at(address).close()
    together = threading.Barrier(6)

    def ask(number: int) -> Lease | None:
        with ledger_at(address) as ledger:
            together.wait(timeout=30)
            return ledger.acquire(str(number), 100.0, 30.0)

    with ThreadPoolExecutor(6) as threads:
        assert len(list(filter(None, threads.map(ask, range(6))))) == 1


# Versions


def test_a_ledger_of_an_earlier_version_is_brought_up_and_one_of_a_newer_version_is_left_alone(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger_at(address) as ledger:
        everything(ledger)
        before = ledger.incidents()
    with monkeypatch.context() as later:
        later.setattr(ledger_tables, "MIGRATIONS", (("ALTER TABLE ledger_cursors ADD COLUMN further TEXT",),))
        for _ in range(2):
            with ledger_at(address) as ledger:
                assert (ledger.incidents(), ledger.cursor("detection")) == (before, "1")
    with pytest.raises(StoreUnavailable, match=r"newer soakwatch \(tables of version 2, this one knows 1\); upgrade"):
        ledger_at(address)


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger_at(address) as ledger:
        everything(ledger)
    with monkeypatch.context() as later:
        broken = ("DROP TABLE ledger_memory", "ALTER TABLE nothing ADD COLUMN further TEXT")
        later.setattr(ledger_tables, "MIGRATIONS", (broken,))
        with pytest.raises(StoreUnavailable, match="nothing"):
            ledger_at(address)
    with ledger_at(address) as ledger:
        assert ledger.cursor("detection") == "1"
        assert ledger.remembered() == {"fast": b"1"}
