"""What waits of a run in the spools of its workers is counted at its end, whatever else they hold, and however much."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from spooled import a_window, left_by_a_dead_process, spool_left_behind

from soakwatch.collector import spool as module
from soakwatch.collector.delivery import Delivery
from soakwatch.collector.last_records import Search
from soakwatch.collector.spool import Spool
from soakwatch.collector.spooled_run import SpooledRun
from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.run import Tally
from soakwatch.store import rows
from soakwatch.store.contract import Point, WindowStore

NO_HANG = 30.0
LIMIT = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "soakwatch.spool"


@pytest.fixture
def delivery(folder: Path) -> Iterator[Delivery]:
    """That of a leader whose store is away."""

    def refuse() -> WindowStore:
        raise StoreUnavailable("the store is away")

    made = Delivery(refuse, folder, "leader", LIMIT)
    yield made
    made.close()


def a_tally(source: str = "a", run: str = "run", *, final: bool = True) -> Tally:
    return Tally("perf", "soak", run, source, 1_795_000_000.0, reached=9, counted=9, final=final)


def test_only_what_belongs_to_the_run_is_counted(folder: Path) -> None:
    other: list[Point] = [replace(a_window(0, 100), run="run before"), a_tally(run="run before")]
    left_by_a_dead_process(folder, [other, [a_window(0), a_window(1, 5)], [a_tally()]], "a")
    left_by_a_dead_process(folder, [other], "b")
    found = SpooledRun(folder, "run")
    assert found.look(["a", "b", "c"], NO_HANG)
    assert found.requests(["a", "b", "c"]) == {"a": 8}
    assert found.tallies(["a", "b", "c"]) == [a_tally()]


def test_a_look_ends_in_its_time_and_the_next_one_goes_on(folder: Path) -> None:
    left_by_a_dead_process(folder, [[a_window(number)] for number in range(5)], "a")
    found = SpooledRun(folder, "run")
    counted = []
    while not found.look(["a"], 0.0):
        counted.append(found.requests(["a"])["a"])
    assert counted == [3, 6, 9, 12, 15]


def test_what_was_read_is_not_read_again(folder: Path) -> None:
    left_by_a_dead_process(folder, [[a_window(number)] for number in range(5)], "a")
    found = SpooledRun(folder, "run")
    assert found.look(["a"], NO_HANG)
    (segment,) = folder.glob("*.spool")
    segment.write_bytes(bytes(segment.stat().st_size))
    assert found.look(["a"], NO_HANG)
    assert found.requests(["a"]) == {"a": 15}


def test_what_a_worker_delivers_between_two_looks_does_not_wait_any_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 1)
    left_by_a_dead_process(folder, [[a_window(0)]], "b")
    with closing(Spool(folder, "a", LIMIT)) as spool:
        for number in range(3):
            spool.append([rows.encode([a_window(number)])])
        found = SpooledRun(folder, "run")
        assert found.look(["a", "b"], NO_HANG)
        assert found.requests(["a", "b"]) == {"a": 9, "b": 3}
        oldest = spool.oldest()
        assert oldest is not None
        assert spool.acknowledge(oldest)
        assert found.look(["a", "b"], NO_HANG)
        assert found.requests(["a", "b"]) == {"a": 6, "b": 3}


def test_a_large_spool_is_counted_without_being_kept_in_memory(folder: Path) -> None:
    payload = rows.encode([a_window(number) for number in range(20)])
    spool_left_behind(folder, [payload] * 250, "a")
    found = SpooledRun(folder, "run")
    tracemalloc.start()
    try:
        assert found.look(["a"], NO_HANG)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.requests(["a"]) == {"a": 15_000}
    assert peak < 2_000_000, "decoded, these are 15 MB"


def test_a_leader_whose_store_is_away_finds_the_last_records_of_its_workers_in_their_spools(
    folder: Path, delivery: Delivery
) -> None:
    for source in ("a", "b"):
        left_by_a_dead_process(folder, [[a_window(0, source=source)], [a_tally(source)]], source)
    found = Search(delivery, "run", NO_HANG).until_complete(lambda: {"a", "b"}, ["a"])
    assert found.stored is None
    assert found.final == {"a", "b"}
    assert found.spooled == {"a": 3, "b": 3}


def test_a_spool_that_cannot_be_read_does_not_hide_the_others(folder: Path, delivery: Delivery) -> None:
    left_by_a_dead_process(folder, [[a_window(0)], [a_tally()]], "a")
    (folder / "b-00000001.spool").mkdir()  # opened for reading, it is an error, as another user's is
    found = Search(delivery, "run", NO_HANG).until_complete(lambda: {"a"}, ["a", "b"])
    assert found.spooled == {"a": 3}
