"""What is promised of importing the histories that Locust itself writes."""

import json
import os
import pty
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from command_line import FOR_EVER, PastRun, soakwatch, store_with
from locust_writer import START, LocustWriter, write_long_history

from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.run import Outcome, Run
from soakwatch.core.span import Span
from soakwatch.core.window import LoadSample, Window
from soakwatch.store.sqlite import SqliteStore

DATA = Path(__file__).parent / "data"
VERSIONS = ("0.14.6", "1.0.3", "1.6.0", "2.0.0", "2.15.1")

QUERY = "rag_service POST /query"


def run_import(*paths: Path | str, folder: Path, code: int = 0) -> dict[str, list[dict[str, object]]]:
    """`soakwatch import csv PATHS --json`, which must end with `code`."""
    done = soakwatch("import", "csv", *map(str, paths), "--json", folder=folder)
    assert done.returncode == code, done.stderr
    document: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return document


def stored(folder: Path) -> tuple[list[Run], list[Window], list[LoadSample]]:
    with SqliteStore.open(folder / "soakwatch.db") as store:
        runs = store.runs()
        windows = [window for run in runs for window in store.windows(run.id)]
        return runs, windows, [sample for run in runs for sample in store.load(run.id)]


def counts(windows: Sequence[Window]) -> dict[str, tuple[int, int]]:
    requests: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for window in windows:
        requests[str(window.series)] += window.count
        failures[str(window.series)] += window.failures
    return {name: (requests[name], failures[name]) for name in requests}


def quantile(times: Sequence[float], q: float) -> float:
    return sorted(times)[ceil(q * len(times)) - 1]


def steady(writer: LocustWriter, chance: random.Random, median: float = 150.0) -> list[float]:
    """One second: ten queries, one of them perhaps failing, and a page; gives the times of the queries."""
    times = [chance.lognormvariate(0, 0.4) * median for _ in range(10)]
    for number, duration in enumerate(times):
        failing = number == 0 and chance.random() < 0.3
        writer.request("POST", "rag_service: /query", duration, ("HTTPError", "503") if failing else ("", ""))
    writer.request("GET", "/page", chance.lognormvariate(3, 0.4))
    return times


def write_steady(writer: LocustWriter, seconds: int, median: float = 150.0) -> list[list[float]]:
    chance = random.Random(3)
    writer.tick()
    seconds_of_times = []
    for _ in range(seconds):
        seconds_of_times.append(steady(writer, chance, median))
        writer.tick()
    return seconds_of_times


def test_a_history_becomes_windows_with_every_request_in_one_of_them(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 95)
    truth = writer.write()
    imported = run_import(writer.history, folder=tmp_path)["files"][0]
    ((run,), windows, load) = stored(tmp_path)
    assert (run.outcome, run.start, run.end, run.users) == (Outcome.IMPORTED, START, START + 95, 5)
    assert str(run.reconciled) == "reconciled 1,045 of 1,045"
    assert (imported["run"], imported["requests"], imported["windows"]) == (run.id, 1045, len(windows))
    assert counts(windows) == {
        QUERY: (950, truth["POST rag_service: /query"].failures),
        "unknown GET /page": (95, 0),
    }
    assert all(window.hist.count + window.fail_hist.count == window.count for window in windows)
    assert all(window.fail_hist.count == window.failures for window in windows)
    assert all(window.start % 10 == 0 and window.width == 10 for window in windows)
    assert {sample.start for sample in load} == {window.start for window in windows}
    assert all((sample.users, sample.cpu, sample.saturated) == (5, 0, False) for sample in load)


