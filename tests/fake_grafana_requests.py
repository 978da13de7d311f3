"""Requests to Grafana: of what form each is. Grafana itself ignores what it does not know; a client should not send it.

The forms are those of grafana.com/docs/grafana/latest/developers/http_api/ (dashboard, folder, annotations), whose
source is docs/sources/developers/http_api in grafana/grafana.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Milliseconds = Annotated[int, Field(gt=0)]
Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
"""http_api/dashboard, "Identifier (id) vs unique identifier (uid)": at most 40 characters."""


class WrongForm(Exception):
    """The client asks in a way that the documentation does not know."""

    def __init__(self, fault: str, status: int = 400) -> None:
        super().__init__(fault)
        self.status = status


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(_Form):
    """No body, or no query."""


class DashboardModel(BaseModel):
    """The part of a dashboard's model that Grafana itself looks at; the rest is for the browser."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    id: int | None = None
    uid: Uid
    title: Annotated[str, Field(min_length=1, max_length=5_000)]
    version: int | None = None
    tags: list[Annotated[str, Field(max_length=50)]] = []


class SaveDashboard(_Form):
    """http_api/dashboard, "Create / Update dashboard"."""

    dashboard: DashboardModel
    folder_uid: Annotated[str, Field(alias="folderUid")]
    message: Annotated[str, Field(max_length=500)] = ""
    overwrite: bool = False


class MakeFolder(_Form):
    """http_api/folder, "Create folder"."""

    uid: Uid
    title: Annotated[str, Field(min_length=1)]


class MakeAnnotation(_Form):
    """http_api/annotations, "Create Annotation"."""

    text: Annotated[str, Field(min_length=1)]
    time: Milliseconds
    time_end: Annotated[Milliseconds | None, Field(alias="timeEnd")] = None
    tags: list[str] = []
    dashboard_uid: Annotated[str, Field(alias="dashboardUID")] = ""
    panel_id: Annotated[int, Field(alias="panelId")] = 0


class PutAnnotation(_Form):
    """http_api/annotations, "Update Annotation": all of it."""

    text: Annotated[str, Field(min_length=1)]
    time: Milliseconds
    time_end: Annotated[Milliseconds, Field(alias="timeEnd")]
    tags: list[str]


class PatchAnnotation(_Form):
    """http_api/annotations, "Patch Annotation": one or more of these; what is missing stays."""

    text: Annotated[str | None, Field(min_length=1)] = None
    time: Milliseconds | None = None
    time_end: Annotated[Milliseconds | None, Field(alias="timeEnd")] = None
    tags: list[str] | None = None


class FindAnnotations(BaseModel):
    """http_api/annotations, "Find Annotations"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: Annotated[int, Field(alias="from")] = 0
    to: int = 0
    limit: Annotated[int, Field(gt=0)] = 100
    type: Literal["", "alert", "annotation"] = ""
    tags: list[str] = []
    dashboard_uid: Annotated[str, Field(alias="dashboardUID")] = ""


class FindFolders(BaseModel):
    """http_api/folder, "Get all folders"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(gt=0, le=1_000)] = 1_000
    page: Annotated[int, Field(gt=0)] = 1


class Search(BaseModel):
    """http_api/folder_dashboard_search."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str = ""
    tag: list[str] = []
    type: Literal["", "dash-db", "dash-folder"] = ""
    limit: Annotated[int, Field(gt=0, le=5_000)] = 1_000


@dataclass(frozen=True)
class Kind:
    """One kind of request: its path below `/api`, what right it takes, and of what form body and query are."""

    name: str
    permission: str = ""
    body: type[BaseModel] = Nothing
    query: type[BaseModel] = Nothing

    @property
    def pattern(self) -> str:
        return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.name.partition(" ")[2])


KINDS = (
    Kind("GET /health"),
    Kind("GET /search", "dashboards:read", query=Search),
    Kind("GET /dashboards/uid/{uid}", "dashboards:read"),
    Kind("POST /dashboards/db", "dashboards:write", body=SaveDashboard),
    Kind("GET /folders", "folders:read", query=FindFolders),
    Kind("POST /folders", "folders:create", body=MakeFolder),
    Kind("GET /folders/{uid}", "folders:read"),
    Kind("GET /datasources/uid/{uid}", "datasources:read"),
    Kind("GET /annotations", "annotations:read", query=FindAnnotations),
    Kind("POST /annotations", "annotations:create", body=MakeAnnotation),
    Kind("PATCH /annotations/{id}", "annotations:write", body=PatchAnnotation),
    Kind("PUT /annotations/{id}", "annotations:write", body=PutAnnotation),
    Kind("DELETE /annotations/{id}", "annotations:delete"),
)


@dataclass(frozen=True)
class Request:
    """A request of the form that the documentation gives; `values` are those of its path."""

    kind: Kind
    values: Mapping[str, str]
    body: Any
    query: Any


def kind_of(method: str, path: str, prefix: str = "") -> tuple[Kind, dict[str, str]]:
    """Which kind of request this is, and what its path says. Raises WrongForm."""
    for kind in KINDS:
        match = re.fullmatch(f"{re.escape(prefix)}/api{kind.pattern}", path)
        if match and kind.name.startswith(f"{method} "):
            return kind, {name: unquote(value) for name, value in match.groupdict().items()}
    raise WrongForm("there is no such path", 404)


def request_of(kind: Kind, values: Mapping[str, str], query: str, content: bytes) -> Request:
    """The request as it should be. Raises WrongForm."""
    asked = _checked(lambda: kind.query.model_validate(_query(kind.query, query)), "query")
    if kind.body is Nothing:
        if content:
            raise WrongForm("a body where none belongs")
        return Request(kind, values, None, asked)
    return Request(kind, values, _checked(lambda: kind.body.model_validate_json(content), "body"), asked)


def _query(form: type[BaseModel], query: str) -> dict[str, Any]:
    pairs = parse_qsl(query, keep_blank_values=True)
    lists = {name for name, field in form.model_fields.items() if field.annotation == list[str]}
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise WrongForm(f"query: {name} twice")
        else:
            found[name] = value
    return found


def _checked(read: Callable[[], BaseModel], what: str) -> BaseModel:
    try:
        return read()
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise WrongForm(f"{what}: {'; '.join(wrong)}") from None
