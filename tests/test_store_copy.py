"""Copying a store into another one: everything, once, however often it is begun."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from command_line import PastRun, soakwatch, store_with
from dying_stores import DyingStore, ForgetfulStore, Killed, RefusingStore
from stores import CART, a_deploy, a_load, a_run, a_tally, a_window, an_error, contents

from soakwatch.core.retention import Retention
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.span import Span
from soakwatch.core.window import Window
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.copied_parts import Amount
from soakwatch.store.copying import CopyReport, copy_store, plan_copy
from soakwatch.store.roll_up_pass import roll_up_stored
from soakwatch.store.sqlite import SqliteStore

DAY = 86_400.0
NOW = 1_700_000_400.0
"""Whole ten minutes."""
EVER = Span(0.0, 2 * NOW)
WEEK = Retention(7 * DAY, inf, inf)


def a_whole_run(run: str, start: float) -> list[Point]:
    """Nine minutes of one series, 162 requests."""
    ended = replace(a_run(run, start, Outcome.FINISHED), end=start + 540)
    windows = [a_window(run, start=start + 10 * place) for place in range(54)]
    errors = [an_error(run, start=start + 10 * place) for place in range(54)]
    load = [a_load(run, start=start + 10 * place) for place in range(54)]
    return [*windows, *errors, *load, replace(a_tally(run), at=start + 540), ended, a_deploy(start + 0.25)]


RUNS = {"old": NOW - 20 * DAY, "middle": NOW - 3 * DAY, "new": NOW - 6_000}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.create(tmp_path / "source.db") as store:
        for run, start in RUNS.items():
            store.write(a_whole_run(run, start))
        yield store


def copied(source: WindowStore, target: WindowStore) -> CopyReport:
    return copy_store(source, target, NOW, lambda _done, _all: None)


def history(store: WindowStore) -> list[object]:
    """All that is copied but raw windows and what belongs to them."""
    kept = [(store.run_series(run), store.run_load(run)) for run in RUNS]
    rolled_up = [list(store.roll_ups(width, EVER)) for width in (MINUTE, TEN_MINUTES)]
    return [store.runs(), kept, rolled_up, store.deploys(EVER)]


# All of it


def test_a_copy_has_all_that_the_store_had(source: SqliteStore, store: WindowStore) -> None:
    report = copied(source, store)
    assert history(store) == history(source)
    for run in RUNS:
        assert contents(store, run) == contents(source, run)
    assert report == CopyReport(Amount(3, 3, 486, 0, 486, 486), Amount(3, 3, 486, 0, 486, 486))


def test_raw_windows_that_have_expired_there_are_not_revived_and_the_rest_of_their_run_is_copied(
    source: SqliteStore, store: WindowStore
) -> None:
    store.retention = WEEK
    report = copied(source, store)
    assert contents(store, "old") == [run for run in source.runs() if run.id == "old"]
    assert contents(store, "middle") == contents(source, "middle")
    assert history(store) == history(source)
    assert (report.wanted.requests, report.wanted.expired, report.differences) == (324, 162, ())


def test_of_a_run_that_has_expired_in_part_the_rest_is_copied(tmp_path: Path, store: WindowStore) -> None:
    store.retention = WEEK
    with SqliteStore.create(tmp_path / "source.db") as source:
        source.write([a_window(start=NOW - 8 * DAY), a_window(start=NOW - 6 * DAY)])
        source.write([replace(a_run("run", NOW - 8 * DAY), end=NOW - 6 * DAY)])
        report = copied(source, store)
    assert [window.start for window in store.windows("run")] == [NOW - 6 * DAY]
    assert (report.wanted.requests, report.wanted.expired, report.differences) == (3, 3, ())


def test_windows_that_were_not_rolled_up_yet_are_before(source: SqliteStore, store: WindowStore) -> None:
    copied(source, store)
    assert sum(one.window.count for one in store.roll_ups(TEN_MINUTES, EVER) if one.window.series.method == "*") == 486


def test_roll_ups_of_the_other_stores_own_runs_stay_and_are_merged_with_copied_windows(
    source: SqliteStore, store: WindowStore
) -> None:
    start = RUNS["new"]
    store.write([a_window("own", source="b", start=start + 10 * place) for place in range(54)])
    roll_up_stored(store, NOW)
    copied(source, store)
    roll_up_stored(store, NOW)
    (endpoint,) = (
        one.window for one in store.roll_ups(TEN_MINUTES, EVER)
        if one.window.start == start and one.window.series.method != "*"
    )  # fmt: skip
    assert endpoint.count == 2 * 162


# Again


def test_a_copy_that_is_repeated_writes_nothing(source: SqliteStore, tmp_path: Path) -> None:
    with DyingStore.create(tmp_path / "target.db") as target:
        copied(source, target)
        target.left = 0
        report = copied(source, target)
    assert report == CopyReport(Amount(3, 3, 486, 0, 486, 486), Amount())


@pytest.mark.parametrize("writes", range(16))
def test_a_copy_that_was_killed_and_begun_again_ends_as_an_undisturbed_one(
    source: SqliteStore, tmp_path: Path, writes: int
) -> None:
    path = tmp_path / "target.db"
    with DyingStore.create(path) as target:
        target.left = writes
        try:
            copied(source, target)
        except Killed:
            pass
        else:
            assert writes >= target.taken
    with SqliteStore.create(path) as target:
        report = copied(source, target)
        assert report.differences == ()
        assert history(target) == history(source)
        assert [contents(target, run) for run in RUNS] == [contents(source, run) for run in RUNS]


def test_what_has_come_since_the_last_copy_is_copied(source: SqliteStore, store: WindowStore) -> None:
    copied(source, store)
    source.write([a_window("middle", source="late", start=RUNS["middle"] + 10 * place) for place in range(6)])
    source.write(a_whole_run("another", NOW - 3_000))
    report = copied(source, store)
    assert (report.copied.runs, report.copied.requests) == (2, 162 + 18)
    assert history(store) == history(source)


def test_a_copy_again_leaves_what_the_other_store_knows_better(tmp_path: Path, store: WindowStore) -> None:
    """A spool was sent to the new store; then the old one was copied once more, when raw windows had expired."""
    start = NOW - 3 * DAY
    early, late = (a_window(source=source, start=start + 10) for source in ("a", "late"))
    waiting = replace(ended_at(start + 60), reconciled=Reconciliation(6, 3, 6, waiting=3, silent_sources=("late",)))
    with SqliteStore.create(tmp_path / "old.db") as old:
        old.write([early, a_load(start=start + 10), replace(a_tally(), at=start + 60), waiting])
        copied(old, store)
        store.write([late, replace(a_tally(source="late", final=True), at=start + 60)])
        roll_up_stored(store, NOW)
        before = everything_of(store)
        assert [run.reconciled for run in store.runs()] == [Reconciliation(6, 6, 6)]
        report = copied(old, store)
        assert everything_of(store) == before
        store.retention = Retention(DAY, inf, inf)
        assert copied(old, store).differences == report.differences == ()
        assert everything_of(store) == before


def ended_at(end: float) -> Run:
    return replace(a_run("run", end - 60, Outcome.FINISHED), end=end)


def everything_of(store: WindowStore) -> list[object]:
    rolled_up = [list(store.roll_ups(width, EVER)) for width in (MINUTE, TEN_MINUTES)]
    return [store.run_series("run"), store.run_load("run"), contents(store), rolled_up]


def test_what_the_first_store_has_learnt_of_a_run_since_is_copied(tmp_path: Path, store: WindowStore) -> None:
    start = NOW - 3 * DAY
    with SqliteStore.create(tmp_path / "old.db") as old:
        old.write([a_window(start=start), a_run("run", start)])
        copied(old, store)
        old.write([replace(ended_at(start + 60), reconciled=Reconciliation(3, 3, 3))])
        copied(old, store)
        assert store.runs() == old.runs()


def test_whole_services_have_the_requests_of_all_endpoints_that_either_store_knew(
    tmp_path: Path, store: WindowStore
) -> None:
    start, order = NOW - 3 * DAY, replace(CART, endpoint="/order")
    with SqliteStore.create(tmp_path / "old.db") as old:
        old.write([a_window("old", start=start), replace(ended_at(start + 60), id="old")])
        store.write([a_window("own", order, start=start + 10, count=2), replace(ended_at(start + 60), id="own")])
        roll_up_stored(store, NOW)
        copied(old, store)
    for width in (MINUTE, TEN_MINUTES):
        found = {one.window.series.endpoint: one.window.count for one in store.roll_ups(width, EVER)}
        assert found == {"/cart": 3, "/order": 2, "*": 5}


# Verified


def test_a_point_that_is_refused_is_told_and_all_others_are_copied(source: SqliteStore, tmp_path: Path) -> None:
    with RefusingStore.create(tmp_path / "target.db") as target:
        target.refuses = lambda point: isinstance(point, Window) and point.start == RUNS["old"]
        report = copied(source, target)
        assert report.differences == (
            "1 point was refused: a text is too long",
            "run old: 3 requests are missing",
        )
        assert [run.id for run in target.runs()] == list(RUNS)
        assert sum(target.requests_stored("old").values()) == 162 - 3


def test_a_store_that_has_less_afterwards_is_told(source: SqliteStore, tmp_path: Path) -> None:
    with ForgetfulStore.create(tmp_path / "target.db") as target:
        report = copied(source, target)
    assert report.differences == tuple(f"run {run}: 162 requests are missing" for run in RUNS)


def test_a_plan_says_what_would_be_copied_and_writes_nothing(source: SqliteStore, store: WindowStore) -> None:
    roll_up_stored(source, NOW)
    plan = plan_copy(source, store, NOW, lambda _done, _all: None)
    assert plan.copied == Amount(3, 3, 486, 0, 486, 486)
    assert (store.runs(), store.deploys(EVER)) == ([], [])
    assert copied(source, store) == plan


def test_how_far_it_is_is_told_until_all_is_done(source: SqliteStore, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with SqliteStore.create(tmp_path / "target.db") as target:
        copy_store(source, target, NOW, lambda done, everything: told.append((done, everything)))
    assert [done for done, _ in told] == list(range(len(told)))
    assert told[-1] == (len(told) - 1, len(told) - 1)


# The command


def recent_runs(folder: Path, number: int = 2) -> Sequence[PastRun]:
    now = time.time() // TEN_MINUTES * TEN_MINUTES
    runs = [PastRun(f"run-{place}", now - 7_200 * (place + 1)) for place in reversed(range(number))]
    store_with(folder, *runs)
    return runs


def test_the_command_says_what_it_copied_and_that_it_was_verified(tmp_path: Path) -> None:
    recent_runs(tmp_path)
    done = soakwatch("store", "copy", "soakwatch.db", "other.db", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    counted = (
        "2 runs, 6,000 requests in raw windows, 6,000 in roll-ups of a minute, 6,000 in roll-ups of ten, 0 deploys"
    )
    assert done.stdout.splitlines() == [f"copied to other.db: {counted}", f"verified: {counted}"]
    shown = soakwatch("runs", "show", "run-0", "--json", "--store", "other.db", folder=tmp_path)
    assert json.loads(shown.stdout)["endpoints"][0]["requests"] == 3_000


def test_the_command_says_what_expired(tmp_path: Path) -> None:
    store_with(tmp_path, PastRun("old", time.time() - 20 * DAY))
    week = {"SOAKWATCH_RETENTION__RAW": "7"}
    done = soakwatch("store", "copy", "soakwatch.db", "other.db", folder=tmp_path, environment=week)
    assert "expired, not revived: 3,000 requests" in done.stdout
    document = soakwatch("store", "copy", "soakwatch.db", "other.db", "--json", folder=tmp_path, environment=week)
    assert json.loads(document.stdout) == {
        "dry_run": False,
        "source": {
            "deploys": 0, "runs": 1, "requests": 0, "expired": 3_000, "minutes": 3_000, "ten_minutes": 3_000,
        },
        "copied": {"deploys": 0, "runs": 0, "requests": 0, "expired": 0, "minutes": 0, "ten_minutes": 0},
        "verified": True,
        "differences": [],
    }  # fmt: skip


def test_a_dry_run_makes_no_store(tmp_path: Path) -> None:
    recent_runs(tmp_path)
    done = soakwatch("store", "copy", "soakwatch.db", "other.db", "--dry-run", folder=tmp_path)
    assert done.stdout.startswith("would copy to other.db: 2 runs, 6,000 requests in raw windows")
    assert "verified" not in done.stdout
    assert not (tmp_path / "other.db").exists()


def test_a_copy_onto_itself_is_refused(tmp_path: Path) -> None:
    recent_runs(tmp_path)
    (tmp_path / "link.db").symlink_to("soakwatch.db")
    for other in ("./soakwatch.db", "link.db"):
        done = soakwatch("store", "copy", "soakwatch.db", other, folder=tmp_path)
        assert done.returncode == 2
        assert "would be copied onto itself; name two different stores" in done.stderr


def test_a_store_that_does_not_exist_is_told_and_no_other_is_made(tmp_path: Path) -> None:
    done = soakwatch("store", "copy", "soakwatch.db", "other.db", folder=tmp_path)
    assert done.returncode == 3
    assert "there is no store at soakwatch.db yet" in done.stderr
    assert not (tmp_path / "other.db").exists()


def test_an_interrupted_copy_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    now = time.time()
    with SqliteStore.create(tmp_path / "soakwatch.db") as store:
        for run in range(10):
            start = now - DAY * (run + 1)
            series = [replace(a_window().series, endpoint=f"/{number}") for number in range(20)]
            store.write([a_window(f"{run}", one, start=start + 10 * place) for one in series for place in range(90)])
            store.write([replace(a_run(f"{run}", start), end=start + 900)])
    command = [sys.executable, "-m", "soakwatch.cli.main", "store", "copy", "soakwatch.db", "other.db"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "other.db").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "interrupted; `soakwatch store copy soakwatch.db other.db` goes on from here\n"
    done = soakwatch("store", "copy", "soakwatch.db", "other.db", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified: 10 runs, 54,000 requests" in done.stdout


# Rolling up by hand


def test_a_pass_by_hand_says_what_it_did(tmp_path: Path) -> None:
    recent_runs(tmp_path)
    done = soakwatch("store", "roll-up", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "20 roll-ups of a minute and 4 of ten minutes; 2 runs condensed\n")
    again = soakwatch("store", "roll-up", "--json", folder=tmp_path)
    assert json.loads(again.stdout) == {
        "roll_ups": {"minutes": 0, "ten_minutes": 0},
        "condensed": [],
        "settled": [],
        "expired": 0,
        "refused": [],
    }


def test_while_one_pass_is_at_work_a_second_one_says_so_and_ends(tmp_path: Path) -> None:
    recent_runs(tmp_path)
    lock = tmp_path / "soakwatch.db.roll-up.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("process 4711")
        held.flush()
        for command in (["roll-up"], ["copy", "soakwatch.db", "other.db"]):
            done = soakwatch("store", *command, folder=tmp_path)
            assert done.returncode == 3
            assert "process 4711 is rolling up or copying this store; try again when it has ended" in done.stderr
    done = soakwatch("store", "roll-up", folder=tmp_path)
    assert (done.returncode, lock.exists()) == (0, False)


def test_a_pass_by_hand_forgets_what_has_expired(tmp_path: Path) -> None:
    store_with(tmp_path, PastRun("old", time.time() - 20 * DAY))
    done = soakwatch("store", "roll-up", folder=tmp_path, environment={"SOAKWATCH_RETENTION__RAW": "7"})
    assert "60 points expired" in done.stdout
    shown = soakwatch("runs", "show", "old", "--json", folder=tmp_path)
    assert json.loads(shown.stdout)["endpoints"][0]["requests"] == 3_000