def test_sums_bytes_and_bounds_of_a_window_are_those_of_its_requests(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    seconds = write_steady(writer, 59)
    truth = writer.write()["POST rag_service: /query"]
    run_import(writer.history, folder=tmp_path)
    windows = [window for window in stored(tmp_path)[1] if str(window.series) == QUERY]
    # the row of second s counts what was requested since the row of second s - 1
    expected: dict[float, list[float]] = {}
    for second, times in enumerate(seconds, 1):
        expected.setdefault((START + second) // 10 * 10, []).extend(times)
    assert {window.start: window.count for window in windows} == {start: len(v) for start, v in expected.items()}
    for window in windows:
        assert window.sum == pytest.approx(sum(expected[window.start]), rel=1e-6)
        assert window.bytes == 100 * window.count
        assert window.quantile(0.5) == pytest.approx(quantile(expected[window.start], 0.5), rel=0.12)
        assert window.quantile(0.95) == pytest.approx(quantile(expected[window.start], 0.95), rel=0.12)
    assert min(window.min for window in windows if window.min is not None) == truth.low
    assert max(window.max for window in windows if window.max is not None) == truth.high


@pytest.mark.parametrize("full_history", [True, False], ids=["with endpoints", "sum only"])
def test_a_change_in_the_middle_is_where_it_was(tmp_path: Path, full_history: bool) -> None:
    writer = LocustWriter(tmp_path, full_history=full_history)
    before = write_steady(writer, 99)
    chance = random.Random(4)
    after = []
    for _ in range(100):
        after.append(steady(writer, chance, 300.0))
        writer.tick()
    writer.write()
    run_import(writer.history, folder=tmp_path)
    windows = [window for window in stored(tmp_path)[1] if window.series.endpoint in {"/query", "Aggregated"}]
    for part, first, last in ((before, START, START + 100), (after, START + 110, START + 200)):
        hist = Histogram.merge(window.responses for window in windows if first <= window.start < last)
        truth = [duration for times in part for duration in times]
        assert hist.quantile(0.9) == pytest.approx(quantile(truth, 0.9), rel=0.1 if full_history else 0.25)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["full", "plain"])
def test_histories_of_older_locusts_are_imported(tmp_path: Path, version: str, kind: str) -> None:
    run_import(DATA / f"locust-{version}" / f"{kind}_stats_history.csv", folder=tmp_path)
    ((run,), windows, load) = stored(tmp_path)
    endpoints = {QUERY: (58, 0), "unknown GET /catalogue": (116, 4)}
    assert counts(windows) == (endpoints if kind == "full" else {"all Aggregated": (174, 4)})
    assert (run.start, run.end) == (1_600_000_000, 1_600_000_029)
    # Locust 0.14 does not write how many users there were
    assert {sample.users for sample in load} == (set() if version == "0.14.6" else {3})
    if kind == "full":
        query = Histogram.merge(window.responses for window in windows if window.series.endpoint == "/query")
        assert query.quantile(0.5) == pytest.approx(290, rel=0.1)
        mean = sum(window.sum for window in windows if window.series.endpoint == "/query") / 58
        assert mean == pytest.approx(310, rel=0.05)


def test_importing_twice_is_importing_once(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 40)
    writer.write()
    run_import(writer.history, folder=tmp_path)
    first = stored(tmp_path)
    run_import(writer.history, folder=tmp_path)
    assert stored(tmp_path) == first


def test_a_file_that_has_grown_is_the_same_run(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 60)
    writer.write()
    whole = writer.history.read_text(encoding="utf-8").splitlines(keepends=True)
    growing = tmp_path / "growing_stats_history.csv"
    ids = set()
    for length in (40, 77, len(whole)):
        growing.write_text("".join(whole[:length]), encoding="utf-8")
        ids.add(run_import(growing, folder=tmp_path)["files"][0]["run"])
    assert len(ids) == 1
    assert counts(stored(tmp_path)[1])[QUERY][0] == 600


def test_a_run_that_the_collector_streamed_is_not_imported_as_its_own_baseline(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 30)
    writer.write()
    store_with(tmp_path, PastRun("20261102-220000-bbbb", START - 1.5))
    (tmp_path / "soakwatch.toml").write_text('environment = "staging"\ntest = "nightly"\n', encoding="utf-8")
    (told,) = run_import(writer.history, folder=tmp_path)["files"]
    assert told["windows"] == 0
    assert "as the collector saw it: 20261102-220000-bbbb" in str(told["remarks"])
    assert [run.id for run in stored(tmp_path)[0]] == ["20261102-220000-bbbb"]


def test_an_older_copy_does_not_take_back_what_is_there(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 60)
    writer.write()
    whole = writer.history.read_text(encoding="utf-8").splitlines(keepends=True)
    older = tmp_path / "older_stats_history.csv"
    older.write_text("".join(whole[:77]), encoding="utf-8")
    run_import(writer.history, folder=tmp_path)
    before = stored(tmp_path)
    imported = run_import(older, folder=tmp_path)["files"][0]
    assert imported["remarks"] == ["not imported: the store has more of this run already"]
    assert stored(tmp_path) == before


def test_a_reset_in_the_middle_loses_nothing_and_is_told(tmp_path: Path) -> None:
    writer, chance = LocustWriter(tmp_path), random.Random(1)
    writer.seconds(25, partial(steady, writer, chance))
    made = writer.made
    writer.reset()
    writer.seconds(35, partial(steady, writer, chance))
    writer.write()
    imported = run_import(writer.history, folder=tmp_path)["files"][0]
    ((run,), windows, _) = stored(tmp_path)
    assert sum(window.count for window in windows) == writer.made
    assert all(window.count > 0 and window.sum > 0 and window.hist.count >= 0 for window in windows)
    assert run.reconciled is not None
    assert (run.reconciled.locust, run.reconciled.reset, run.reconciled.unexplained) == (writer.made - made, made, 0)
    assert any("reset its statistics" in remark for remark in as_texts(imported["remarks"]))


def as_texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


@pytest.mark.parametrize("jump", [-3600.0, -7.0, 7200.0], ids=["an hour back", "a little back", "a gap"])
def test_a_clock_that_jumps_neither_loses_nor_doubles_requests(tmp_path: Path, jump: float) -> None:
    writer, chance = LocustWriter(tmp_path), random.Random(2)
    writer.seconds(33, partial(steady, writer, chance))
    writer.tick(jump)
    writer.seconds(33, partial(steady, writer, chance))
    writer.write()
    run_import(writer.history, folder=tmp_path)
    ((run,), windows, _) = stored(tmp_path)
    assert sum(window.count for window in windows) == writer.made
    assert run.end is not None
    assert run.start <= min(window.start + window.width for window in windows)
    assert max(window.start for window in windows) <= run.end


def test_a_last_line_that_is_cut_off_is_left_out_and_told(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 30)
    writer.write()
    text = writer.history.read_bytes()
    writer.history.write_bytes(text[: text.rindex(b"/page") + 30])
    imported = run_import(writer.history, folder=tmp_path)["files"][0]
    assert imported["remarks"] == ["its last line is cut off, and was left out"]
    assert counts(stored(tmp_path)[1])["unknown GET /page"][0] == 29


def spoil(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("".join(lines), encoding="utf-8", newline="")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("GET,", "GET;", ":51: 23 cells; the header has 24 columns"),
        (",5,GET", ",five,GET", ":51: User Count is 'five'"),
        (",5,GET", ",-5,GET", ":51: User Count is -5"),
        ("17640000", "17640000000000", ":51: Timestamp is"),
        ("/page,", "/page,x,", ":51: 25 cells"),
        ("MEAN", "nan", ":51: Total Average Response Time is 'nan'"),
    ],
)
def test_a_bad_line_is_told_and_nothing_of_its_file_is_imported(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 30)
    writer.write()
    lines = writer.history.read_text(encoding="utf-8").splitlines()
    assert "/page" in lines[50]
    spoil(writer.history, 51, old.replace("MEAN", lines[50].split(",")[20]), new)
    done = soakwatch("import", "csv", str(writer.history), folder=tmp_path)
    assert done.returncode == 2
    assert f"{writer.history}{message}" in done.stderr
    assert stored(tmp_path) == ([], [], [])


