"""The mark of a dashboard: a tag that says what was published, so that what people changed since can be told.

The mark is a digest of the whole model, so it needs no memory elsewhere: Grafana's own database, its backups and
several machines that publish all agree. It is a tag because a tag outlives whatever people do in Grafana's editor; a
field that Grafana does not know would be lost when it saves.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_PREFIX = "soakwatch:"

_GRAFANAS_OWN = frozenset({"id", "version", "iteration"})
"""What Grafana writes into a model, or counts in it, each time that it is saved."""

Model = Mapping[str, Any]
"""A dashboard in Grafana's classic JSON model."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard as it is published. `uid` is what its address in Grafana ends with."""

    uid: str
    title: str
    model: Model


def digest_of(model: Model) -> str:
    """Twelve hexadecimal digits of what a model says, whatever was saved around it.

    Empty values count as missing, and 1.0 as 1: both come back either way.
    """
    kept = {key: value for key, value in model.items() if key not in _GRAFANAS_OWN} | {"tags": _own_tags(model)}
    text = json.dumps(_canonical(kept), sort_keys=True, ensure_ascii=False)
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def mark_of(model: Model) -> str:
    """The digest that a model was published with, "" where it was not published, or the tag was taken away."""
    marks = [tag.removeprefix(_PREFIX) for tag in _tags(model) if tag.startswith(_PREFIX)]
    return marks[0] if len(marks) == 1 else ""


def marked(model: Model) -> dict[str, Any]:
    """The model with its mark, as it is sent."""
    return {**model, "tags": [*_own_tags(model), f"{_PREFIX}{digest_of(model)}"]}


def _tags(model: Model) -> list[str]:
    tags = model.get("tags")
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _own_tags(model: Model) -> list[str]:
    return [tag for tag in _tags(model) if not tag.startswith(_PREFIX)]


def _canonical(value: Any) -> Any:  # noqa: ANN401  (any JSON)
    if isinstance(value, Mapping):
        inside = {key: _canonical(one) for key, one in value.items()}
        return {key: one for key, one in inside.items() if one is not None and one not in ([], {})}
    if isinstance(value, list):
        return [_canonical(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
