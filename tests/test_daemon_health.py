"""Whether a daemon is alive and ready, by what it says of itself; and nothing that only its team should see."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_daemon import NOW, TICK, Served, a_report

from soakwatch.scheduler.daemon_app import ALIVE, READY
from soakwatch.scheduler.daemon_health import liveness, readiness
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.job_board import JobState

VITAL = ("detection",)
HANGING = replace(TICK, begun=NOW - 900, hangs=True)
FAILING = replace(TICK, failed=3, in_a_row=3, ended=NOW - 5, trouble="http://db.internal:8086 cannot be reached")
ISSUES = JobState("issues", "every 1 min", succeeded=NOW)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    with served.serving():
        yield served


def asked(daemon: Served, path: str, report: DaemonReport) -> tuple[int, str]:
    daemon.report = report
    told = daemon.asks(path)
    return told.status, told.body


def test_a_daemon_that_works_is_alive_and_ready(daemon: Served) -> None:
    assert asked(daemon, ALIVE, a_report()) == (200, "alive\n")
    assert asked(daemon, READY, a_report()) == (200, "ready, and at work\n")


def test_one_that_hangs_is_to_be_restarted(daemon: Served) -> None:
    for path in (ALIVE, READY):
        assert asked(daemon, path, a_report(HANGING)) == (
            503,
            "detection hangs since 2026-11-23 07:31:40 UTC; the daemon is to be restarted\n",
        )


def test_what_fails_is_no_reason_for_a_restart_and_is_not_ready(daemon: Served) -> None:
    assert asked(daemon, ALIVE, a_report(FAILING))[0] == 200
    status, body = asked(daemon, READY, a_report(FAILING))
    assert status == 503
    assert body.startswith("detection failed 3 times in a row, the last time at 2026-11-23 ")
    assert "`soakwatch status` and the log say why" in body


def test_the_first_round_is_waited_for(daemon: Served) -> None:
    begun = JobState("detection", "every 1 min", begun=NOW - 1)
    assert asked(daemon, ALIVE, a_report(begun))[0] == 200
    assert asked(daemon, READY, a_report(begun)) == (503, "the first round of detection is not over yet\n")


def test_one_that_waits_for_its_turn_is_ready_and_says_so(daemon: Served) -> None:
    never = JobState("detection", "every 1 min")
    for job in (never, FAILING):
        assert asked(daemon, READY, a_report(job, leads=False)) == (200, "ready; waits while another daemon works\n")


def test_one_that_cannot_ask_whose_turn_it_is_is_not_ready(daemon: Served) -> None:
    daemon.lease_trouble = "postgresql://ledger.internal cannot be reached"
    status, body = asked(daemon, READY, a_report(leads=False))
    assert (status, body) == (
        503,
        "the ledger does not say which daemon works; `soakwatch status` and the log say why\n",
    )
    assert asked(daemon, ALIVE, a_report(leads=False))[0] == 200


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (replace(ISSUES, in_a_row=1, failed=1, ended=NOW), "issues failed at "),
        (replace(ISSUES, begun=NOW - 999, hangs=True), "issues hangs since "),
        (replace(ISSUES, trouble="GitHub is away"), "issues was done, but not all of it went well"),
    ],
)
def test_what_goes_wrong_beside_its_work_is_told_and_leaves_it_ready(daemon: Served, job: JobState, says: str) -> None:
    status, body = asked(daemon, READY, a_report(TICK, job))
    assert status == 200
    assert body.startswith(f"ready, and at work\n{says}")


JOBS = st.builds(
    JobState,
    name=st.sampled_from(["detection", "issues", "soak web"]),
    rhythm=st.just("every 1 min"),
    begun=st.none() | st.floats(0, 4e9),
    ended=st.none() | st.floats(0, 4e9),
    in_a_row=st.integers(0, 10**6),
    trouble=st.just("") | st.just("secret-of-the-store"),
    hangs=st.booleans(),
    succeeded=st.none() | st.floats(0, 4e9),
)


@given(st.lists(JOBS, max_size=4), st.booleans(), st.sampled_from(["", "secret-of-the-store"]))
def test_however_it_is_what_went_wrong_is_not_shown_and_what_is_not_alive_is_not_ready(
    jobs: list[JobState], leads: bool, lease_trouble: str
) -> None:
    report = DaemonReport("a", NOW, NOW, "0.1.0", leads, jobs=tuple(jobs))
    alive, ready = liveness(report, VITAL), readiness(report, VITAL, lease_trouble)
    assert not [one for one in (*alive.sentences, *ready.sentences) if "secret" in one]
    assert alive.sentences
    assert ready.sentences
    assert alive.is_well or not ready.is_well