def test_one_bad_file_of_a_folder_does_not_lose_the_others(tmp_path: Path) -> None:
    for night in ("monday", "tuesday"):
        (tmp_path / "results" / night).mkdir(parents=True)
        writer = LocustWriter(tmp_path / "results" / night, name="nightly")
        write_steady(writer, 20, 150.0 if night == "monday" else 170.0)
        writer.write()
    bad = tmp_path / "results" / "bad_stats_history.csv"
    bad.write_text("", encoding="utf-8")
    (tmp_path / "results" / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = soakwatch("import", "csv", "results", folder=tmp_path)
    assert done.returncode == 2
    assert "bad_stats_history.csv:1: the file is empty" in done.stderr
    assert "monday" in done.stdout
    assert "tuesday" in done.stdout
    assert len(stored(tmp_path)[0]) == 2


def test_a_dry_run_says_what_would_be_imported_and_leaves_no_store(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 40)
    writer.write()
    tried = json.loads(soakwatch("import", "csv", ".", "--dry-run", "--json", folder=tmp_path).stdout)
    assert not (tmp_path / "soakwatch.db").exists()
    assert tried == run_import(".", folder=tmp_path)


def test_a_history_of_sums_is_one_endpoint_of_the_service_that_is_named(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path, full_history=False)
    write_steady(writer, 30)
    writer.write()
    done = soakwatch("import", "csv", str(writer.history), "--service", "shop", folder=tmp_path)
    assert "with --csv-full-history it would have endpoints" in done.stderr
    assert list(counts(stored(tmp_path)[1])) == ["shop Aggregated"]


def test_other_rules_make_another_run_instead_of_mixing_two_imports(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 30)
    writer.write()
    run_import(writer.history, folder=tmp_path)
    (tmp_path / "soakwatch.toml").write_text('[[service]]\nname = "shop"\nendpoint = "/page"\n', encoding="utf-8")
    remarks = as_texts(run_import(writer.history, folder=tmp_path)["files"][0]["remarks"])
    assert "the store has it twice now" in remarks[0]
    (first, second), windows, _ = stored(tmp_path)
    for run in (first, second):
        assert sum(window.count for window in windows if window.run == run.id) == writer.made


def test_series_over_the_guard_are_counted_together(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    writer.tick()
    for number in range(20):
        for name in range(8):
            writer.request("GET", f"/item/{name}", 20.0 + number)
        writer.tick()
    writer.write()
    (tmp_path / "soakwatch.toml").write_text("[collector]\nmax_series = 3\n", encoding="utf-8")
    imported = run_import(writer.history, folder=tmp_path)["files"][0]
    found = counts(stored(tmp_path)[1])
    assert len(found) == 4
    assert found["unknown other other"] == (100, 0)
    assert "5 endpoints are counted as 'other'" in as_texts(imported["remarks"])[0]


def test_windows_have_the_width_of_the_collectors(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 130)
    writer.write()
    (tmp_path / "soakwatch.toml").write_text("[collector]\nwindow = 60\n", encoding="utf-8")
    run_import(writer.history, folder=tmp_path)
    windows = stored(tmp_path)[1]
    assert {window.width for window in windows} == {60}
    assert counts(windows)[QUERY][0] == 1300
    assert all(window.hist.count + window.fail_hist.count == window.count for window in windows)


def test_a_rare_request_keeps_its_exact_time(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    writer.tick()
    for time_taken in (123.4, 567.8, 91.2):
        writer.request("GET", "/rare", time_taken)
        for _ in range(30):
            writer.tick()
    writer.write()
    run_import(writer.history, folder=tmp_path)
    windows = stored(tmp_path)[1]
    assert [window.count for window in windows] == [1, 1, 1]
    assert [window.max for window in windows] == pytest.approx([123.4, 567.8, 91.2])


def test_a_run_without_a_request_is_told_and_is_no_error(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    for _ in range(5):
        writer.tick()
    writer.write()
    imported = run_import(writer.history, folder=tmp_path)["files"][0]
    assert "not imported: no request is counted in it" in as_texts(imported["remarks"])
    assert stored(tmp_path)[0] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("run_stats.csv", "only it tells of time"), ("missing.csv", "cannot be read"), ("empty", "no history is in it")],
)
def test_what_is_no_history_is_told(tmp_path: Path, name: str, message: str) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 3)
    writer.write()
    (tmp_path / "empty").mkdir()
    done = soakwatch("import", "csv", name, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def test_imported_runs_are_compared_as_others_are(tmp_path: Path) -> None:
    for number, (name, median) in enumerate((("one", 150.0), ("two", 150.0), ("slow", 300.0))):
        writer = LocustWriter(tmp_path, name=name, start=START + 86_400 * number)
        write_steady(writer, 240, median)
        writer.write()
    (tmp_path / "soakwatch.toml").write_text('test = "nightly"\n', encoding="utf-8")
    run_import(".", folder=tmp_path)
    ids = [run.id for run in stored(tmp_path)[0]]
    assert soakwatch("compare", ids[0], ids[1], folder=tmp_path).returncode == 0
    slower = soakwatch("compare", "previous", "latest", "--json", folder=tmp_path)
    assert slower.returncode == 1
    regressed = [v for v in json.loads(slower.stdout)["verdicts"] if v["verdict"] == "regressed"]
    assert {verdict["endpoint"] for verdict in regressed if verdict["metric"] == "p95"} == {"/query"}


MEASURED = """
import atexit, re, sys
from pathlib import Path
from soakwatch.cli.main import main
def tell():
    print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
atexit.register(tell)
sys.argv = ["soakwatch", *sys.argv[1:]]
main()
"""


WEEK = {"SOAKWATCH_RETENTION__RAW": "7"}


def import_for_a_week(writer: LocustWriter, *options: str) -> dict[str, Any]:
    """Import where raw windows are kept for a week, and histories for ever."""
    arguments = ("import", "csv", str(writer.history), "--json", *options)
    done = soakwatch(*arguments, folder=writer.folder, environment=WEEK)
    assert done.returncode == 0, done.stderr
    imported: dict[str, Any] = json.loads(done.stdout)["files"][0]
    return imported


def kept_of(folder: Path) -> list[int]:
    """Requests in raw windows, in roll-ups of a minute and of ten minutes, and in what is kept of all runs."""
    ever = Span(0, 1e10)
    with SqliteStore.open(folder / "soakwatch.db") as store:
        rolled_up = [
            sum(one.window.count for one in store.roll_ups(width, ever) if one.window.series.endpoint != "*")
            for width in (MINUTE, TEN_MINUTES)
        ]
        raw = sum(window.count for window in store.windows_between(ever))
        blocks = [block for run in store.runs() for one in store.run_series(run.id) for block in one.blocks]
        return [raw, *rolled_up, sum(block.count for block in blocks)]


def test_of_a_history_that_is_older_than_raw_windows_are_kept_the_roll_ups_are(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path, start=int(time.time()) - 20 * 86_400)
    write_steady(writer, 95)
    writer.write()
    tried = import_for_a_week(writer, "--dry-run")
    imported = import_for_a_week(writer)
    assert (imported["windows"], imported["requests"]) == (0, 1_045)
    assert "windows older than 7 days are kept as roll-ups, and merged to blocks" in imported["remarks"][0]
    assert {key: tried[key] for key in ("windows", "requests", "remarks")} == {
        key: imported[key] for key in ("windows", "requests", "remarks")
    }
    assert kept_of(tmp_path) == [0, 1_045, 1_045, 1_045]
    ((run,), _, _) = stored(tmp_path)
    assert str(run.reconciled) == "reconciled 1,045 of 1,045"


def test_a_history_that_is_old_in_part_is_split_and_compared_as_a_whole(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path, start=int(time.time()) - 7 * 86_400 + 3_600 - 900)
    write_steady(writer, 2_400)
    writer.write()
    imported = import_for_a_week(writer)
    raw, minutes, ten_minutes, blocks = kept_of(tmp_path)
    assert 0 < raw < blocks == imported["requests"] == 26_400
    assert minutes == ten_minutes == blocks - raw
    soakwatch("store", "roll-up", folder=tmp_path, environment=WEEK)
    assert kept_of(tmp_path) == [raw, blocks, blocks, blocks]
    ((run,), _, _) = stored(tmp_path)
    assert str(run.reconciled) == "reconciled 26,400 of 26,400"


def test_old_histories_are_compared_as_young_ones(tmp_path: Path) -> None:
    for days, median in ((21, 150.0), (20, 300.0)):
        writer = LocustWriter(tmp_path, name=f"run{days}", start=int(time.time()) - days * 86_400)
        write_steady(writer, 300, median)
        writer.write()
        import_for_a_week(writer)
    done = soakwatch("compare", "previous", "latest", folder=tmp_path, environment=WEEK)
    assert done.returncode == 1, done.stderr
    assert QUERY in done.stdout


def test_a_history_that_is_older_than_anything_is_kept_is_told_and_not_imported(tmp_path: Path) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 20)
    writer.write()
    month = {"SOAKWATCH_RETENTION__TEN_MINUTES": "30"}
    done = soakwatch("import", "csv", str(writer.history), folder=tmp_path, environment=month)
    assert "not imported: it is older than all that is kept (30 days, see retention.ten_minutes)" in done.stderr
    assert stored(tmp_path)[0] == []


def test_memory_does_not_grow_with_the_history(tmp_path: Path) -> None:
    peaks = []
    for size in (8, 32):
        history = tmp_path / f"{size}_stats_history.csv"
        requests = write_long_history(history, size << 20)
        command = [sys.executable, "-c", MEASURED, "import", "csv", history.name, "--json", "--store", f"{size}.db"]
        environment = {**os.environ, **FOR_EVER}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True
        )
        assert json.loads(done.stdout)["files"][0]["requests"] == requests
        peaks.append(int(done.stderr) / 1024)
    assert peaks[1] - peaks[0] < 6, peaks


