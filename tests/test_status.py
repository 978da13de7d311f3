"""One screen that says how all of it is, for people and for machines, whatever cannot be read."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import FOR_EVER, soakwatch
from spooled import a_window, left_by_a_dead_process
from watched_history import SERIES, Place, load_at, windows_at, write_minutes

from soakwatch.cli.status import following
from soakwatch.core.health import Health
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.run import Run
from soakwatch.scheduler.daemon_report import DaemonReport, forget_report, write_report
from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import create_store

DURATIONS = {
    "SOAKWATCH_DETECTOR__LEARNING": "0.5",
    "SOAKWATCH_DETECTOR__HISTORY": "1",
    "SOAKWATCH_ENVIRONMENT": "staging",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store and a ledger in which an endpoint got slower 40 minutes ago. Not to be changed: copy it."""
    place = Place(tmp_path_factory.mktemp("judged"))
    with create_store(place.configuration) as store:
        now = time.time() // MINUTE * MINUTE
        write_minutes(store, now, now - 40 * MINUTE)
    assert soakwatch("detect", folder=place.folder, environment=DURATIONS).returncode == 1
    return place


@pytest.fixture
def place(judged: Place, tmp_path: Path) -> Place:
    return judged.copy(tmp_path)


def screen(place: Place, *arguments: str) -> str:
    """What is shown, with spaces drawn together."""
    done = soakwatch("status", *arguments, folder=place.folder, environment=DURATIONS)
    assert done.returncode == 0, done.stderr
    return re.sub(r"[ \t]+", " ", done.stdout)


def document(place: Place) -> Any:
    return json.loads(soakwatch("status", "--json", folder=place.folder, environment=DURATIONS).stdout)


def tell(place: Place, at: float, jobs: Sequence[JobState] = (), soaks: Sequence[SoakState] = ()) -> None:
    """As if a daemon had said this at `at`."""
    report = DaemonReport(
        *("process 7 on elsewhere", at, at - 3600, "0.1.0"),
        leads=True,
        address="http://127.0.0.1:9178",
        jobs=tuple(jobs),
        soaks=tuple(soaks),
    )
    keep(place, report)


def keep(place: Place, report: DaemonReport) -> None:
    with create_ledger(place.configuration) as ledger, ledger.transaction() as work:
        write_report(work, report)


def test_what_is_wrong_and_since_when_comes_with_what_is_normal_for_each_endpoint(place: Place) -> None:
    shown = screen(place)
    assert re.search(r"wrong [0-9a-f]{12} confirmed, critical latency of rag_service in staging, since 20", shown)
    worst = next(line for line in shown.splitlines() if "regressed" in line)
    assert "rag_service POST /query" in worst
    fine = next(line for line in shown.splitlines() if "/search" in line)
    assert "same" in fine
    said = document(place)
    assert [one["state"] for one in said["incidents"]] == ["confirmed"]
    assert {one["endpoint"]: one["verdict"] for one in said["normal"]} == {
        "*": "same",
        "/query": "regressed",
        "/search": "same",
    }
    normal = next(one for one in said["normal"] if one["endpoint"] == "/search")
    assert normal["between"]["low"] < normal["normal"] < normal["between"]["high"]


def test_before_the_detector_has_looked_it_does_not_say_that_nothing_is_wrong(tmp_path: Path) -> None:
    place = Place(tmp_path)
    tell(place, time.time())
    shown = screen(place)
    assert "detector has not looked yet" in shown
    assert "wrong not known before the detector has looked" in shown


def test_without_a_daemon_it_says_that_none_is_at_work(place: Place) -> None:
    assert "daemon none is at work; `soakwatch watch` is one" in screen(place)
    tell(place, time.time() - 300)
    assert re.search(r"daemon none is at work; one was heard of 5 min (\d+ s )?ago", screen(place))


def test_a_daemon_says_how_its_jobs_are_and_when_the_next_ones_are(place: Place) -> None:
    now = time.time()
    tell(
        place,
        now,
        [
            JobState("detection", "every 1 min", due=now + 50, ended=now - 10, took=0.5, rounds=9),
            JobState(
                "issues", "every 1 min", ended=now - 70, took=2.0, failed=3, in_a_row=3, trouble="GitHub says 503"
            ),
            JobState("annotations", "every 1 min", begun=now - 900, hangs=True),
        ],
        [SoakState("nightly", wanted=True, test="nightly", process=77, run="20261130-x", since=now - 7200, restarts=2)],
    )
    shown = screen(place)
    assert re.search(r"daemon process 7 on elsewhere, for 1 h( \d+ s)?, http://127.0.0.1:9178", shown)
    assert re.search(r"detection every 1 min \d+ s ago 0.50 s in \d+ s", shown)
    assert "GitHub says 503" in shown
    assert re.search(r"annotations every 1 min under way for 15 min( \d+ s)? gives no sign of life", shown)
    assert re.search(r"nightly runs 2 h( \d+ s)? ago 20261130-x 2", shown)
    (daemon,) = document(place)["daemons"]
    assert [(job["name"], job["failed_in_a_row"], job["hangs"]) for job in daemon["jobs"]] == [
        ("detection", 0, False),
        ("issues", 3, False),
        ("annotations", 0, True),
    ]


