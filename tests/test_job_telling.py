"""What the daemon says of its jobs on standard error."""

import errno
from io import StringIO

import pytest
from rich.console import Console

from soakwatch.cli import job_telling
from soakwatch.cli.job_telling import JobTelling
from soakwatch.scheduler.job_board import JobState

WELL = JobState("issues", "every 1 min")
WRONG = JobState("issues", "every 1 min", trouble="GitHub does not answer")
DEFECT = JobState("issues", "every 1 min", trouble='this is a defect\n  File "a.py", line 1\nZeroDivisionError\n')


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    said = StringIO()
    monkeypatch.setattr(job_telling, "notes", Console(file=said, highlight=False, width=160))
    return said


def test_a_trouble_that_lasts_is_said_once_and_that_it_is_over(said: StringIO) -> None:
    telling = JobTelling()
    for state in (WELL, WRONG, WRONG, WELL, WELL, WRONG):
        telling.hear(state)
    assert said.getvalue().splitlines() == [
        "issues: GitHub does not answer",
        "issues: all is well again",
        "issues: GitHub does not answer",
    ]


def test_a_defect_is_said_line_by_line(said: StringIO) -> None:
    JobTelling().hear(DEFECT)
    assert said.getvalue().splitlines() == ["issues: this is a defect", '  File "a.py", line 1', "ZeroDivisionError"]


def test_a_log_that_takes_nothing_ends_no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    class Full(StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(job_telling, "notes", Console(file=Full()))
    telling = JobTelling()
    telling.hear(WRONG)
    telling.hear_lease("another one works")
    telling.hear_all([JobState("issues", "every 1 min", hangs=True)])
    assert len(tried) == 3
    assert telling.lease_trouble == "another one works"
