"""Shipping: what a store refuses does not take the rest along, whatever else goes wrong on the way."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooled import REFUSED, a_window

from soakwatch.collector.dead_letters import DeadLetters, Letter
from soakwatch.collector.shipping import Shipment, requests_in
from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.store import rows
from soakwatch.store.contract import Point
from soakwatch.store.sqlite import SqliteStore


class PickyStore(SqliteStore):
    """An SQLite store that refuses some points, and is away at some calls."""

    refuses: Callable[[Point], bool] = staticmethod(lambda _: False)
    away: Sequence[bool] = ()
    calls = 0

    def write(self, points: Sequence[Point]) -> None:
        self.calls += 1
        if self.calls <= len(self.away) and self.away[self.calls - 1]:
            raise StoreUnavailable("away")
        if any(map(self.refuses, points)):
            raise StoreRefused("refused")
        super().write(points)


def a_store(folder: str | Path) -> PickyStore:
    return PickyStore.create(Path(folder) / "soakwatch.db")


def bring(shipment: Shipment, store: PickyStore) -> None:
    while True:
        try:
            shipment.into(store)
        except StoreUnavailable:
            continue
        return


@given(st.lists(st.booleans(), max_size=40), st.lists(st.booleans(), max_size=30), st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_what_is_refused_is_set_aside_once_and_the_rest_is_stored_however_often_the_store_goes_away(
    refused: list[bool], away: list[bool], per_record: int
) -> None:
    windows = [a_window(number) for number in range(len(refused))]
    bad = {window.start for window, is_bad in zip(windows, refused, strict=True) if is_bad}
    records = [windows[first : first + per_record] for first in range(0, len(windows), per_record)]
    with TemporaryDirectory() as folder, a_store(folder) as store:
        store.refuses = lambda point: getattr(point, "start", None) in bad
        store.away = away
        shipment = Shipment([rows.encode(record) for record in records])
        bring(shipment, store)
        assert list(store.windows("run")) == [window for window in windows if window.start not in bad]
    assert sorted(letter.points[0].start for letter in shipment.letters) == sorted(bad)  # type: ignore[union-attr]
    assert all((len(letter.points), letter.reason) == (1, "refused") for letter in shipment.letters)
    assert (sum(shipment.requests), shipment.refused) == (3 * len(windows), 3 * len(bad))


def test_one_bad_point_of_a_batch_costs_a_few_writes_and_not_one_for_each_point(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.refuses = lambda point: getattr(point, "start", 0) == a_window(300).start
        Shipment([rows.encode([a_window(number) for number in range(512)])]).into(store)
        assert store.calls <= 2 * 9 + 1


def test_a_store_that_goes_away_is_not_asked_again_for_what_it_has_taken_or_refused(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.refuses = lambda point: getattr(point, "start", 0) == a_window(0).start
        store.away = [False] * 6 + [True]
        shipment = Shipment([rows.encode([a_window(number) for number in range(8)])])
        with pytest.raises(StoreUnavailable):
            shipment.into(store)
        before = store.calls
        shipment.into(store)
        assert store.calls - before == 1
        assert len(list(store.windows("run"))) == 7


def test_points_that_are_known_are_not_decoded_again(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        Shipment([b"of no meaning"], {b"of no meaning": [a_window(5)]}).into(store)
        assert list(store.windows("run")) == [a_window(5)]


# Dead letters


def test_letters_read_back_with_their_reasons(tmp_path: Path) -> None:
    letters = [
        Letter("because\n of this", (a_window(0, endpoint=REFUSED),)),
        Letter("no record", unreadable=b"\xff\n{"),
    ]
    DeadLetters(tmp_path / "spool").append(letters)
    DeadLetters(tmp_path / "spool").append([Letter("later", (a_window(1), a_window(2)))])
    assert list(DeadLetters(tmp_path / "spool").read()) == [*letters, Letter("later", (a_window(1), a_window(2)))]


def test_each_letter_is_a_line_of_json(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.append([Letter("reason", (a_window(number, endpoint=f"{REFUSED}\n"),)) for number in range(3)])
    lines: list[dict[str, Any]] = [json.loads(line) for line in letters.file.read_text("ascii").splitlines()]
    assert [line["reason"] for line in lines] == ["reason"] * 3


@pytest.mark.parametrize("line", [b'{"reason":"x"}', b"{", b"null", b'{"reason":"x","points":[["no kind"]]}', b"7"])
def test_a_line_that_is_no_letter_is_kept_as_it_is(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "dead-letters.jsonl").write_bytes(line + b"\n")
    assert list(DeadLetters(tmp_path).read()) == [Letter("", unreadable=line)]


def test_letters_from_before_there_were_reasons_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "dead-letters.jsonl").write_bytes(rows.encode([a_window(0), a_window(1)]) + b"\n")
    assert list(DeadLetters(tmp_path).read()) == [Letter("", (a_window(0), a_window(1)))]


def test_letters_in_hand_are_forgotten_only_when_all_went_well(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    first, second = Letter("first", (a_window(0),)), Letter("second", (a_window(1),))
    letters.append([first])

    def try_them() -> None:
        with letters.in_hand() as held:
            assert list(held) == [first]
            letters.append([second])
            raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        try_them()
    assert list(letters.read()) == [first, second]
    for held_now in ([first], [second], []):
        with letters.in_hand() as held:
            assert list(held) == held_now
    assert list(tmp_path.iterdir()) == []


def test_only_one_has_the_letters_in_hand(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.append([Letter("first", (a_window(0),))])
    with letters.in_hand(), pytest.raises(BlockingIOError), DeadLetters(tmp_path).in_hand():
        pass


def test_no_letter_is_lost_while_others_take_them_in_hand(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    written, taken = 300, 0

    def write() -> None:
        for number in range(written):
            DeadLetters(tmp_path).append([Letter(str(number), (a_window(number),))])

    writing = threading.Thread(target=write)
    writing.start()
    while writing.is_alive():
        with letters.in_hand() as held:
            taken += len(held)
    writing.join()
    assert taken + len(list(letters.read())) == written


def test_letters_are_kept_up_to_a_limit_and_that_the_rest_is_not_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    letters = DeadLetters(tmp_path, limit=5_000)
    for first in range(0, 100, 10):
        letters.append([Letter("reason", (a_window(number),)) for number in range(first, first + 10)])
    assert letters.file.stat().st_size <= 5_000
    kept = [letter.points for letter in letters.read()]
    assert 0 < len(kept) < 100
    assert kept == [(a_window(number),) for number in range(len(kept))]
    (message,) = caplog.messages
    assert f"{letters.file} is full" in message


def test_requests_are_those_of_windows() -> None:
    assert requests_in([a_window(0, 5), a_window(1, 7)]) == 12