def test_of_other_daemons_it_says_which_waits_and_which_was_at_work_before(place: Place) -> None:
    now = time.time()
    keep(place, DaemonReport("the killed one", now - 30, now - 3600, "0.1.0", leads=True))
    keep(place, DaemonReport("another one", now - 5, now - 3600, "0.1.0", leads=False))
    tell(place, now)
    shown = screen(place)
    assert "daemon process 7 on elsewhere, for 1 h" in shown
    assert "another one waits" in shown
    assert re.search(r"the killed one was at work, and was heard of 3\d s ago", shown)


def test_every_command_calls_what_a_soak_does_the_same(place: Place) -> None:
    now = time.time()
    soaks = tuple(
        SoakState(f"soak-{wanted}-{process}", wanted=wanted, test="soak", process=process)
        for wanted in (True, False)
        for process in (7, 0)
    )
    with create_ledger(place.configuration) as ledger:
        tenure = Tenure(ledger)
        tenure.take()
        keep(place, DaemonReport(tenure.holder, now, now - 3600, "0.1.0", leads=True, soaks=soaks))
        of_soaks = soakwatch("soak", "status", folder=place.folder, environment=DURATIONS).stdout
        tenure.release()
    words = dict(re.findall(r"(soak-\w+-\d) +(runs|ends|is due|rests) ", of_soaks))
    assert sorted(words.values()) == ["ends", "is due", "rests", "runs"]
    assert dict(re.findall(r"(soak-\w+-\d) (runs|ends|is due|rests) ", screen(place))) == words


def test_a_daemon_that_has_ended_is_forgotten(place: Place) -> None:
    tell(place, time.time())
    with create_ledger(place.configuration) as ledger, ledger.transaction() as work:
        forget_report(work, "process 7 on elsewhere")
    assert document(place)["daemons"] == []


def test_a_test_that_runs_is_shown_with_its_users_and_requests(place: Place) -> None:
    now = time.time()
    with create_store(place.configuration) as store:
        store.write([Run("run", "staging", "soak", now - 600, None, 10, 1.0, "http://target", "", "", "", "")])
        store.write([windows_at(now - 60, series=series) for series in SERIES])
        store.write([load_at(now - 60)])
        store.write([Health("staging", "soak", "one", now - 5, 1000, 40, 3, 2, 12.0)])
    shown = screen(place)
    assert re.search(r"runs soak \(run\): 10.0 requests a second of 10 users, for 10 min", shown)
    assert re.search(r"spool 40 requests wait at load generators, for 12 s; 3 requests were lost", shown)


def test_what_waits_on_this_machine_is_told_in_bytes(place: Place) -> None:
    assert "spool nothing waits" in screen(place)
    left_by_a_dead_process(place.configuration.store.spool_folder, [[a_window(0)]])
    assert re.search(r"spool [1-9]\d* bytes wait on this machine$", screen(place), re.MULTILINE)


def test_a_store_that_cannot_be_read_hides_nothing_that_the_ledger_knows(place: Place) -> None:
    place.configuration.store.path.unlink()
    shown = screen(place)
    assert "trouble there is no store at" in shown
    assert "confirmed, critical latency of rag_service" in shown


def test_without_a_ledger_it_ends_with_3(tmp_path: Path) -> None:
    done = soakwatch("status", folder=tmp_path)
    assert done.returncode == 3
    assert "ledger" in done.stderr


@pytest.mark.parametrize("where", [{}, {"FORCE_COLOR": "1"}], ids=["into a file", "on a terminal"])
def test_following_as_json_prints_a_document_on_a_line_for_each_look(place: Place, where: Mapping[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "soakwatch.cli.main", "status", "--json", "--follow", "--every", "1"],
        cwd=place.folder,
        env={**os.environ, **FOR_EVER, **DURATIONS, **where},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline())["at"] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert looks[0] < looks[1]


def test_following_goes_on_when_the_ledger_goes_away_and_says_so_until_it_is_back(place: Place) -> None:
    ledger, aside = place.folder / "soakwatch-ledger.db", place.folder / "aside.db"
    look = following(place.configuration)
    before = look()
    ledger.rename(aside)
    meanwhile = look()
    assert "no ledger" in meanwhile.trouble[-1]
    assert (meanwhile.at, meanwhile.incidents) == (before.at, before.incidents)
    aside.rename(ledger)
    assert look().trouble == before.trouble
