"""Endpoints: what each kind of request does to the state, and how it is answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fake_faults import Answer
from fake_github_json import Wording
from fake_github_lists import T, links, on_page, selected_comments, selected_issues
from fake_github_requests import CommentsQuery, IssuesQuery, Kind, MilestonesQuery, NoQuery, Page
from fake_github_state import Repository
from fake_github_values import Issue, Kept, Wish


@dataclass(frozen=True)
class Request:
    """A request of the form that the description asks for; `values` are those of its path."""

    url: str
    values: Mapping[str, str]
    query: NoQuery
    body: Any

    @property
    def number(self) -> int:
        return int(self.values["number"])

    @property
    def comment_id(self) -> int:
        return int(self.values["comment_id"])


class Endpoints:
    """`login` is who the token belongs to."""

    def __init__(self, login: str, repository: Repository, wording: Wording) -> None:
        self._login = login
        self._repository = repository
        self._wording = wording
        self._endpoints: dict[str, Callable[[Request], Answer]] = {
            "GET /issues": self._list_issues,
            "POST /issues": self._open_issue,
            "GET /issues/{number}": self._get_issue,
            "PATCH /issues/{number}": self._change_issue,
            "GET /issues/{number}/comments": self._list_comments,
            "POST /issues/{number}/comments": self._add_comment,
            "GET /issues/comments/{comment_id}": self._get_comment,
            "PATCH /issues/comments/{comment_id}": self._edit_comment,
            "DELETE /issues/comments/{comment_id}": self._delete_comment,
            "GET /labels": self._list_labels,
            "POST /labels": self._create_label,
            "GET /labels/{name}": self._get_label,
            "POST /issues/{number}/labels": self._add_labels,
            "DELETE /issues/{number}/labels/{name}": self._remove_label,
            "GET /milestones": self._list_milestones,
        }

    def answer(self, kind: Kind, request: Request) -> Answer:
        """Do it, or raise Refused."""
        return self._endpoints[kind.name](request)

    def _list_issues(self, request: Request) -> Answer:
        query = cast("IssuesQuery", request.query)
        return _page(request.url, selected_issues(self._repository.listed, query), query, self._wording.issue)

    def _open_issue(self, request: Request) -> Answer:
        issue = self._repository.open(self._login, wish_of(request.body))
        return Answer(201, self._wording.issue(issue))

    def _get_issue(self, request: Request) -> Answer:
        return Answer(200, self._wording.issue(self._repository.issue(request.number)))

    def _change_issue(self, request: Request) -> Answer:
        issue = self._repository.change(request.number, self._login, wish_of(request.body))
        return Answer(200, self._wording.issue(issue))

    def _list_comments(self, request: Request) -> Answer:
        query = cast("CommentsQuery", request.query)
        found = selected_comments(self._repository.issue(request.number).comments, query)
        return _page(request.url, found, query, self._wording.comment)

    def _add_comment(self, request: Request) -> Answer:
        made = self._repository.add_comment(request.number, self._login, request.body["body"])
        return Answer(201, self._wording.comment(made))

    def _get_comment(self, request: Request) -> Answer:
        return Answer(200, self._wording.comment(self._repository.comment(request.comment_id)))

    def _edit_comment(self, request: Request) -> Answer:
        edited = self._repository.edit_comment(request.comment_id, request.body["body"])
        return Answer(200, self._wording.comment(edited))

    def _delete_comment(self, request: Request) -> Answer:
        self._repository.delete_comment(request.comment_id)
        return Answer(204)

    def _list_labels(self, request: Request) -> Answer:
        found = list(self._repository.labels.values())
        return _page(request.url, found, cast("Page", request.query), self._wording.label)

    def _create_label(self, request: Request) -> Answer:
        return Answer(201, self._wording.label(self._repository.create_label(**request.body)))

    def _get_label(self, request: Request) -> Answer:
        return Answer(200, self._wording.label(self._repository.label(request.values["name"])))

    def _add_labels(self, request: Request) -> Answer:
        named = request.body if isinstance(request.body, list) else request.body.get("labels", [])
        return self._labels_of(self._repository.add_labels(request.number, _names(named)))

    def _remove_label(self, request: Request) -> Answer:
        return self._labels_of(self._repository.remove_label(request.number, request.values["name"]))

    def _labels_of(self, issue: Issue) -> Answer:
        return Answer(200, _array([self._wording.label(self._repository.label(name)) for name in issue.labels]))

    def _list_milestones(self, request: Request) -> Answer:
        query = cast("MilestonesQuery", request.query)
        found = [one for one in self._repository.milestones.values() if query.state in {one.state, "all"}]
        return _page(request.url, found, query, self._wording.milestone)


def wish_of(body: Mapping[str, Any]) -> Wish:
    """What the body of a request for an issue wants. Titles may be numbers (issues, "Create an issue")."""
    title, labels, assignees = body.get("title"), body.get("labels"), body.get("assignees")
    return Wish(
        title=None if title is None else str(title),
        body=body.get("body", Kept.KEPT),
        state=body.get("state"),
        state_reason=body.get("state_reason"),
        labels=None if labels is None else _names(labels),
        assignees=None if assignees is None else _names(assignees, "login"),
        milestone=body.get("milestone", Kept.KEPT),
    )


def _names(named: Sequence[str | Mapping[str, str]], key: str = "name") -> tuple[str, ...]:
    """Labels and assignees may be given by name, or as an object that has it."""
    return tuple(one if isinstance(one, str) else one[key] for one in named)


def _page(url: str, found: Sequence[T], query: Page, wording: Callable[[T], bytes]) -> Answer:
    return Answer(200, _array([wording(one) for one in on_page(found, query)]), links(url, found, query))


def _array(values: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"
