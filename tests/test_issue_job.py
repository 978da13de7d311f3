"""The daemon's job that keeps issues: it ends between two changes when it is asked to, and shows that it lives."""

from pathlib import Path

import pytest
from fake_github import FakeGitHub
from issue_desk import HOUR, MONDAY, Clock, a_desk, an_incident, ours, said_twice
from pydantic import SecretStr

from soakwatch.cli.issue_job import IssueJob
from soakwatch.core.configuration import Configuration
from soakwatch.reporter.github import GitHubIssues, Where
from soakwatch.reporter.page_links import Places
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.issue_keeping import IssueKeeping
from soakwatch.scheduler.job import Stopped
from soakwatch.store.projection import NoDashboards
from soakwatch.store.sqlite import SqliteStore


def test_a_pass_that_is_asked_to_stop_ends_after_the_change_under_way_and_the_next_one_does_the_rest(
    tmp_path: Path,
) -> None:
    clock = Clock(MONDAY + HOUR)
    with (
        FakeGitHub.running(clock) as fake,
        a_desk(tmp_path / "desk", fake, clock) as desk,
        SqliteStore.create(tmp_path / "soakwatch.db") as store,
    ):
        desk.save(*(an_incident(MONDAY, service=name) for name in ("cart", "search", "rag")))
        github = GitHubIssues(Where(fake.name, fake.url, SecretStr(fake.token), 1), between_writes=0.0)
        keeping = IssueKeeping(store, FencedLedger(desk.ledger), github, Configuration(), Places())
        job = IssueJob(keeping, Accounting(NoDashboards(), "staging"))
        asked: list[bool] = []

        def stopping() -> bool:
            asked.append(len(asked) == 1)
            return asked[-1]

        with pytest.raises(Stopped):
            job.keep(clock.now, stopping)
        assert len(ours(fake)) == len(asked) == 2
        assert job.keep(clock.now, lambda: False) == []
        assert len(ours(fake)) == 3
        assert said_twice(fake) == []
        github.close()