@pytest.mark.parametrize(("most_growth", "code", "said"), [(1000, 0, "holds"), (-1000, 1, "DOES NOT HOLD")])
def test_the_benchmark_ends_with_1_when_its_claim_does_not_hold(most_growth: int, code: int, said: str) -> None:
    small = f"import sys, import_csv as b; b.SMALL, b.MOST_GROWTH = 1, {most_growth}; sys.exit(b.main())"
    benchmarks = Path(__file__).parents[1] / "benchmarks"
    done = subprocess.run(
        [sys.executable, "-c", small, "--size", "1"],
        cwd=benchmarks, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert f"MiB: {said}" in done.stdout


def run_on_a_terminal(*arguments: str, folder: Path) -> tuple[int, str, str]:
    """`soakwatch ARGUMENTS`, standard error of which is a terminal: exit code, standard output, what is seen there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "soakwatch.cli.main", *arguments],
        cwd=folder,
        env={**os.environ, **FOR_EVER, "TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        seen = b"".join(read_to_the_end(ours))
        assert process.stdout is not None
        printed = process.stdout.read()
    return process.returncode, printed, seen.decode()


def read_to_the_end(terminal: int) -> Iterator[bytes]:
    """What is written to a pseudo-terminal until nobody has it open: then Linux says that it cannot be read."""
    try:
        while block := os.read(terminal, 65_536):
            yield block
    except OSError:
        pass
    finally:
        os.close(terminal)


def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    requests = write_long_history(tmp_path / "night_stats_history.csv", 4 << 20)
    code, printed, seen = run_on_a_terminal("import", "csv", ".", "--json", folder=tmp_path)
    assert (code, json.loads(printed)["files"][0]["requests"]) == (0, requests)
    assert "night_stats_history.csv (1 of 1)" in seen
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in seen
    assert len(set(re.findall(r"[\d.]+/[\d.]+ MB", seen))) > 1, "it moves"


def import_with_little_room(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Import a history of 8 MiB while no file may have more than 256 KiB."""
    write_long_history(folder / "long_stats_history.csv", 8 << 20)
    return subprocess.run(
        [sys.executable, "-m", "soakwatch.cli.main", "import", "csv", "long_stats_history.csv"],
        cwd=folder,
        env={**os.environ, **FOR_EVER, **environment, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, 256 * 1024)),
    )


