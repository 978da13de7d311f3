import contextlib
import inspect
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import fake_faults as faults
import fake_github_faults as github_faults
import pytest
import requests
from fake_github import FakeGitHub
from fake_github_requests import CommentsQuery, IssuesQuery, MilestonesQuery, NoQuery
from github import Auth, BadCredentialsException, Github, GithubException, RateLimitExceededException
from github.Repository import Repository
from githubkit_schemas.latest import models


@dataclass
class Clock:
    now: float = 1_790_000_000.75

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Iterator[FakeGitHub]:
    with FakeGitHub.running(clock) as running:
        yield running


@pytest.fixture
def repository(fake: FakeGitHub) -> Iterator[Repository]:
    with client(fake, fake.token) as github:
        yield github.get_repo("acme/shop")


@contextlib.contextmanager
def client(fake: FakeGitHub, token: str, timeout: int = 2) -> Iterator[Github]:
    github = Github(
        auth=Auth.Token(token),
        base_url=fake.url,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        per_page=100,
        timeout=timeout,
    )
    try:
        yield github
    finally:
        github.close()


def asked_by_hand(fake: FakeGitHub, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """What is answered to a request as no library would send it."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"token {fake.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{fake.url}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def when(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def said_by(error: pytest.ExceptionInfo[GithubException]) -> tuple[int, Any]:
    """The status and the first error of a refusal."""
    return error.value.status, {name: error.value.data["errors"][0].get(name) for name in ("field", "code")}


def test_an_issue_is_opened_read_changed_and_closed(fake: FakeGitHub, repository: Repository, clock: Clock) -> None:
    fake.assignable.add("ada")
    milestone = fake.repository.add_milestone("1.0")
    opened = repository.create_issue("It is slow", "since Monday", labels=["regression"], assignees=["ada"])
    clock.now += 60
    opened.edit(title="It is fast", milestone=repository.get_milestones()[0], state="closed")
    read = repository.get_issue(opened.number)
    assert (read.title, read.body) == ("It is fast", "since Monday")
    assert (read.state, read.state_reason) == ("closed", "completed")
    assert (read.created_at, read.closed_at) == (when(clock.now - 60), when(clock.now))
    assert read.updated_at == when(clock.now)
    assert read.closed_by is not None
    assert read.closed_by.login == fake.login
    (kept,) = fake.issues
    assert (kept.labels, kept.assignees, kept.milestone) == (("regression",), ("ada",), milestone.number)
    assert fake.violations == []


def test_reopening_clears_when_and_by_whom_it_was_closed(
    fake: FakeGitHub, repository: Repository, clock: Clock
) -> None:
    issue = repository.create_issue("It is slow")
    issue.edit(state="closed", state_reason="not_planned")
    clock.now += 5
    issue.edit(state="open")
    assert (issue.state, issue.state_reason) == ("open", "reopened")
    assert fake.issue(1).closed_at is None
    assert fake.issue(1).closed_by is None
    assert fake.issue(1).updated_at == int(clock.now)


def test_closing_what_is_closed_changes_its_reason_at_most(
    fake: FakeGitHub, repository: Repository, clock: Clock
) -> None:
    issue = repository.create_issue("It is slow")
    issue.edit(state="closed", state_reason="not_planned")
    first = fake.issue(1)
    clock.now += 5
    issue.edit(state="closed")
    issue.edit(state="closed", state_reason="not_planned")
    issue.edit(state_reason="duplicate")
    assert fake.issue(1) == first
    issue.edit(state="closed", state_reason="duplicate")
    assert (issue.state_reason, issue.closed_at) == ("duplicate", when(clock.now))


def test_a_change_that_changes_nothing_is_no_update(fake: FakeGitHub, repository: Repository, clock: Clock) -> None:
    issue = repository.create_issue("It is slow", labels=["regression"])
    before = fake.issue(1)
    clock.now += 5
    issue.edit(title="It is slow")
    issue.add_to_labels("Regression")
    assert fake.issue(1) is before


def test_comments_are_counted_edited_and_deleted(fake: FakeGitHub, repository: Repository, clock: Clock) -> None:
    issue = repository.create_issue("It is slow")
    first = issue.create_comment("one")
    clock.now += 10
    issue.create_comment("two").edit("two, again")
    assert [comment.body for comment in issue.get_comments()] == ["one", "two, again"]
    assert [comment.body for comment in issue.get_comments(since=when(clock.now))] == ["two, again"]
    assert repository.get_issue(1).comments == 2
    first.delete()
    assert fake.issue(1).texts == ["two, again"]
    assert fake.issue(1).updated_at == int(clock.now)
    with pytest.raises(GithubException) as refused:
        first.edit("one, again")
    assert refused.value.status == 404
    assert fake.violations == []


def test_labels_are_one_whatever_their_case(fake: FakeGitHub, repository: Repository) -> None:
    repository.create_label("Regression", "ff0000", "something got slower")
    issue = repository.create_issue("It is slow", labels=["regression", "REGRESSION", "checkout"])
    assert fake.issue(1).labels == ("Regression", "checkout")
    assert repository.get_label("rEgression").color == "ff0000"
    issue.remove_from_labels("regression")
    assert fake.issue(1).labels == ("checkout",)
    assert [label.name for label in repository.get_labels()] == ["Regression", "checkout"]
    with pytest.raises(GithubException) as refused:
        repository.create_label("REGRESSION", "ff0000")
    assert said_by(refused) == (422, {"field": "name", "code": "already_exists"})
    with pytest.raises(GithubException, match="Label does not exist"):
        issue.remove_from_labels("regression")
    assert fake.violations == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "t" * 257}, "title"),
        ({"body": "b" * 65_537}, "body"),
        ({"labels": ["l" * 51]}, "name"),
        ({"labels": [" padded"]}, "name"),
        ({"assignees": ["nobody"]}, "assignees"),
    ],
)
def test_what_github_would_not_take_is_refused_and_leaves_nothing(
    fake: FakeGitHub, repository: Repository, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(GithubException) as refused:
        repository.create_issue(**{"title": "It is slow", "labels": ["new"], **wrong})
    assert (refused.value.status, refused.value.data["errors"][0]["field"]) == (422, field)
    assert (fake.issues, fake.repository.labels) == ([], {})
    assert repository.create_issue("t" * 256, "b" * 65_536, labels=["l" * 50]).number == 1
    assert fake.violations == []


def test_a_milestone_must_be_there_and_can_be_taken_off(fake: FakeGitHub, repository: Repository) -> None:
    fake.repository.add_milestone("0.9", "closed")
    milestone = fake.repository.add_milestone("1.0")
    issue = repository.create_issue("It is slow")
    assert [one.title for one in repository.get_milestones()] == ["1.0"]
    assert [one.title for one in repository.get_milestones(state="all")] == ["0.9", "1.0"]
    issue.edit(milestone=repository.get_milestones()[0])
    assert fake.issue(1).milestone == milestone.number
    issue.edit(milestone=None)
    assert fake.issue(1).milestone is None
    status, said = asked_by_hand(fake, "PATCH", "/repos/acme/shop/issues/1", {"milestone": 7})
    assert (status, said["errors"][0]["field"]) == (422, "milestone")


def test_a_comment_may_not_be_empty_or_too_long(repository: Repository) -> None:
    issue = repository.create_issue("It is slow")
    for text in (" ", "c" * 65_537):
        with pytest.raises(GithubException) as refused:
            issue.create_comment(text)
        assert said_by(refused) == (422, {"field": "data", "code": "unprocessable"})


def test_a_list_is_filtered_and_sorted(fake: FakeGitHub, repository: Repository, clock: Clock) -> None:
    ada = fake.person("ada")
    for title, labels in (("one", ["a"]), ("two", ["a", "b"]), ("three", ["A", "B", "c"])):
        ada.opens(title, labels=labels)
        clock.now += 10
    ada.closes(2)
    clock.now += 10
    ada.comments(1, "hello")
    assert [issue.number for issue in repository.get_issues()] == [3, 1]
    assert [issue.number for issue in repository.get_issues(state="closed")] == [2]
    assert [issue.number for issue in repository.get_issues(state="all", labels=["B", "a"])] == [3, 2]
    assert [issue.number for issue in repository.get_issues(state="all", sort="updated")] == [1, 2, 3]
    assert [issue.number for issue in repository.get_issues(state="all", sort="comments", direction="asc")] == [2, 3, 1]
    assert [issue.number for issue in repository.get_issues(state="all", since=when(clock.now))] == [1]
    assert [issue.number for issue in repository.get_issues(state="all", since=when(clock.now - 10))] == [2, 1]
    assert fake.violations == []


def test_a_list_comes_in_pages_that_lead_to_each_other(fake: FakeGitHub, repository: Repository) -> None:
    for number in range(250):
        fake.person("ada").opens(f"issue {number}")
    assert [issue.number for issue in repository.get_issues()] == list(range(250, 0, -1))
    assert fake.count("GET", "/issues$") == 3
    assert [issue.number for issue in repository.get_issues().reversed] == list(range(1, 251))
    assert repository.get_issues().totalCount == 250
    assert len(asked_by_hand(fake, "GET", "/repos/acme/shop/issues")[1]) == 30
    assert asked_by_hand(fake, "GET", "/repos/acme/shop/issues?page=10") == (200, [])
    assert fake.violations == []


def test_pull_requests_are_numbered_and_listed_with_the_issues(fake: FakeGitHub, repository: Repository) -> None:
    ada = fake.person("ada")
    assert (ada.opens("slow"), ada.opens_pull_request("faster"), ada.opens("slow again")) == (1, 2, 3)
    pulls = {issue.number: issue.pull_request is not None for issue in repository.get_issues()}
    assert pulls == {3: False, 2: True, 1: False}


def test_people_change_issues_and_each_change_is_an_update(
    fake: FakeGitHub, repository: Repository, clock: Clock
) -> None:
    ada = fake.person("ada")
    fake.assignable.add("ada")
    number = ada.opens("slow", "very")
    comment = ada.comments(number, "look")
    acts = (
        lambda: ada.closes(number, "not_planned"),
        lambda: ada.reopens(number),
        lambda: ada.labels(number, "keep", "checkout"),
        lambda: ada.unlabels(number, "KEEP"),
        lambda: ada.renames(number, "slower"),
        lambda: ada.edits_body(number, "extremely"),
        lambda: ada.assigns(number, "ada"),
        lambda: ada.edits_comment(comment.id, "look here"),
        lambda: ada.comments(number, "and there"),
        lambda: ada.deletes_comment(comment.id),
    )
    for act in acts:
        clock.now += 1
        act()
        assert fake.issue(number).updated_at == int(clock.now)
    read = repository.get_issue(number)
    assert (read.user.login, read.title, read.body, read.state) == ("ada", "slower", "extremely", "open")
    assert [label.name for label in read.labels] == ["checkout"]
    assert [comment.body for comment in read.get_comments()] == ["and there"]


def test_a_deleted_issue_is_gone_and_its_number_is_not_used_again(fake: FakeGitHub, repository: Repository) -> None:
    ada = fake.person("ada")
    issue = repository.get_issue(ada.opens("slow"))
    ada.deletes(issue.number)
    assert list(repository.get_issues(state="all")) == []
    with pytest.raises(GithubException, match="This issue was deleted") as refused:
        issue.edit(title="fast")
    assert refused.value.status == 410
    assert ada.opens("slow again") == 2
    with pytest.raises(GithubException, match="404"):
        repository.get_issue(7)


def test_a_list_may_be_behind(fake: FakeGitHub, repository: Repository, clock: Clock) -> None:
    fake.lag = 30.0
    repository.create_issue("slow")
    assert list(repository.get_issues()) == []
    assert repository.get_issue(1).title == "slow"
    clock.now += 30
    assert [issue.number for issue in repository.get_issues()] == [1]


def test_who_may_not_write_may_read(fake: FakeGitHub, repository: Repository) -> None:
    fake.token_may_write = False
    with pytest.raises(GithubException, match="Resource not accessible by personal access token") as refused:
        repository.create_issue("slow")
    assert refused.value.status == 403
    assert list(repository.get_issues()) == []


def test_an_archive_is_read_only(fake: FakeGitHub, repository: Repository) -> None:
    fake.is_archived = True
    with pytest.raises(GithubException, match=r"Repository was archived so is read-only\.") as refused:
        repository.create_issue("slow")
    assert refused.value.status == 403
    assert repository.update()
    assert repository.archived


def test_issues_may_be_switched_off(fake: FakeGitHub, repository: Repository) -> None:
    fake.has_issues = False
    with pytest.raises(GithubException, match=r"Issues has been disabled in this repository\.") as refused:
        list(repository.get_issues())
    assert refused.value.status == 410


def test_a_repository_that_is_not_there_or_not_shown_is_not_found(fake: FakeGitHub) -> None:
    with client(fake, fake.token) as github:
        assert github.get_repo("ACME/Shop").full_name == "acme/shop"
        with pytest.raises(GithubException, match="404"):
            github.get_repo("acme/shoe")
        fake.is_visible = False
        with pytest.raises(GithubException, match="404"):
            github.get_repo("acme/shop")
    assert fake.violations == []


def test_another_token_is_not_known(fake: FakeGitHub) -> None:
    with client(fake, "guessed") as github, pytest.raises(BadCredentialsException):
        github.get_repo("acme/shop")


ISSUES = "/repos/acme/shop/issues"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nonsense", None, 404),
        ("GET", "/repos/acme/shop/nonsense", None, 404),
        ("PUT", ISSUES, {"title": "slow"}, 404),
        ("GET", f"{ISSUES}?colour=red", None, 422),
        ("GET", f"{ISSUES}?per_page=101", None, 422),
        ("GET", f"{ISSUES}?page=0", None, 422),
        ("GET", f"{ISSUES}?page=1&page=2", None, 422),
        ("GET", f"{ISSUES}?state=shut", None, 422),
        ("GET", f"{ISSUES}?since=yesterday", None, 422),
        ("GET", f"{ISSUES}/1?state=open", None, 422),
        ("GET", ISSUES, {"state": "open"}, 400),
        ("POST", ISSUES, b'{"title": ', 400),
        ("POST", ISSUES, b"", 400),
        ("POST", ISSUES, {}, 422),
        ("POST", ISSUES, ["slow"], 422),
        ("POST", ISSUES, {"title": "slow", "colour": "red"}, 422),
        ("POST", ISSUES, {"title": "slow", "assignee": "ada"}, 422),
        ("POST", ISSUES, {"title": "slow", "labels": "regression"}, 422),
        ("PATCH", f"{ISSUES}/1", {"state": "shut"}, 422),
        ("PATCH", f"{ISSUES}/1", {"state": None}, 422),
        ("PATCH", f"{ISSUES}/1", {"state_reason": "done"}, 422),
        ("POST", f"{ISSUES}/1/comments", {"body": 7}, 422),
        ("POST", f"{ISSUES}/1/labels", {"labels": []}, 422),
    ],
)
def test_what_the_description_does_not_know_is_a_violation_and_does_nothing(
    fake: FakeGitHub, method: str, path: str, body: object, status: int
) -> None:
    fake.person("ada").opens("slow")
    before = fake.issues
    assert asked_by_hand(fake, method, path, body)[0] == status
    assert fake.violations
    assert all(said.startswith(f"{method} {path.partition('?')[0]}: ") for said in fake.violations)
    assert fake.issues == before


def test_labels_may_be_added_as_github_recommends(fake: FakeGitHub) -> None:
    fake.person("ada").opens("slow")
    status, said = asked_by_hand(fake, "POST", f"{ISSUES}/1/labels", {"labels": ["regression"]})
    assert (status, said[0]["name"], fake.violations) == (200, "regression", [])


@pytest.mark.parametrize(
    ("query", "described"),
    [(IssuesQuery, "list_for_repo"), (CommentsQuery, "list_comments"), (MilestonesQuery, "list_milestones")],
)
def test_the_queries_are_among_those_of_the_description(query: type[NoQuery], described: str) -> None:
    version = models.Issue.__module__.split(".")[1]
    issues = import_module(f"githubkit_schemas.{version}.rest.issues").IssuesClient
    assert set(query.model_fields) <= set(inspect.signature(getattr(issues, described)).parameters)


@pytest.mark.parametrize(
    ("fault", "raised", "status", "is_done"),
    [
        (github_faults.unavailable(500), GithubException, 500, False),
        (github_faults.unavailable(502, is_done=True), GithubException, 502, True),
        (github_faults.rate_limited(1_790_000_900), RateLimitExceededException, 403, False),
        (github_faults.slowed_down(), RateLimitExceededException, 403, False),
        (github_faults.slowed_down(30, 429), GithubException, 429, False),
        (faults.closed(), requests.ConnectionError, None, False),
        (faults.closed(is_done=True), requests.ConnectionError, None, True),
        (faults.silent(), requests.Timeout, None, False),
        (faults.silent(is_done=True), requests.Timeout, None, True),
        (faults.broken(), json.JSONDecodeError, 201, True),
        (faults.cut(), requests.RequestException, 201, True),
    ],
    ids=lambda value: value.name if isinstance(value, faults.Fault) else "",
)
def test_a_fault_reaches_the_client_before_or_after_it_was_done(
    fake: FakeGitHub, fault: faults.Fault, raised: type[Exception], status: int | None, is_done: bool
) -> None:
    with client(fake, fake.token, timeout=1) as github:
        repository = github.get_repo("acme/shop")
        fake.faults = lambda asked: fault if asked.is_write else None
        with pytest.raises(raised):
            repository.create_issue("slow")
        asked = fake.asked[-1]
        assert (asked.body, asked.status, asked.fault) == ({"title": "slow"}, status, fault.name)
        assert len(fake.issues) == is_done
        assert len(list(repository.get_issues())) == is_done
    assert fake.violations == []


@pytest.mark.parametrize(
    ("fault", "header", "value"),
    [
        (github_faults.rate_limited(1_790_000_900), "x-ratelimit-remaining", "0"),
        (github_faults.rate_limited(1_790_000_900), "x-ratelimit-reset", "1790000900"),
        (github_faults.slowed_down(30), "retry-after", "30"),
        (github_faults.slowed_down(None), "retry-after", None),
    ],
)
def test_a_limit_says_when_it_ends(
    fake: FakeGitHub, repository: Repository, fault: faults.Fault, header: str, value: str | None
) -> None:
    fake.faults = lambda _: fault
    with pytest.raises(RateLimitExceededException) as limited:
        repository.get_issue(1)
    assert (limited.value.headers or {}).get(header) == value


def test_a_person_may_act_just_before_a_request_is_handled(fake: FakeGitHub, repository: Repository) -> None:
    ada = fake.person("ada")
    issue = repository.get_issue(ada.opens("slow"))

    def deleting(asked: faults.Asked) -> None:
        if asked.method == "PATCH":
            ada.deletes(1)

    fake.faults = deleting
    with pytest.raises(GithubException, match="This issue was deleted"):
        issue.edit(title="fast")


def test_clients_at_once_lose_nothing(fake: FakeGitHub) -> None:
    def writing() -> None:
        with client(fake, fake.token, timeout=20) as github:
            repository = github.get_repo("acme/shop")
            for _ in range(50):
                repository.create_issue("slow").create_comment("very")

    threads = [threading.Thread(target=writing) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [issue.number for issue in fake.issues] == list(range(1, 201))
    assert all(issue.texts == ["very"] for issue in fake.issues)
    assert fake.count("POST", "/issues$") == fake.count("POST", "/comments$") == 200
    assert fake.violations == []
