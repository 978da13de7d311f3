"""How a repository's state reads in JSON, held to the models of GitHub's published description."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fake_github_state import Repository
from fake_github_values import Comment, Issue, Label, Milestone
from githubkit_schemas.latest import models
from pydantic import BaseModel

_DOCUMENTATION = "https://docs.github.com/rest"
_USER_PAGES = (
    *("followers", "following", "gists", "starred", "subscriptions", "organizations"),
    *("repos", "events", "received_events"),
)
_REPOSITORY_PAGES = (
    *("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents"),
    *("contributors", "deployments", "downloads", "events", "forks", "git_commits", "git_refs", "git_tags", "hooks"),
    *("issue_comment", "issue_events", "issues", "keys", "labels", "languages", "merges", "milestones"),
    *("notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams"),
    "trees",
)


def checked(model: type[BaseModel], value: Mapping[str, Any]) -> bytes:
    """The JSON of `value`, which has the model's keys, no others, and its types without any conversion.

    What it raises otherwise is a fault of the fake's own.
    """
    content = json.dumps(value).encode()
    model.model_validate_json(content, strict=True, extra="forbid")
    return content


def refusal(status: int, message: str) -> bytes:
    return checked(models.BasicError, {"message": message, "documentation_url": _DOCUMENTATION, "status": str(status)})


def invalid(message: str, errors: list[Mapping[str, object]]) -> bytes:
    """A 422 whose errors say which field is wrong, and how."""
    value = {"message": message, "errors": errors, "documentation_url": _DOCUMENTATION}
    return checked(models.ValidationError, value)


def against_the_description(errors: list[str]) -> bytes:
    """A 422 for a request that is not of the form that the description asks for."""
    value = {"message": "Invalid request.", "errors": errors, "documentation_url": _DOCUMENTATION}
    return checked(models.ValidationErrorSimple, value)


class Wording:
    """The JSON of one repository under `url`; what is said of an issue or a comment is built when it has changed."""

    def __init__(self, url: str, name: str, repository: Repository) -> None:
        self._host = url
        self._name = name
        self._url = f"{url}/repos/{name}"
        self._page = f"https://github.com/{name}"
        self._repository = repository
        self._issues: dict[int, tuple[Issue, bytes]] = {}
        self._comments: dict[int, tuple[Comment, bytes]] = {}

    def issue(self, issue: Issue) -> bytes:
        """A milestone's counts in it are those of the time of the issue's last change."""
        known = self._issues.get(issue.number)
        if known is None or known[0] is not issue:
            known = self._issues[issue.number] = issue, checked(models.Issue, self._issue(issue))
        return known[1]

    def comment(self, comment: Comment) -> bytes:
        known = self._comments.get(comment.id)
        if known is None or known[0] is not comment:
            known = self._comments[comment.id] = comment, checked(models.IssueComment, self._comment(comment))
        return known[1]

    def label(self, label: Label) -> bytes:
        return checked(models.Label, {**self._label(label), "archived_at": None})

    def milestone(self, milestone: Milestone) -> bytes:
        return checked(models.Milestone, self._milestone(milestone))

    def repository(self, *, has_issues: bool, is_archived: bool) -> bytes:
        pages = {f"{page}_url": f"{self._url}/{page}" for page in _REPOSITORY_PAGES}
        names = dict.fromkeys(("git_url", "ssh_url", "clone_url", "svn_url"), f"{self._page}.git")
        flags = {"has_issues": has_issues, "archived": is_archived, "private": False, "fork": False, "disabled": False}
        extras = dict.fromkeys(("has_projects", "has_wiki", "has_pages", "has_discussions"), False)
        counts = dict.fromkeys(("forks_count", "stargazers_count", "watchers_count", "size", "forks", "watchers"), 0)
        nothing = dict.fromkeys(("description", "mirror_url", "homepage", "language", "license"))
        times = dict.fromkeys(("pushed_at", "created_at", "updated_at"), time_text(0))
        is_open = sum(issue.state == "open" for issue in self._repository.issues)
        owner, name = self._name.split("/")
        return checked(
            models.FullRepository,
            {
                "id": 1,
                "node_id": "R_1",
                "name": name,
                "full_name": self._name,
                "owner": self._user(owner),
                "url": self._url,
                "html_url": self._page,
                "default_branch": "main",
                "open_issues_count": is_open,
                "open_issues": is_open,
                "subscribers_count": 0,
                "network_count": 0,
                **(pages | names | flags | extras | counts | nothing | times),
            },
        )

    def _issue(self, issue: Issue) -> dict[str, Any]:
        kind = "pull" if issue.is_pull_request else "issues"
        url, page = f"{self._url}/issues/{issue.number}", f"{self._page}/{kind}/{issue.number}"
        closer = None if issue.closed_by is None else self._user(issue.closed_by)
        milestone = None if issue.milestone is None else self._repository.milestones[issue.milestone]
        pull = {"pull_request": self._pull_request(issue.number, page)} if issue.is_pull_request else {}
        return {
            "id": 1_000_000 + issue.number,
            "node_id": f"I_{issue.number}",
            "number": issue.number,
            "url": url,
            "html_url": page,
            "repository_url": self._url,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "title": issue.title,
            "body": issue.body,
            "state": issue.state,
            "state_reason": issue.state_reason,
            "user": self._user(issue.author),
            "author_association": "MEMBER",
            "labels": [self._label(self._repository.label(name)) for name in issue.labels],
            "assignees": [self._user(login) for login in issue.assignees],
            "milestone": None if milestone is None else self._milestone(milestone),
            "locked": False,
            "active_lock_reason": None,
            "comments": len(issue.comments),
            "created_at": time_text(issue.created_at),
            "updated_at": time_text(issue.updated_at),
            "closed_at": _time_or_none(issue.closed_at),
            "closed_by": closer,
            "performed_via_github_app": None,
            **pull,
        }

    def _pull_request(self, number: int, page: str) -> dict[str, Any]:
        names = {"diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
        return {"url": f"{self._url}/pulls/{number}", "html_url": page, "merged_at": None, **names}

    def _comment(self, comment: Comment) -> dict[str, Any]:
        page = f"{self._page}/issues/{comment.issue}#issuecomment-{comment.id}"
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "html_url": page,
            "body": comment.body,
            "url": f"{self._url}/issues/comments/{comment.id}",
            "issue_url": f"{self._url}/issues/{comment.issue}",
            "user": self._user(comment.author),
            "author_association": "NONE" if comment.author in self._repository.outsiders else "MEMBER",
            "performed_via_github_app": None,
            "created_at": time_text(comment.created_at),
            "updated_at": time_text(comment.updated_at),
        }

    def _label(self, label: Label) -> dict[str, Any]:
        return {
            "id": label.id,
            "node_id": f"LA_{label.id}",
            "url": f"{self._url}/labels/{quote(label.name, safe='')}",
            "name": label.name,
            "color": label.color,
            "description": label.description,
            "default": False,
            "archived_by": None,
        }

    def _milestone(self, milestone: Milestone) -> dict[str, Any]:
        url, number = f"{self._url}/milestones/{milestone.number}", milestone.number
        states = [issue.state for issue in self._repository.issues if issue.milestone == number]
        return {
            "url": url,
            "html_url": f"{self._page}/milestone/{number}",
            "labels_url": f"{url}/labels",
            "id": 3_000 + number,
            "node_id": f"MI_{number}",
            "number": number,
            "title": milestone.title,
            "state": milestone.state,
            "description": None,
            "creator": None,
            "due_on": None,
            "closed_at": None,
            "open_issues": states.count("open"),
            "closed_issues": states.count("closed"),
            "created_at": time_text(milestone.created_at),
            "updated_at": time_text(milestone.created_at),
        }

    def _user(self, login: str) -> dict[str, Any]:
        url = f"{self._host}/users/{login}"
        return {
            "login": login,
            "id": sum(login.encode()),
            "node_id": f"U_{login}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"https://github.com/{login}",
            "avatar_url": f"https://github.com/{login}.png",
            **{f"{page}_url": f"{url}/{page}" for page in _USER_PAGES},
            "type": "User",
            "site_admin": False,
        }


def time_text(seconds: float) -> str:
    """As GitHub writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time_or_none(seconds: int | None) -> str | None:
    return None if seconds is None else time_text(seconds)
