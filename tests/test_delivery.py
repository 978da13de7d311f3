"""Delivery: every window reaches the store once, or is counted as lost; and the event loop never waits for a disk."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import gevent
import pytest
from spooled import REFUSED, a_window, spool_left_behind

from soakwatch.collector import orphans, patience, spool
from soakwatch.collector.dead_letters import DeadLetters, Letter
from soakwatch.collector.delivery import MAX_UNSPOOLED, Delivery
from soakwatch.collector.shipping import requests_in
from soakwatch.collector.spool import Spool
from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.window import Window
from soakwatch.store import rows
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.sqlite import SqliteStore

LIMIT = 1 << 30
NO_HANG = 30.0


@dataclass
class Place:
    """A folder with a store and a spool, and the deliveries between them."""

    folder: Path
    made: list[Delivery]

    @property
    def store(self) -> Path:
        return self.folder / "soakwatch.db"

    @property
    def spool(self) -> Path:
        return self.folder / "soakwatch.db.spool"

    def delivery(
        self, source: str = "a", limit: int = LIMIT, patience: float = 1.0, spool: Path | None = None
    ) -> Delivery:
        delivery = Delivery(lambda: SqliteStore.create(self.store, patience), spool or self.spool, source, limit)
        self.made.append(delivery)
        return delivery

    def delivery_to_nowhere(self, limit: int = LIMIT, spool: Path | None = None) -> Delivery:
        """One whose store is never there."""

        def refuse() -> WindowStore:
            raise StoreUnavailable("the store is away")

        delivery = Delivery(refuse, spool or self.spool, "a", limit)
        self.made.append(delivery)
        return delivery

    def delivery_to_a_slow_store(self, let: threading.Event) -> tuple[Delivery, threading.Event]:
        """One whose store answers nothing until it is `let`; and what says that it was asked."""
        begun = threading.Event()

        def open_slow() -> WindowStore:
            store = SlowStore.create(self.store)
            store.begun, store.let = begun, let
            return store

        delivery = Delivery(open_slow, self.spool, "a", LIMIT)
        self.made.append(delivery)
        return delivery, begun

    def delivery_that_is_told(self, error: StoreUnavailable) -> tuple[Delivery, list[float]]:
        """One whose store says `error`; and when it was asked."""
        asked: list[float] = []

        def refuse() -> WindowStore:
            asked.append(time.monotonic())
            raise error

        delivery = Delivery(refuse, self.spool, "a", LIMIT)
        self.made.append(delivery)
        return delivery, asked

    def stored(self) -> list[Window]:
        with SqliteStore.create(self.store) as store:
            return list(store.windows("run"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        SqliteStore.create(self.store).close()
        with closing(sqlite3.connect(self.store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    def left_by_a_dead_process(self, payloads: list[bytes]) -> None:
        spool_left_behind(self.spool, payloads)

    def dead_letters(self) -> list[Letter]:
        return list(DeadLetters(self.spool).read())


class SlowStore(SqliteStore):
    """An SQLite store that answers nothing until it is let; `begun` says that it was asked."""

    begun: threading.Event
    let: threading.Event

    def write(self, points: Sequence[Point]) -> None:
        self.begun.set()
        assert self.let.wait(NO_HANG)
        super().write(points)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, [])
    yield made
    for delivery in made.made:
        delivery.close()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once, for tests that are not about the pauses."""
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.1)


pytestmark = pytest.mark.usefixtures("_impatient")


def wait_until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(NO_HANG):
        while not condition():
            gevent.sleep(0.01)


def longest_stall_during(work: Callable[[], None]) -> float:
    """Longest time for which a greenlet that only wants to tick did not get its turn."""
    gaps = [0.0]

    def tick() -> None:
        last = time.monotonic()
        while True:
            gevent.sleep(0.005)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    ticking = gevent.spawn(tick)
    work()
    ticking.kill()
    return max(gaps)


