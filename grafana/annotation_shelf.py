"""Annotations of one Grafana's organisation, as its API tells of them.

The forms are those of grafana.com/docs/grafana/latest/developers/http_api/annotations.
"""

from contextlib import suppress
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from soakwatch.grafana.annotation import OURS, Annotation, FoundAnnotation, identity_tag
from soakwatch.grafana.annotation_plan import Change, Create, Remove, Update, fields_of
from soakwatch.grafana.api import GrafanaApi
from soakwatch.grafana.api_errors import Asked, NotThere, no_answer

_MOST = 5_000
"""Annotations that are asked for at once; one that is not in the list is looked for by itself before it is made."""

_READ = "annotations:read"


class _Got(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    time: int
    time_end: Annotated[int, Field(alias="timeEnd")] = 0
    text: str = ""
    tags: tuple[str, ...] | None = None


_LIST = TypeAdapter(tuple[_Got, ...])


class AnnotationShelf:
    """What there is, and how to change it. All methods raise SurfaceUnavailable and SurfaceRefused."""

    def __init__(self, api: GrafanaApi) -> None:
        """Prepare; nothing is asked yet."""
        self.api = api

    def between(self, start: int, end: int) -> list[FoundAnnotation]:
        """All of ours that touch a stretch of time."""
        return self._find("list annotations", OURS, [("from", max(start, 1)), ("to", end)])

    def about(self, identity: str) -> list[FoundAnnotation]:
        """Those about one thing, whenever it was."""
        return self._find("look for an annotation", identity_tag(identity), [])

    def carry_out(self, change: Change) -> None:
        """Do it, by one request; what is to be taken away may be gone already. Raises NotThere for an update."""
        match change:
            case Create(annotation):
                self._create(annotation)
            case Update(found=found):
                self.api.patch(
                    f"/annotations/{found.id}", "change an annotation", "annotations:write", fields_of(change)
                )
            case Remove(found):
                with suppress(NotThere):
                    self.api.delete(f"/annotations/{found.id}", "delete an annotation", "annotations:delete")

    def _create(self, annotation: Annotation) -> None:
        body = {"time": annotation.start, "text": annotation.text, "tags": list(annotation.tags)}
        if annotation.end > annotation.start:
            body["timeEnd"] = annotation.end
        self.api.post("/annotations", "write an annotation", "annotations:create", body)

    def _find(self, what: str, tag: str, query: list[tuple[str, str | int]]) -> list[FoundAnnotation]:
        asked: list[tuple[str, str | int]] = [("tags", tag), ("type", "annotation"), ("limit", _MOST), *query]
        answer = self.api.get("/annotations", what, _READ, asked)
        try:
            got = _LIST.validate_python(answer)
        except ValidationError:
            raise no_answer(Asked(what, self.api.where.url, _READ)) from None
        return [FoundAnnotation(one.id, one.time, one.time_end or one.time, one.text, one.tags or ()) for one in got]