def test_a_disk_that_is_full_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = import_with_little_room(tmp_path, {"TMPDIR": str(elsewhere)})
    assert done.returncode == 3, done.stderr
    assert f"{tmp_path}: the temporary file of a history cannot be written" in done.stderr
    assert "make room on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert stored(tmp_path) == ([], [], [])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"elsewhere", "long_stats_history.csv", "soakwatch.db"}
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_read_waits_beside_the_store_and_not_where_temporary_files_go(tmp_path: Path, dry_run: bool) -> None:
    writer = LocustWriter(tmp_path)
    write_steady(writer, 20)
    writer.write()
    before = set(tmp_path.iterdir())
    missing = {name: str(tmp_path / "missing") for name in ("TMPDIR", "TEMP", "TMP")}
    arguments = ("import", "csv", ".", *(["--dry-run"] if dry_run else []))
    done = soakwatch(*arguments, folder=tmp_path, environment=missing)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in set(tmp_path.iterdir()) - before} == (set() if dry_run else {"soakwatch.db"})


def test_endpoints_without_a_service_are_told_once_with_what_to_do(tmp_path: Path) -> None:
    for day in range(2):
        writer = LocustWriter(tmp_path, name=f"day{day}", start=START + day * 86_400)
        write_steady(writer, 12)
        writer.write()
    done = soakwatch("import", "csv", ".", "--json", folder=tmp_path)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["files"]) == 2
    said = " ".join(done.stderr.split())
    assert said.count("no service") == 1
    assert "1 endpoint has no service, such as GET /page; it is counted under 'unknown'; name requests" in said