def test_what_is_submitted_is_stored_and_leaves_nothing_behind(place: Place) -> None:
    windows = [a_window(number) for number in range(50)]
    delivery = place.delivery()
    delivery.start()
    delivery.submit([windows[:20], [], windows[20:40]])
    delivery.submit([windows[40:]])
    assert delivery.drain(NO_HANG)
    delivery.close()
    assert (delivery.waiting, delivery.dropped) == (0, 0)
    assert place.stored() == windows
    assert list(place.spool.iterdir()) == []


def test_nothing_is_opened_before_the_first_points_come(place: Place) -> None:
    delivery = place.delivery()
    delivery.submit([[], []])
    delivery.close()
    assert list(place.folder.iterdir()) == []


def test_submitted_is_on_the_disk_before_the_store_has_it(place: Place) -> None:
    place.delivery().submit([[a_window(0)]])
    with closing(Spool(place.spool, "a", LIMIT)) as written:
        assert [rows.decode(payload) for payload in written.waiting()] == [[a_window(0)]]


def test_windows_wait_for_a_store_that_is_locked_for_three_seconds_and_nothing_else_does(place: Place) -> None:
    windows = [a_window(number) for number in range(100)]
    delivery = place.delivery(patience=1.0)

    def work() -> None:
        with place.locked():
            delivery.start()
            for number in range(0, 100, 10):
                delivery.submit([windows[number : number + 10]])
                gevent.sleep(0.3)
            assert delivery.waiting == 300
        wait_until(lambda: delivery.waiting == 0)

    stall = longest_stall_during(work)
    assert stall < 0.5, "a bound: a locked store holds its thread for a second at a time"
    assert delivery.dropped == 0
    assert place.stored() == windows


