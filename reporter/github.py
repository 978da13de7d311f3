"""GitHub: the issues of one repository, by PyGithub.

Every method is at most one request (a list one for each hundred), and nothing is ever asked twice: a second request to
create would make a second issue. Whoever calls looks first, and again in the next pass.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import requests
from github import Auth, Github, GithubException
from github.GithubObject import NotSet, Opt
from github.Issue import Issue
from github.IssueComment import IssueComment
from github.Milestone import Milestone
from pydantic import SecretStr

from soakwatch.reporter.github_connections import follow_nothing
from soakwatch.reporter.github_errors import Asked, IssueGone, translated
from soakwatch.reporter.labels import OURS

__all__ = ["GitHubIssues", "SeenComment", "SeenIssue"]

_PAGE = 100
"""The most that GitHub puts into one answer."""

_WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""What GitHub calls those who may write to a repository."""

_BETWEEN_WRITES = 1.0
"""Seconds that GitHub asks for: docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api."""


@dataclass(frozen=True, slots=True)
class SeenIssue:
    """One issue as GitHub has told it. Times are seconds since the epoch, `closed` None while it is open."""

    number: int
    body: str
    closed: float | None
    reason: str
    labels: tuple[str, ...]
    comments: int
    updated: float


@dataclass(frozen=True, slots=True)
class SeenComment:
    """One comment as GitHub has told it; a later one has a higher id.

    A trusted one was made by who may write to the repository, or by a bot: others may write what looks like ours.
    """

    id: int
    body: str
    author: str
    is_trusted: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Which repository, at which API, by whose right. `token` may be empty for reading what everybody can read."""

    repository: str
    api_url: str
    token: SecretStr
    timeout: int = 15


class GitHubIssues:
    """The issues of one repository. All methods raise SurfaceUnavailable and SurfaceRefused."""

    def __init__(self, where: Where, between_writes: float = _BETWEEN_WRITES) -> None:
        """Prepare; nothing is asked yet. `between_writes` are the seconds that pass between two writes at least."""
        self.where = where
        follow_nothing()
        token = where.token.get_secret_value()
        self._github = Github(
            auth=Auth.Token(token) if token else None,
            base_url=where.api_url,
            timeout=where.timeout,
            user_agent="soakwatch",
            per_page=_PAGE,
            retry=None,
            lazy=True,
            seconds_between_requests=0,
            seconds_between_writes=between_writes,
        )
        self._repository = self._github.get_repo(where.repository)

    def ours(self, since: float | None) -> list[SeenIssue]:
        """All issues with our label, open or closed, that were changed at `since` or later; oldest first."""
        # by creation, which no change moves: by change one could slip past the end of a page while it is read
        with self._asking("read issues"):
            found = self._repository.get_issues(
                state="all",
                labels=[OURS],
                sort="created",
                direction="asc",
                since=NotSet if since is None else datetime.fromtimestamp(since, UTC),
            )
            # pull requests are issues too; to ask `pull_request` of one that is none would be a further request
            return [_seen(issue) for issue in found if "/pull/" not in issue.html_url]

    def page(self, number: int) -> SeenIssue:
        """One issue. Raises IssueGone."""
        with self._asking("read an issue", number):
            issue = self._issue(number)
            issue.update()
            return _seen(issue)

    def create(
        self, title: str, body: str, labels: Sequence[str], assignees: Sequence[str] = (), milestone: int = 0
    ) -> SeenIssue:
        """Open an issue."""
        with self._asking("open an issue"):
            made = self._repository.create_issue(
                title,
                body,
                labels=list(labels),
                assignees=list(assignees) or NotSet,
                milestone=self._milestone(milestone),
            )
            return _seen(made)

    def edit(
        self,
        number: int,
        body: str,
        *,
        state: str | None = None,
        reason: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> SeenIssue:
        """Write the body of an issue anew; what is None stays. Raises IssueGone."""
        with self._asking("change an issue", number):
            issue = self._issue(number)
            issue.edit(
                body=body,
                state=_unless_none(state),
                state_reason=_unless_none(reason),
                labels=NotSet if labels is None else list(labels),
            )
            return _seen(issue)

    def comments(self, number: int) -> list[SeenComment]:
        """The comments of an issue, oldest first. Raises IssueGone."""
        with self._asking("read comments", number):
            return [_seen_comment(one) for one in self._issue(number).get_comments()]

    def comment(self, number: int, body: str) -> SeenComment:
        """Comment on an issue. Raises IssueGone."""
        with self._asking("comment on an issue", number):
            return _seen_comment(self._issue(number).create_comment(body))

    def delete_comment(self, number: int, comment: int) -> None:
        """Delete a comment of ours; it may be gone already."""
        with suppress(IssueGone), self._asking("delete a comment", number):
            url = f"{self._repository.url}/issues/comments/{comment}"
            IssueComment(self._repository.requester, url=url).delete()

    def create_label(self, name: str, colour: str, description: str) -> None:
        """Make a label; nothing where there is one of the name."""
        with self._asking("make a label"):
            try:
                self._repository.create_label(name, colour, description)
            except GithubException as error:
                if not _exists(error):
                    raise

    def close(self) -> None:
        """Let go of connections."""
        self._github.close()

    def _issue(self, number: int) -> Issue:
        return self._repository.get_issue(number)

    def _milestone(self, number: int) -> Opt[Milestone]:
        return Milestone(self._repository.requester, attributes={"number": number}) if number else NotSet

    @contextmanager
    def _asking(self, what: str, number: int | None = None) -> Iterator[None]:
        asked = Asked(what, self.where.repository, self.where.api_url, number)
        try:
            yield
        except (GithubException, requests.RequestException, ValueError, AssertionError) as error:
            raise translated(error, asked) from None


def _seen(issue: Issue) -> SeenIssue:
    return SeenIssue(
        number=issue.number,
        body=issue.body or "",
        closed=(issue.closed_at or issue.updated_at).timestamp() if issue.state == "closed" else None,
        reason=issue.state_reason or "",
        labels=tuple(label.name for label in issue.labels),
        comments=issue.comments,
        updated=issue.updated_at.timestamp(),
    )


def _seen_comment(comment: IssueComment) -> SeenComment:
    author = comment.user  # None for accounts that were deleted, whatever its type says
    login, kind = (author.login, author.type) if author is not None else ("", "")
    return SeenComment(comment.id, comment.body or "", login, kind == "Bot" or comment.author_association in _WRITERS)


def _unless_none(text: str | None) -> Opt[str]:
    return NotSet if text is None else text


def _exists(error: GithubException) -> bool:
    errors: Iterable[object] = error.data.get("errors", ()) if isinstance(error.data, dict) else ()
    return any(isinstance(one, dict) and one.get("code") == "already_exists" for one in errors)
