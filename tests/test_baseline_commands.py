"""`soakwatch baseline` and `soakwatch metrics`: from what Locust wrote, or the store, to files for version control."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import PastRun, soakwatch, store_with
from locust_runs import LOCUSTFILE

from soakwatch.core.run_summary import PinnedRun, RunTotals
from soakwatch.store.summary_files import read_summaries

OLD, NEW = PastRun("20261102-220000-bbbb", 2e9), PastRun("20261103-220000-cccc", 3e9)
SLOW = PastRun("20261104-220000-dddd", 4e9, median=100.0)
OTHER_LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Searcher(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def search(self):
        self.client.get("/search", name="search: /search")
"""

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory, host: str) -> Path:
    """What two real Locusts wrote, side by side: `nightly` and `search`, CSV of all kinds and `--json-file`."""
    folder = tmp_path_factory.mktemp("locust")
    processes = []
    for name, users in (("nightly", LOCUSTFILE), ("search", OTHER_LOCUSTFILE)):
        (folder / f"{name}.py").write_text(users, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            f"{name}.py",
            "--headless",
            "--host",
            host,
            "-u",
            "5",
            "-r",
            "5",
        ]
        command += ["-t", "3s", "--csv", name, "--csv-full-history", "--json-file", name, "--exit-code-on-error", "0"]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SOAKWATCH_", "LOCUST_"))}
        processes.append(subprocess.Popen(command, cwd=folder, env=clean, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, log = process.communicate(timeout=60)
        assert process.returncode == 0, log
    return folder


def counted_in_csv(file: Path) -> int:
    """Locust's own sum. Its CSV may end a moment before the run does, unlike its JSON."""
    with file.open(encoding="utf-8", newline="") as rows:
        return next(int(row["Request Count"]) for row in csv.DictReader(rows) if row["Name"] == "Aggregated")


def counted_in_json(file: Path) -> int:
    return sum(entry["num_requests"] for entry in json.loads(file.read_text(encoding="utf-8")))


def test_baselines_of_a_real_run_hold_what_locust_counted(nightly: Path, tmp_path: Path) -> None:
    files = [str(nightly / f"nightly_{kind}.csv") for kind in ("stats", "failures", "stats_history")]
    done = soakwatch("baseline", "extract", *files, "out/baselines.json", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (run,) = read_summaries(tmp_path / "out" / "baselines.json")
    assert isinstance(run, RunTotals)
    counted = counted_in_csv(nightly / "nightly_stats.csv")
    assert counted == told["requests"] == sum(totals.requests for totals in run.endpoints.values()) > 30
    assert told["written"]
    assert "shop" in told["services"]
    failing = next(totals for series, totals in run.endpoints.items() if series.endpoint == "/fail")
    assert failing.failures == failing.requests == sum(error.count for error in failing.errors)
    content = json.loads((tmp_path / "out" / "baselines.json").read_text(encoding="utf-8"))
    assert [source["file"] for source in content["made_from"]] == [
        "nightly_failures.csv",
        "nightly_stats.csv",
        "nightly_stats_history.csv",
    ]


def test_extracting_the_same_files_twice_changes_nothing(nightly: Path, tmp_path: Path) -> None:
    files = [str(nightly / "nightly_stats.csv"), str(nightly / "search_stats.csv")]
    assert soakwatch("baseline", "extract", *files, "first.json", folder=tmp_path).returncode == 0
    assert soakwatch("baseline", "extract", *files[::-1], "second.json", folder=tmp_path).returncode == 0
    assert soakwatch("baseline", "extract", *files, "second.json", folder=tmp_path).returncode == 0
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert [run.run.id for run in read_summaries(tmp_path / "first.json")] == ["nightly", "search"]


def test_people_see_the_endpoints_and_how_many_runs_and_services_there_are(nightly: Path, tmp_path: Path) -> None:
    files = [str(nightly / "nightly_stats.csv"), str(nightly / "search_stats.csv")]
    done = soakwatch("baseline", "extract", *files, "b.json", "--dry-run", folder=tmp_path)
    assert "GET /page" in done.stdout
    assert "2 runs, 3 services," in done.stdout
    assert "would write b.json" in done.stderr
    assert not list(tmp_path.iterdir())


def test_several_locusts_of_different_services_are_one_run_of_metrics(nightly: Path, tmp_path: Path) -> None:
    files = [str(nightly / "nightly_stats.csv"), str(nightly / "search.json")]
    done = soakwatch("metrics", "extract", *files, "metrics.json", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = read_summaries(tmp_path / "metrics.json")
    assert run.run.id == "nightly+search"
    both = counted_in_csv(nightly / "nightly_stats.csv") + counted_in_json(nightly / "search.json")
    assert json.loads(done.stdout)["requests"] == both


def test_metrics_of_two_runs_of_the_same_endpoints_are_refused(nightly: Path, tmp_path: Path) -> None:
    text = (nightly / "nightly_stats.csv").read_text(encoding="utf-8")
    (tmp_path / "monday_stats.csv").write_text(text, encoding="utf-8")
    (tmp_path / "tuesday_stats.csv").write_text(text.replace("/order", "/order/new"), encoding="utf-8")
    done = soakwatch("metrics", "extract", "monday_stats.csv", "tuesday_stats.csv", "m.json", folder=tmp_path)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "/fail is in monday_stats.csv and in tuesday_stats.csv" in said
    assert not (tmp_path / "m.json").exists()


def test_what_was_extracted_can_be_compared_with_itself_and_is_the_same(nightly: Path, tmp_path: Path) -> None:
    for kind in ("baseline", "metrics"):
        done = soakwatch(kind, "extract", str(nightly / "nightly_stats.csv"), f"{kind}.json", folder=tmp_path)
        assert done.returncode == 0, done.stderr
    done = soakwatch("compare", "baseline.json", "metrics.json", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {verdict["verdict"] for verdict in json.loads(done.stdout)["verdicts"]} <= {"same", "unknown"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a_stats.csv",), "a_stats.csv looks like a file to read, but the last one is the file to write"),
        (("a_stats.csv", "b_stats.csv"), "b_stats.csv looks like a file to read"),
        (("out.json",), "nothing to read: out.json is the file to write; put Locust's files before it"),
        (("locust.json", "locust.json"), "locust.json is to be read and to be written"),
        (("a_stats.csv", "locust.json"), "is there already and no baselines file that soakwatch wrote; --force"),
        (("a_stats.csv", "notes.txt"), "notes.txt is there already and no baselines file that soakwatch wrote (notes"),
        (("a_stats.csv", "newer.json"), "written by a newer soakwatch (schema 3"),
        (("a_stats.csv", "folder"), "folder is there already and no baselines file"),
        (("gone_stats.csv", "out.json"), "gone_stats.csv"),
        ((), "Missing argument"),
    ],
)
def test_no_input_and_nothing_of_anybody_else_is_overwritten(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "folder").mkdir()
    contents = {
        "a_stats.csv": "not read",
        "b_stats.csv": "not read",
        "locust.json": "[]",
        "notes.txt": "notes",
        "newer.json": '{"schema": 3}',
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = soakwatch("baseline", "extract", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.is_file()} == contents


def test_force_overwrites_another_file_but_never_one_that_is_read(nightly: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes", encoding="utf-8")
    (tmp_path / "run.json").write_bytes((nightly / "nightly.json").read_bytes())
    assert soakwatch("metrics", "extract", "run.json", "run.json", "--force", folder=tmp_path).returncode == 2
    assert (tmp_path / "run.json").read_bytes() == (nightly / "nightly.json").read_bytes()
    done = soakwatch("metrics", "extract", "run.json", "notes.txt", "--force", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_summaries(tmp_path / "notes.txt")


def test_a_bad_csv_leaves_an_older_baseline_as_it_was(nightly: Path, tmp_path: Path) -> None:
    good = str(nightly / "nightly_stats.csv")
    assert soakwatch("baseline", "extract", good, "b.json", folder=tmp_path).returncode == 0
    before = (tmp_path / "b.json").read_bytes()
    (tmp_path / "bad_stats.csv").write_text("Type;Name\n", encoding="utf-8")
    done = soakwatch("baseline", "extract", good, "bad_stats.csv", "b.json", folder=tmp_path)
    assert done.returncode == 2
    assert "bad_stats.csv:1" in done.stderr
    assert (tmp_path / "b.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "bad_stats.csv"]


def test_a_run_of_the_store_is_pinned_with_its_distributions(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, NEW)
    done = soakwatch("baseline", "pin", "latest", "b.json", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = read_summaries(tmp_path / "b.json")
    assert isinstance(run, PinnedRun)
    assert run.run == NEW.run
    assert json.loads(done.stdout)["requests"] == sum(
        block.requests for endpoint in run.endpoints.values() for block in endpoint.blocks
    )


def test_a_slower_run_of_the_store_regressed_against_a_pinned_one(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, NEW, SLOW)
    assert soakwatch("baseline", "pin", OLD.id, "b.json", folder=tmp_path).returncode == 0
    assert soakwatch("compare", "b.json", NEW.id, folder=tmp_path).returncode == 0
    assert soakwatch("compare", "b.json", SLOW.id, folder=tmp_path).returncode == 1


def test_the_last_runs_of_a_test_can_be_pinned_together(tmp_path: Path) -> None:
    smoke = PastRun("20261102-230000-smok", 2.5e9, test="smoke")
    store_with(tmp_path, OLD, smoke, NEW, SLOW)
    assert soakwatch("baseline", "pin", NEW.id, "b.json", "--last", "2", folder=tmp_path).returncode == 0
    assert [run.run.id for run in read_summaries(tmp_path / "b.json")] == [OLD.id, NEW.id]
    done = soakwatch("baseline", "pin", NEW.id, "b.json", "--last", "5", folder=tmp_path)
    assert "only 2 such runs are in the store, not 5" in done.stderr
    assert soakwatch("baseline", "pin", smoke.id, "s.json", "--last", "5", folder=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pin", "20991231", "b.json"), 2, "there is no run '20991231'"),
        (("pin", "latest", "notes.txt"), 2, "notes.txt is there already"),
        (("pin", "latest", "b.json", "--last", "0"), 2, "--last"),
        (("pin", "latest", "b.json", "--store", "elsewhere.db"), 3, "there is no store at elsewhere.db yet"),
        (("diff", "gone.json", "notes.txt"), 2, "gone.json: no such file"),
        (("diff", "notes.txt", "notes.txt"), 2, "notes.txt:1:1: not JSON"),
    ],
)
def test_wrong_usage_says_what_would_be_right(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    store_with(tmp_path, OLD)
    (tmp_path / "notes.txt").write_text("notes", encoding="utf-8")
    done = soakwatch("baseline", *arguments, folder=tmp_path)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "b.json").exists()


def plain(**services: dict[str, float]) -> str:
    return json.dumps({"version": 1, "services": services})


def totals_file(folder: Path, name: str, **services: Any) -> None:
    """Metrics of one endpoint for each service: requests, failures and p95."""
    head = {"environment": "staging", "test": "", "start": None, "end": None, "users": 0, "spawn_rate": 0.0, "host": ""}
    head |= {"version": "", "commit": "", "locustfile": "", "locustfile_hash": "", "locust_version": ""}
    endpoints = [
        {"service": service, "method": "GET", "endpoint": "/", "requests": requests, "failures": failures, "mean": None}
        | {"rounded": True, "percentiles": {"95": p95}, "errors": []}
        for service, (requests, failures, p95) in services.items()
    ]
    run = {"id": name, **head, "outcome": "imported", "reconciled": None, "basis": "percentiles"}
    content = {"schema": 2, "kind": "metrics", "made_from": [], "run": {**run, "endpoints": endpoints}}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def test_a_difference_is_told_worst_first_with_what_is_gone_and_new(tmp_path: Path) -> None:
    totals_file(tmp_path, "a.json", slower=(100, 0, 100), failing=(100, 1, 100), alike=(9, 0, 9), gone=(100, 0, 5))
    totals_file(tmp_path, "b.json", slower=(200, 0, 150), failing=(100, 21, 90), alike=(9, 0, 9), new=(100, 0, 5))
    done = soakwatch("baseline", "diff", "a.json", "b.json", "--json", folder=tmp_path)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert [one["service"] for one in found] == ["gone", "failing", "slower", "alike", "new"]
    assert [one["presence"] for one in found] == ["gone", "both", "both", "both", "new"]
    failing, slower = found[1:3]
    assert failing["change"]["error_rate"] == pytest.approx(0.20)
    assert failing["change"]["p95"] == pytest.approx(-0.10)
    assert (slower["change"]["requests"], slower["change"]["p95"]) == (1.0, 0.5)
    assert slower["change"]["p50"] is None
    assert (slower["before"]["p95"], slower["now"]["p95"]) == (100.0, 150.0)
    shown = soakwatch("baseline", "diff", "a.json", "b.json", folder=tmp_path).stdout
    assert "100 ms -> 150 ms" in shown
    assert "+20.0 points" in shown
    assert "alike: 1, changed: 2, gone: 1, new: 1" in shown


def test_a_file_does_not_differ_from_itself(tmp_path: Path) -> None:
    totals_file(tmp_path, "a.json", one=(100, 3, 100))
    done = soakwatch("baseline", "diff", "a.json", "a.json", folder=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "alike: 1, changed: 0, gone: 0, new: 0")


def test_plain_numbers_of_version_1_are_held_against_whole_services(tmp_path: Path) -> None:
    store_with(tmp_path, SLOW)
    assert soakwatch("baseline", "pin", "latest", "new.json", folder=tmp_path).returncode == 0
    (tmp_path / "old.json").write_text(plain(rag_service={"p95": 75, "error_rate": 0}), encoding="utf-8")
    done = soakwatch("baseline", "diff", "old.json", "new.json", "--json", folder=tmp_path)
    (service,) = json.loads(done.stdout)
    assert (service["service"], service["method"], service["endpoint"]) == ("rag_service", "*", "*")
    assert service["change"]["p95"] == pytest.approx(1.0, abs=0.1)
    assert service["change"]["error_rate"] == 0
    assert service["change"]["requests"] is None