def test_of_a_batch_only_the_points_that_are_refused_go_to_the_dead_letters(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    refused = [a_window(number, 5, REFUSED) for number in (1, 4)]
    delivery = place.delivery()
    delivery.start()
    delivery.submit([[a_window(0)], [refused[0], a_window(2)], [a_window(3), refused[1]]])
    wait_until(lambda: delivery.waiting == 0)
    assert (delivery.written, delivery.dropped) == (9, 10)
    assert place.stored() == [a_window(0), a_window(2), a_window(3)]
    assert [letter.points for letter in place.dead_letters()] == [(window,) for window in refused]
    assert all("cannot be stored" in letter.reason for letter in place.dead_letters())
    assert caplog.text.count("the store refuses windows for good") == 1, "once for each reason, not for each point"


def test_a_refused_payload_that_cannot_even_be_buried_does_not_hold_up_the_others(place: Place) -> None:
    (place.folder / "file").touch()
    delivery = place.delivery(spool=place.folder / "file" / "spool")
    delivery.start()
    delivery.submit([[a_window(0, 5, REFUSED)], [a_window(1)]])
    wait_until(lambda: delivery.waiting == 0)
    assert delivery.dropped == 5
    assert place.stored() == [a_window(1)]


# What earlier processes left behind


def test_what_a_dead_process_left_is_delivered_at_the_start(place: Place) -> None:
    windows = [a_window(number) for number in range(10)]
    place.left_by_a_dead_process([rows.encode(windows[:5]), rows.encode(windows[5:])])
    delivery = place.delivery()
    delivery.start()
    wait_until(lambda: place.stored() == windows)
    wait_until(lambda: not list(place.spool.iterdir()))
    assert (delivery.waiting, delivery.dropped) == (0, 0)


def test_what_a_dead_process_left_waits_for_a_locked_store_too(place: Place) -> None:
    place.left_by_a_dead_process([rows.encode([a_window(0)])])
    delivery = place.delivery(patience=0.1)
    with place.locked():
        delivery.start()
        gevent.sleep(0.5)
    delivery.submit([[a_window(1)]])
    wait_until(lambda: place.stored() == [a_window(0), a_window(1)])


def test_a_process_that_died_between_the_store_and_the_spool_stores_nothing_twice(place: Place) -> None:
    windows = [a_window(number) for number in range(10)]
    with SqliteStore.create(place.store) as store:
        store.write(windows)
    place.left_by_a_dead_process([rows.encode(windows)])
    delivery = place.delivery()
    delivery.start()
    wait_until(lambda: not list(place.spool.iterdir()))
    assert place.stored() == windows


@pytest.mark.parametrize(
    "unreadable", [b"not json", b"\xff\xfe", b"{}", b"5", b'[["window",1,2]]', b'[["something new",1]]', b"[[]]", b""]
)
def test_a_record_of_another_version_does_not_hold_up_the_others(place: Place, unreadable: bytes) -> None:
    place.left_by_a_dead_process([rows.encode([a_window(0)]), unreadable, rows.encode([a_window(1)])])
    delivery = place.delivery()
    delivery.start()
    delivery.submit([[a_window(2)]])
    wait_until(lambda: place.stored() == [a_window(0), a_window(1), a_window(2)])
    wait_until(lambda: delivery.waiting == 0)
    expected = [] if unreadable == b"{}" else [unreadable]
    # a letter is written a moment after its record no longer waits
    wait_until(lambda: [letter.unreadable for letter in place.dead_letters()] == expected)


# What is lost is counted


def test_what_a_full_spool_drops_is_counted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_SIZE", 2_000)
    delivery = place.delivery_to_nowhere(limit=10_000)
    delivery.start()
    for number in range(200):
        delivery.submit([[a_window(number)]])
        assert delivery.waiting + delivery.dropped == 3 * (number + 1)
    assert delivery.dropped > 0
    delivery.close()
    with closing(Spool(place.spool, "a", LIMIT)) as left:
        assert sum(requests_in(rows.decode(payload)) for payload in left.waiting()) == delivery.waiting


def test_what_is_dropped_while_the_store_takes_it_is_not_counted_as_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SEGMENT_SIZE", 1)
    delivery = place.delivery(limit=2_000, patience=20.0)
    with place.locked():
        delivery.submit([[a_window(0)]])
        delivery.start()
        gevent.sleep(0.3)
        for number in range(1, 50):
            delivery.submit([[a_window(number)]])
        assert delivery.dropped > 0
    wait_until(lambda: delivery.waiting == 0)
    stored = place.stored()
    assert a_window(0) in stored
    assert requests_in(stored) + delivery.dropped == 150


def test_without_a_spool_windows_wait_in_memory_and_reach_the_store(place: Place) -> None:
    (place.folder / "file").touch()
    delivery = place.delivery(spool=place.folder / "file" / "spool")
    delivery.start()
    delivery.submit([[a_window(number)] for number in range(10)])
    wait_until(lambda: delivery.waiting == 0)
    assert place.stored() == [a_window(number) for number in range(10)]


def test_without_a_spool_and_a_store_memory_is_bounded_and_losses_are_counted(place: Place) -> None:
    (place.folder / "file").touch()
    delivery = place.delivery_to_nowhere(spool=place.folder / "file" / "spool")
    delivery.start()
    for number in range(100):
        delivery.submit([[a_window(number)]])
    assert (delivery.waiting, delivery.dropped) == (3 * MAX_UNSPOOLED, 3 * (100 - MAX_UNSPOOLED))
    delivery.close()
    assert (delivery.waiting, delivery.dropped) == (0, 300)


def test_a_flush_of_two_thousand_series_reaches_the_store_while_the_spools_disk_is_full(place: Place) -> None:
    (place.folder / "file").touch()
    delivery = place.delivery(spool=place.folder / "file" / "spool")
    delivery.start()
    for flush in range(3):
        windows = [a_window(flush, endpoint=f"/{number}") for number in range(2_000)]
        delivery.submit([windows[first : first + 20] for first in range(0, 2_000, 20)])
        delivery.submit([[a_window(flush, endpoint="/last")]])
        assert delivery.dropped == 0
        wait_until(lambda: delivery.waiting == 0)
    assert requests_in(place.stored()) == 3 * 3 * 2_001


def test_what_a_full_disk_costs_is_said_to_be_the_disks(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    (place.folder / "file").touch()
    delivery = place.delivery_to_nowhere(spool=place.folder / "file" / "spool")
    for number in range(MAX_UNSPOOLED + 1):
        delivery.submit([[a_window(number)]])
    assert "3 requests were dropped" in caplog.messages[-1]
    assert f"the spool in {place.folder / 'file' / 'spool'} cannot be written: " in caplog.messages[-1]


def test_counting_what_a_full_spool_drops_does_not_hold_up_the_load(place: Place) -> None:
    limit = 16 * 1024 * 1024
    payload = rows.encode([a_window(number) for number in range(20)])
    with closing(Spool(place.spool, "a", limit)) as full:
        while full.size() < limit - len(payload) * 60:
            full.append([payload] * 50)
    delivery = place.delivery_to_nowhere(limit=limit)
    windows = [a_window(number) for number in range(20)]
    stall = longest_stall_during(lambda: delivery.submit([windows] * 80))
    assert delivery.dropped > 10_000
    assert stall < 0.3, "a bound: a segment takes most of a second to decode"


def test_a_disk_that_comes_back_while_the_store_is_at_work_costs_nothing(place: Place) -> None:
    (place.folder / "file").touch()
    delivery = place.delivery(spool=place.folder / "file" / "spool", patience=20.0)
    with place.locked():
        for number in range(3):
            delivery.submit([[a_window(number)]])
        delivery.start()
        gevent.sleep(0.3)
        (place.folder / "file").unlink()
        delivery.submit([[a_window(3)]])
        assert (delivery.waiting, delivery.dropped) == (12, 0)
    wait_until(lambda: delivery.waiting == 0)
    delivery.submit([[a_window(4)]])
    wait_until(lambda: delivery.waiting == 0)
    assert delivery.dropped == 0
    assert place.stored() == [a_window(number) for number in range(5)]


# The end


def test_the_end_does_not_wait_longer_than_it_is_given_and_the_next_process_delivers(place: Place) -> None:
    delivery = place.delivery(patience=0.2)
    with place.locked():
        delivery.start()
        delivery.submit([[a_window(number)] for number in range(20)])
        begin = time.monotonic()
        assert not delivery.drain(0.5)
        delivery.close()
        assert time.monotonic() - begin < 5
        assert delivery.waiting == 60
    following = place.delivery("b")
    following.start()
    wait_until(lambda: not list(place.spool.iterdir()))
    assert place.stored() == [a_window(number) for number in range(20)]


def test_two_processes_deliver_into_one_store(place: Place) -> None:
    one, other = place.delivery("a"), place.delivery("b")
    for delivery in (one, other):
        delivery.start()
    for number in range(50):
        one.submit([[a_window(number)]])
        other.submit([[replace(a_window(number), source="b")]])
    assert one.drain(NO_HANG)
    assert other.drain(NO_HANG)
    assert requests_in(place.stored()) == 300


@pytest.mark.parametrize("background", [True, False])
def test_the_end_does_not_wait_for_a_store_that_answers_nothing(place: Place, background: bool) -> None:
    let = threading.Event()
    delivery, begun = place.delivery_to_a_slow_store(let)
    if background:
        delivery.start()
    delivery.submit([[a_window(0)]])
    if background:
        wait_until(begun.is_set)
    begin = time.monotonic()
    assert not delivery.drain(NO_HANG)
    assert delivery.in_trouble
    with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.1 s"):
        delivery.in_database(lambda store: store.runs(), 0.1)
    assert not delivery.drain(NO_HANG)
    assert not delivery.close()
    assert time.monotonic() - begin < 3, "1.5 s of silence, and nothing else that takes time"
    assert delivery.waiting == 3
    let.set()
    following = place.delivery("b")
    following.start()
    wait_until(lambda: not list(place.spool.iterdir()))
    assert place.stored() == [a_window(0)]


def test_a_slow_store_that_answers_in_the_end_is_no_trouble_any_more(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    let = threading.Event()
    delivery, begun = place.delivery_to_a_slow_store(let)
    delivery.start()
    delivery.submit([[a_window(0)]])
    wait_until(begun.is_set)
    assert not delivery.drain(NO_HANG)
    let.set()
    wait_until(lambda: delivery.waiting == 0)
    assert delivery.drain(NO_HANG)
    assert [record.getMessage().partition(".")[0] for record in caplog.records] == [
        "the store does not answer",
        "all windows are in the store again",
    ]


def test_a_store_that_asks_to_be_left_alone_is_not_asked_again_at_the_end(place: Place) -> None:
    delivery, asked = place.delivery_that_is_told(StoreUnavailable("busy", retry_after=60.0))
    delivery.start()
    delivery.submit([[a_window(0)]])
    wait_until(lambda: delivery.in_trouble)
    begin = time.monotonic()
    assert not delivery.drain(NO_HANG)
    delivery.close()
    assert time.monotonic() - begin < 1
    assert len(asked) == 1


def test_what_earlier_processes_left_neither_holds_up_the_own_windows_nor_the_end(place: Place) -> None:
    place.left_by_a_dead_process([rows.encode([a_window(99)])])
    let, begun = threading.Event(), threading.Event()
    opened: list[WindowStore] = []

    def open_store() -> WindowStore:
        if opened:  # the second one is that of the own windows
            return SqliteStore.create(place.store)
        store = SlowStore.create(place.store)
        store.begun, store.let = begun, let
        opened.append(store)
        return store

    delivery = Delivery(open_store, place.spool, "a", LIMIT)
    place.made.append(delivery)
    delivery.start()
    wait_until(begun.is_set)
    delivery.submit([[a_window(0)]])
    wait_until(lambda: delivery.waiting == 0)
    assert place.stored() == [a_window(0)]
    begin = time.monotonic()
    assert delivery.drain(NO_HANG)
    delivery.close()
    assert time.monotonic() - begin < 1
    let.set()


def test_a_process_that_dies_during_a_run_is_found_before_the_run_ends(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "RESCAN_INTERVAL", 0.1)
    delivery = place.delivery()
    delivery.start()
    delivery.submit([[a_window(0)]])
    wait_until(lambda: place.stored() == [a_window(0)])
    place.left_by_a_dead_process([rows.encode([a_window(1)])])
    wait_until(lambda: place.stored() == [a_window(0), a_window(1)])


# Health


def test_what_became_of_the_requests_is_counted(place: Place) -> None:
    delivery = place.delivery(patience=0.1)
    with place.locked():
        delivery.start()
        delivery.submit([[a_window(number)] for number in range(4)])
        delivery.submit([[a_window(4, 7, REFUSED)]])
        wait_until(lambda: delivery.retried >= 2)
        assert (delivery.written, delivery.waiting, delivery.dropped) == (0, 19, 0)
        oldest = a_window(0).start + 10
        assert delivery.age_of_oldest(oldest + 60) == 60
    wait_until(lambda: delivery.waiting == 0)
    assert (delivery.written, delivery.dropped) == (12, 7)
    wait_until(lambda: delivery.age_of_oldest(oldest + 60) == 0)


def test_trouble_is_said_once_however_often_it_is_met(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    delivery, asked = place.delivery_that_is_told(StoreUnavailable("401: no rights; set the token"))
    delivery.start()
    delivery.submit([[a_window(0)]])
    wait_until(lambda: len(asked) > 5)
    (said,) = caplog.messages
    assert said == f"401: no rights; set the token. Windows wait in {place.spool}"
