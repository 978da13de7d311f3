"""Requests: which there are, and whether one is of the form that GitHub's published description asks for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote

from githubkit_schemas.latest import models, types
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class NotAsDescribed(Exception):
    """The client asks for something, or in a way, that GitHub's description does not know; a sentence for each."""

    def __init__(self, status: int, *faults: str) -> None:
        super().__init__(*faults)
        self.status = status
        self.faults = faults


class NoQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(NoQuery):
    """docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api: at most 100 on a page.

    GitHub takes more for 100 without a word, which a client that counts on a page's length does not expect.
    """

    per_page: Annotated[int, Field(ge=1, le=100)] = 30
    page: Annotated[int, Field(ge=1)] = 1


class IssuesQuery(Page):
    """issues, "List repository issues"; the description knows more, and no client of ours asks for it."""

    state: Literal["open", "closed", "all"] = "open"
    labels: str = ""
    sort: Literal["created", "updated", "comments"] = "created"
    direction: Literal["asc", "desc"] = "desc"
    since: AwareDatetime | None = None


class CommentsQuery(Page):
    """comments, "List issue comments"."""

    since: AwareDatetime | None = None


class MilestonesQuery(Page):
    """docs.github.com/en/rest/issues/milestones, "List milestones"."""

    state: Literal["open", "closed", "all"] = "open"


@dataclass(frozen=True)
class Kind:
    """One kind of request: `path` is that behind the repository's.

    `body` are its forms: the model, which knows limits, and the type, which knows where null may be; the models take
    null for whatever may be left out.
    """

    method: str
    path: str
    query: type[NoQuery] = NoQuery
    body: tuple[TypeAdapter[Any], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def values(self, method: str, path: str) -> Mapping[str, str] | None:
        """What stands in the path for the names in braces, unquoted; None when the request is of another kind."""
        match = self._pattern.fullmatch(path) if method == self.method else None
        return None if match is None else {name: unquote(value) for name, value in match.groupdict().items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        numbers = re.sub(r"{(comment_id|number)}", r"(?P<\1>[0-9]+)", self.path)
        return re.compile(numbers.replace("{name}", "(?P<name>[^/]+)"))


def _forms(*forms: Any) -> tuple[TypeAdapter[Any], ...]:
    return tuple(TypeAdapter(form) for form in forms)


KINDS = (
    Kind("GET", ""),
    Kind("GET", "/issues", IssuesQuery),
    Kind("POST", "/issues", body=_forms(models.ReposOwnerRepoIssuesPostBody, types.ReposOwnerRepoIssuesPostBodyType)),
    Kind("GET", "/issues/{number}"),
    Kind(
        "PATCH",
        "/issues/{number}",
        body=_forms(
            models.ReposOwnerRepoIssuesIssueNumberPatchBody, types.ReposOwnerRepoIssuesIssueNumberPatchBodyType
        ),
    ),
    Kind("GET", "/issues/{number}/comments", CommentsQuery),
    Kind("POST", "/issues/{number}/comments", body=_forms(models.ReposOwnerRepoIssuesIssueNumberCommentsPostBody)),
    Kind("GET", "/issues/comments/{comment_id}"),
    Kind("PATCH", "/issues/comments/{comment_id}", body=_forms(models.ReposOwnerRepoIssuesCommentsCommentIdPatchBody)),
    Kind("DELETE", "/issues/comments/{comment_id}"),
    Kind("GET", "/labels", Page),
    Kind("POST", "/labels", body=_forms(models.ReposOwnerRepoLabelsPostBody, types.ReposOwnerRepoLabelsPostBodyType)),
    Kind("GET", "/labels/{name}"),
    Kind(
        "POST",
        "/issues/{number}/labels",
        body=_forms(
            models.ReposOwnerRepoIssuesIssueNumberLabelsPostBodyOneof0
            | list[str]
            | list[models.ReposOwnerRepoIssuesIssueNumberLabelsPostBodyOneof2Items]
        ),
    ),
    Kind("DELETE", "/issues/{number}/labels/{name}"),
    Kind("GET", "/milestones", MilestonesQuery),
)


def kind_of(method: str, path: str) -> tuple[Kind, Mapping[str, str]]:
    """The kind of a request, and what stands in its path; `path` is that behind the repository's, as it was sent."""
    for kind in KINDS:
        values = kind.values(method, path)
        if values is not None:
            return kind, values
    raise NotAsDescribed(404, "there is no such path")


def query_of(kind: Kind, text: str) -> NoQuery:
    """What a query asks for."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len(dict(pairs)) < len(pairs):
        raise NotAsDescribed(422, "a query parameter is there twice")
    try:
        return kind.query.model_validate_strings(dict(pairs))
    except ValidationError as error:
        raise NotAsDescribed(422, *_sentences(error)) from error


def check_body(kind: Kind, content: bytes) -> None:
    """A body has the keys that the description knows, no others, and their types without any conversion."""
    if content and not kind.body:
        raise NotAsDescribed(400, "it takes no body")
    for form in kind.body:
        try:
            form.validate_json(content, strict=True, extra="forbid")
        except ValidationError as error:
            is_json = all(detail["type"] != "json_invalid" for detail in error.errors())
            raise NotAsDescribed(422 if is_json else 400, *_sentences(error)) from error


def _sentences(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        yield f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
