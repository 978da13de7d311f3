"""Runs whose raw windows have expired: shown, compared and pinned as before, from what is kept of them for longer."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import PastRun, soakwatch, store_with

from soakwatch.core.retention import Retention
from soakwatch.store.roll_up_pass import expire_rolled_up, roll_up_stored
from soakwatch.store.sqlite import SqliteStore

DAY = 86_400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    now = time.time()
    slower = PastRun("slower", now - 9 * DAY, median=100.0, endpoints=("/query", "/search"))
    store_with(tmp_path, PastRun("before", now - 10 * DAY, endpoints=("/query", "/search")), slower)
    return tmp_path


def let_raw_windows_expire(folder: Path) -> None:
    with SqliteStore.create(folder / "soakwatch.db", retention=Retention(raw=7 * DAY)) as store:
        roll_up_stored(store, time.time())
        assert expire_rolled_up(store, time.time()) > 0
        assert [store.requests_stored(run.id) for run in store.runs()] == [{}, {}]


def told(*arguments: str, folder: Path) -> Any:
    return json.loads(soakwatch(*arguments, "--json", folder=folder).stdout)


def test_a_run_is_shown_as_before(folder: Path) -> None:
    before = told("runs", "show", "slower", folder=folder)
    let_raw_windows_expire(folder)
    assert told("runs", "show", "slower", folder=folder) == before


def test_verdicts_are_the_same_as_before(folder: Path) -> None:
    before = told("compare", "before", "slower", folder=folder)["verdicts"]
    let_raw_windows_expire(folder)
    after = told("compare", "before", "slower", folder=folder)["verdicts"]
    assert {verdict["verdict"] for verdict in before} >= {"regressed", "same"}
    assert after == before


def test_a_run_is_pinned_as_before(folder: Path) -> None:
    assert soakwatch("baseline", "pin", "before", "raw.json", folder=folder).returncode == 0
    let_raw_windows_expire(folder)
    assert soakwatch("baseline", "pin", "before", "kept.json", folder=folder).returncode == 0
    assert (folder / "kept.json").read_bytes() == (folder / "raw.json").read_bytes()


def test_of_a_run_that_has_expired_in_part_all_of_it_is_shown(tmp_path: Path) -> None:
    now = time.time()
    with SqliteStore.create(tmp_path / "soakwatch.db", retention=Retention(raw=7 * DAY)) as store:
        PastRun("long", now - 7 * DAY - 1_500, windows=300).write(store)
        roll_up_stored(store, now)
        expire_rolled_up(store, now)
        assert 0 < sum(store.requests_stored("long").values()) < 30_000
    (endpoint,) = told("runs", "show", "long", folder=tmp_path)["endpoints"]
    assert endpoint["requests"] == 30_000
