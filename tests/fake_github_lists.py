"""Lists: which issues are in one, in which order, and how a list is cut into pages."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from fake_github_requests import CommentsQuery, IssuesQuery, Page
from fake_github_values import Comment, Issue

T = TypeVar("T")

_ORDERS: dict[str, Callable[[Issue], tuple[int, int]]] = {
    "created": lambda issue: (issue.created_at, issue.number),
    "updated": lambda issue: (issue.updated_at, issue.number),
    "comments": lambda issue: (len(issue.comments), issue.number),
}


def selected_issues(issues: Iterable[Issue], query: IssuesQuery) -> list[Issue]:
    """docs.github.com/en/rest/issues/issues, "List repository issues".

    All of the labels must be there; `since` is of the last update, its second included.
    """
    names = {name.casefold() for name in query.labels.split(",") if name}
    since = -math.inf if query.since is None else query.since.timestamp()
    found = [
        issue
        for issue in issues
        if query.state in {issue.state, "all"}
        and issue.updated_at >= since
        and (not names or names <= {label.casefold() for label in issue.labels})
    ]
    return sorted(found, key=_ORDERS[query.sort], reverse=query.direction == "desc")


def selected_comments(comments: Iterable[Comment], query: CommentsQuery) -> list[Comment]:
    """docs.github.com/en/rest/issues/comments, "List issue comments": by id, updated since."""
    since = -math.inf if query.since is None else query.since.timestamp()
    return [comment for comment in comments if comment.updated_at >= since]


def on_page(found: Sequence[T], query: Page) -> Sequence[T]:
    return found[(query.page - 1) * query.per_page : query.page * query.per_page]


def links(url: str, found: Sequence[object], query: Page) -> dict[str, str]:
    """The header that leads to the other pages, where there are any.

    docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api, "Using link headers".
    """
    last = max(1, math.ceil(len(found) / query.per_page))
    pages: dict[str, int] = {}
    if query.page > 1:
        pages |= {"prev": min(query.page - 1, last)}
    if query.page < last:
        pages |= {"next": query.page + 1, "last": last}
    if query.page > 1:
        pages |= {"first": 1}
    asked = query.model_dump(mode="json", exclude_unset=True)
    parts = [f'<{url}?{urlencode(asked | {"page": page})}>; rel="{name}"' for name, page in pages.items()]
    return {"link": ", ".join(parts)} if parts else {}
