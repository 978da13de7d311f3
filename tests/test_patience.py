"""Patience: a store in trouble is tried again, but not in a hurry, and never before it asked to be."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import gevent
import pytest

from soakwatch.collector.patience import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_REQUEST, until_done
from soakwatch.core.errors import StoreUnavailable


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been slept."""
    slept: list[float] = []
    monkeypatch.setattr(gevent, "sleep", slept.append)
    return slept


def fail_with(errors: Sequence[Exception]) -> list[Exception]:
    """Work that fails with one after the other and then succeeds; gives what was told."""
    told: list[Exception] = []
    following: Iterator[Exception] = iter(errors)

    def work() -> None:
        if (error := next(following, None)) is not None:
            raise error

    until_done(work, told.append)
    return told


def test_what_succeeds_is_done_once(pauses: list[float]) -> None:
    assert fail_with([]) == []
    assert pauses == []


def test_each_failure_is_told_and_pauses_double_up_to_a_bound_with_jitter(pauses: list[float]) -> None:
    errors = [StoreUnavailable("away") for _ in range(2000)]
    assert fail_with(errors) == errors
    for number, pause in enumerate(pauses):
        longest = min(FIRST_PAUSE * 2 ** min(number, 20), LONGEST_PAUSE)
        assert longest / 2 <= pause <= longest
    assert len({round(pause, 6) for pause in pauses[20:]}) > 1000


@pytest.mark.parametrize("asked", [3.0, 45.0, 120.0])
def test_a_store_that_asks_to_be_left_alone_is(pauses: list[float], asked: float) -> None:
    fail_with([StoreUnavailable("busy", retry_after=asked) for _ in range(50)])
    assert all(asked <= pause <= max(asked + FIRST_PAUSE, LONGEST_PAUSE) for pause in pauses)
    assert len(set(pauses)) == 50, "not all at the same moment"


def test_a_store_that_asks_for_a_day_is_tried_after_some_minutes(pauses: list[float]) -> None:
    fail_with([StoreUnavailable("busy", retry_after=86_400.0)])
    assert LONGEST_REQUEST <= pauses[0] <= LONGEST_REQUEST + FIRST_PAUSE


def test_after_a_success_it_begins_with_a_short_pause_again(pauses: list[float]) -> None:
    for _ in range(2):
        fail_with([OSError("disk")] * 8)
    assert all(earlier < later for earlier, later in pairwise(pauses[:5:2]))
    assert pauses[8] <= FIRST_PAUSE