@pytest.mark.processes
def test_a_real_locust_run_is_imported_to_the_request(tmp_path: Path, host: str) -> None:
    (tmp_path / "locustfile.py").write_text(
        "from locust import FastHttpUser, constant, task\n"
        "class Visitor(FastHttpUser):\n"
        "    wait_time = constant(0.02)\n"
        "    @task(3)\n"
        "    def page(self): self.client.get('/page', name='shop: /page')\n"
        "    @task(1)\n"
        "    def failing(self): self.client.get('/fail')\n",
        encoding="utf-8",
    )
    command = [
        *(sys.executable, "-W", "ignore", "-m", "locust", "-f", "locustfile.py", "--headless", "-u", "4", "-r", "4"),
        *("--host", host, "--csv", "night", "--csv-full-history", "--exit-code-on-error", "0", "--only-summary"),
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        history = tmp_path / "night_stats_history.csv"
        # Locust flushes the file every five seconds
        while not (history.exists() and history.read_bytes().count(b"Aggregated") > 12):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    run_import(".", folder=tmp_path)
    lines = [line.split(",") for line in history.read_text(encoding="utf-8").splitlines(keepends=True)]
    last = {(row[2], row[3]): (int(row[17]), int(row[18])) for row in lines[1:] if row[-1].endswith("\n") and row[2]}
    assert counts(stored(tmp_path)[1]) == {
        "shop GET /page": last["GET", "shop: /page"],
        "unknown GET /fail": last["GET", "/fail"],
    }
    assert last["GET", "/fail"][0] == last["GET", "/fail"][1] > 0
