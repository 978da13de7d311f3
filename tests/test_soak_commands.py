"""`soakwatch soak` as people call it, beside a daemon that keeps soaks."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from beside import beside
from command_line import soakwatch
from soak_runs import NAME, SoakBench

from soakwatch.scheduler.daemon_report import DaemonReport, write_report
from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.soak_book import wishes
from soakwatch.scheduler.soak_state import SOAKS_JOB, SoakState
from soakwatch.scheduler.tenure import Tenure


@contextmanager
def daemon(bench: SoakBench) -> Iterator[None]:
    """Keeps the soak of `bench` and says so in the ledger, as the daemon does."""
    tenure = Tenure(bench.ledger)
    tenure.take()

    def work(ended: threading.Event) -> None:
        while not ended.wait(0.5):
            tenure.fence()
            bench.keep()
            now = time.time()
            report = DaemonReport(tenure.holder, now, now, "0.1.0", leads=True, soaks=bench.keeper.states())
            with bench.ledger.transaction() as written:
                write_report(written, report)

    try:
        with beside(work):
            yield
    finally:
        tenure.release()


@pytest.fixture
def bench(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoakBench]:
    """A soak that begins when somebody starts it."""
    monkeypatch.chdir(tmp_path)
    made = SoakBench(tmp_path, host, {"duration": 60.0})
    yield made
    made.close()


@pytest.mark.processes
def test_a_soak_is_started_shown_and_stopped(bench: SoakBench) -> None:
    with daemon(bench):
        started = soakwatch("soak", "start", NAME, folder=bench.folder)
        assert started.returncode == 0, started.stderr
        assert "staging runs since" in started.stderr
        (run,) = bench.runs()
        shown = json.loads(soakwatch("soak", "status", "--json", folder=bench.folder).stdout)
        (soak,) = shown["soaks"]
        assert (soak["name"], soak["wanted"], soak["run"], soak["trouble"]) == (NAME, True, run.id, "")
        for_people = soakwatch("soak", "status", folder=bench.folder)
        assert "runs" in for_people.stdout
        assert run.id in for_people.stdout
        stopped = soakwatch("soak", "stop", NAME, folder=bench.folder)
        assert (stopped.returncode, bench.processes()) == (0, [])
        assert "staging has ended" in stopped.stderr
        assert "rests" in soakwatch("soak", "status", folder=bench.folder).stdout


def test_a_daemon_that_has_not_looked_at_its_soaks_yet_is_not_taken_for_one_without_any(bench: SoakBench) -> None:
    tenure, now = Tenure(bench.ledger), time.time()
    tenure.take()

    def shown(*soaks: SoakState, rounds: int = 0) -> "subprocess.CompletedProcess[str]":
        job = JobState(SOAKS_JOB, "every 2 s", rounds=rounds)
        report = DaemonReport(tenure.holder, now, now, "0.1.0", leads=True, jobs=(job,), soaks=soaks)
        with bench.ledger.transaction() as work:
            write_report(work, report)
        return soakwatch("soak", "status", folder=bench.folder)

    early = shown()
    assert early.returncode == 3
    assert "has only just begun" in early.stderr
    assert "no soaks" in shown(rounds=1).stdout
    assert NAME in shown(SoakState(NAME, wanted=False, test=NAME)).stdout


@pytest.mark.processes
def test_one_that_cannot_run_is_told_with_what_is_wrong(bench: SoakBench) -> None:
    (bench.folder / "users.py").write_text("import nothing_like_this\n", encoding="utf-8")
    with daemon(bench):
        done = soakwatch("soak", "start", NAME, folder=bench.folder)
    assert done.returncode == 3
    assert "No module named 'nothing_like_this'" in done.stderr


@pytest.mark.processes
def test_one_that_was_mended_is_started_at_once_also_while_it_rests(bench: SoakBench) -> None:
    users = bench.folder / "users.py"
    right = users.read_text(encoding="utf-8")
    users.write_text("import nothing_like_this\n", encoding="utf-8")
    bench.wish(wanted=True)
    bench.until(lambda state: state.restarts == 3, "three faults")
    with daemon(bench):
        users.write_text(right, encoding="utf-8")
        time.sleep(1)
        done = soakwatch("soak", "start", NAME, folder=bench.folder)
    assert done.returncode == 0, done.stderr
    assert "staging runs since" in done.stderr


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_soak_that_nobody_knows_is_refused_with_those_that_there_are(bench: SoakBench, command: str) -> None:
    done = soakwatch("soak", command, "nightly", folder=bench.folder)
    assert done.returncode == 2
    assert "there is no soak 'nightly'; there are staging" in done.stderr
    (bench.folder / "soakwatch.toml").unlink()
    assert "add a [[soak]] entry" in soakwatch("soak", command, NAME, folder=bench.folder).stderr


@pytest.mark.parametrize("command", [("start", NAME), ("stop", NAME, "--no-wait"), ("status",)])
def test_without_a_daemon_nothing_is_promised(bench: SoakBench, command: tuple[str, ...]) -> None:
    done = soakwatch("soak", *command, folder=bench.folder)
    assert done.returncode == 3
    assert "no daemon is at work" in done.stderr
    assert wishes(bench.ledger) == {}


def test_without_waiting_the_wish_is_noted_and_nothing_more(bench: SoakBench) -> None:
    tenure = Tenure(bench.ledger)
    tenure.take()
    done = soakwatch("soak", "start", NAME, "--no-wait", folder=bench.folder)
    tenure.release()
    assert done.returncode == 0
    assert wishes(bench.ledger)[NAME].wanted


def test_a_daemon_with_an_older_configuration_is_told(bench: SoakBench) -> None:
    tenure = Tenure(bench.ledger)
    tenure.take()
    with bench.ledger.transaction() as work:
        write_report(work, DaemonReport(tenure.holder, time.time() + 60, 0.0, "0.1.0", leads=True))
    done = soakwatch("soak", "start", NAME, folder=bench.folder)
    assert done.returncode == 3
    assert "its configuration is an older one; restart it" in done.stderr
    assert "no soaks" in soakwatch("soak", "status", folder=bench.folder).stdout
    tenure.release()
