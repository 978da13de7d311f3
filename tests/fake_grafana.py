"""A Grafana of a test's own: its HTTP API over a real connection, and people who work in it.

Requests and answers are those of grafana.com/docs/grafana/latest/developers/http_api/. What a client gets wrong is in
`violations`, which a test asserts to be empty.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from fake_faults import Answer, Asked, Ending, Fault, Faults, healthy
from fake_grafana_requests import Request, WrongForm, kind_of, request_of
from fake_grafana_state import KeptAnnotation, KeptDashboard, KeptFolder, Refused, State, WouldBreak
from fake_server import Reply, Server

EDITOR = frozenset(
    {
        *("dashboards:read", "dashboards:write", "folders:read", "folders:create", "datasources:read"),
        *("annotations:read", "annotations:create", "annotations:write", "annotations:delete"),
    }
)


def trouble(status: int = 500, *, is_done: bool = False) -> Fault:
    """Grafana's own 500, before or after it was done (pkg/api/response, Error)."""
    answer = _message(status, "Internal Server Error - database is locked")
    return Fault(f"{status} {'after' if is_done else 'before'}", is_done, answer=answer)


def page(status: int) -> Fault:
    """What a server before Grafana answers: a page and no JSON, with a word that a library may look for."""
    html = b"<html><body>a message of the proxy</body></html>"
    return Fault(f"page {status}", is_done=False, answer=Answer(status, html, {"content-type": "text/html"}))


def moved(to: str) -> Fault:
    """A server before Grafana that sends http to https."""
    return Fault("moved", is_done=False, answer=Answer(301, b"", {"location": to}))


class FakeGrafana:
    """A Grafana at `url`; a test may change `permissions`, `faults` and `state` at any time."""

    def __init__(self, url: str, clock: Callable[[], float], prefix: str = "") -> None:
        self.url = url + prefix
        self.token = "glsa_of_a_test"  # noqa: S105  (it opens nothing)
        self.permissions = set(EDITOR)
        self.faults: Faults = healthy
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.state = State(clock, data_sources={"soakwatch-influxdb"})
        self._prefix = prefix
        self._lock = threading.RLock()
        self._answers: dict[str, Callable[[Request], Answer]] = {
            "GET /health": lambda _: _json(200, {"commit": "087143285", "database": "ok", "version": "12.0.0"}),
            "GET /search": self._search,
            "GET /dashboards/uid/{uid}": self._get_dashboard,
            "POST /dashboards/db": self._save_dashboard,
            "GET /folders": self._list_folders,
            "POST /folders": self._make_folder,
            "GET /folders/{uid}": lambda asked: _json(200, _folder(self.state.folder(asked.values["uid"]))),
            "GET /datasources/uid/{uid}": self._get_data_source,
            "GET /annotations": self._find_annotations,
            "POST /annotations": self._annotate,
            "PATCH /annotations/{id}": lambda asked: self._amend(asked, "Annotation patched"),
            "PUT /annotations/{id}": lambda asked: self._amend(asked, "Annotation updated"),
            "DELETE /annotations/{id}": self._remove,
        }

    @classmethod
    @contextmanager
    def running(cls, clock: Callable[[], float] = time.time, prefix: str = "") -> Iterator["FakeGrafana"]:
        with Server() as server:
            fake = cls(server.url, clock, prefix)
            server.serve(fake.reply)
            yield fake

    @property
    def annotations(self) -> list[KeptAnnotation]:
        """All annotations that are there, oldest first."""
        with self._lock:
            return sorted(self.state.annotations.values(), key=lambda one: (one.time, one.id))

    def model(self, uid: str) -> Mapping[str, Any]:
        """A dashboard as it is now."""
        with self._lock:
            return self.state.dashboards[uid].model

    def count(self, method: str, pattern: str = "") -> int:
        """How many requests of this method came in whose path has a match of `pattern`."""
        return sum(asked.method == method and bool(re.search(pattern, asked.path)) for asked in list(self.asked))

    @property
    def writes(self) -> int:
        """How many requests came in that were to change something."""
        return sum(asked.is_write for asked in list(self.asked))

    def reply(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """What the server sends; called from its threads, one request at a time."""
        path, _, query = target.partition("?")
        asked = Asked(method, path, dict(parse_qsl(query, keep_blank_values=True)), _json_or_none(content))
        with self._lock:
            fault = self.faults(asked) or Fault("", is_done=True)
            done = self._answer(asked, query, headers, content) if fault.is_done else Answer(500)
            answer = fault.answer or done
            is_sent = fault.ending not in {Ending.SILENT, Ending.CLOSED}
            self.asked.append(replace(asked, status=answer.status if is_sent else None, fault=fault.name))
        usual = {"content-type": "application/json; charset=UTF-8"}
        return Reply(replace(answer, headers=usual | dict(answer.headers)), fault.ending)

    def _answer(self, asked: Asked, query: str, headers: Mapping[str, str], content: bytes) -> Answer:
        try:
            kind, values = kind_of(asked.method, asked.path, self._prefix)
            self._check_right(kind.permission, headers)
            return self._answers[kind.name](request_of(kind, values, query, content))
        except Refused as refused:
            more = {"status": refused.reason} if refused.reason else {}
            return _json(refused.status, {"message": refused.message, **more})
        except WrongForm as wrong:
            self.violations.append(f"{asked.method} {asked.path}: {wrong}")
            return _message(wrong.status, "bad request data")
        except WouldBreak as wrong:
            self.violations.append(f"{asked.method} {asked.path}: {wrong}")
            return _message(500, "Failed to save annotation")
        except Exception as error:
            # whoever asserts that there are no violations learns that the fake itself is wrong
            self.violations.append(f"{asked.method} {asked.path}: the fake failed: {error!r}")
            raise

    def _check_right(self, permission: str, headers: Mapping[str, str]) -> None:
        """401 and 403 as pkg/services/authn and pkg/services/accesscontrol/middleware.go answer them."""
        if headers.get("Authorization") != f"Bearer {self.token}":
            raise Refused(401, "Invalid API key")
        if permission and permission not in self.permissions:
            needed = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
            raise Refused(403, needed)

    def _get_dashboard(self, asked: Request) -> Answer:
        kept = self.state.dashboard(asked.values["uid"])
        meta = {
            "type": "db",
            "canSave": True,
            "isStarred": False,
            "slug": "",
            "url": f"/d/{kept.uid}/",
            "folderId": 0,
            "folderUid": kept.folder,
            "version": kept.version,
            "hasAcl": False,
            "provisioned": kept.is_provisioned,
            "provisionedExternalId": "",
        }
        return _json(200, {"meta": meta, "dashboard": kept.model})

    def _save_dashboard(self, asked: Request) -> Answer:
        kept = self.state.save(asked.body)
        answer = {"id": kept.model["id"], "uid": kept.uid, "url": f"/d/{kept.uid}/", "status": "success"}
        return _json(200, {**answer, "version": kept.version, "slug": "", "folderUid": kept.folder})

    def _search(self, asked: Request) -> Answer:
        found = [
            one for one in self.state.dashboards.values() if set(asked.query.tag) <= set(one.model.get("tags", []))
        ]
        return _json(200, [_hit(one) for one in found][: asked.query.limit])

    def _list_folders(self, asked: Request) -> Answer:
        first = (asked.query.page - 1) * asked.query.limit
        found = list(self.state.folders.values())[first : first + asked.query.limit]
        return _json(200, [{"id": one.id, "uid": one.uid, "title": one.title} for one in found])

    def _make_folder(self, asked: Request) -> Answer:
        return _json(200, _folder(self.state.make_folder(asked.body.uid, asked.body.title)))

    def _get_data_source(self, asked: Request) -> Answer:
        uid = asked.values["uid"]
        if uid not in self.state.data_sources:
            raise Refused(404, "Data source not found")
        return _json(200, {"id": 1, "uid": uid, "name": "soakwatch", "type": "influxdb", "readOnly": False})

    def _find_annotations(self, asked: Request) -> Answer:
        return _json(200, [_annotation(one) for one in self.state.found(asked.query)])

    def _annotate(self, asked: Request) -> Answer:
        return _json(200, {"message": "Annotation added", "id": self.state.annotate(asked.body).id})

    def _amend(self, asked: Request, message: str) -> Answer:
        self.state.amend(asked.values["id"], asked.body)
        return _message(200, message)

    def _remove(self, asked: Request) -> Answer:
        self.state.remove(asked.values["id"])
        return _message(200, "Annotation deleted")


def _folder(folder: KeptFolder) -> dict[str, Any]:
    at = datetime.fromtimestamp(0, UTC).isoformat()
    return {
        "id": folder.id,
        "uid": folder.uid,
        "title": folder.title,
        "url": f"/dashboards/f/{folder.uid}/",
        "hasAcl": False,
        "canSave": True,
        "canEdit": True,
        "canAdmin": False,
        "version": 1,
        "createdBy": "admin",
        "created": at,
        "updatedBy": "admin",
        "updated": at,
    }


def _hit(kept: KeptDashboard) -> dict[str, Any]:
    model = kept.model
    return {
        "id": model["id"],
        "uid": kept.uid,
        "title": model["title"],
        "type": "dash-db",
        "tags": model.get("tags", []),
        "url": f"/d/{kept.uid}/",
        "folderUid": kept.folder,
    }


def _annotation(one: KeptAnnotation) -> dict[str, Any]:
    return {
        "id": one.id,
        "alertId": 0,
        "alertName": "",
        "dashboardId": 0,
        "dashboardUID": one.dashboard or None,
        "panelId": one.panel,
        "userId": 1,
        "newState": "",
        "prevState": "",
        "created": one.created,
        "updated": one.updated,
        "time": one.time,
        "timeEnd": one.time_end,
        "text": one.text,
        "tags": list(one.tags),
        "login": "sa-1-soakwatch",
        "email": "",
        "avatarUrl": "",
        "data": {},
    }


def _message(status: int, message: str) -> Answer:
    return _json(status, {"message": message})


def _json(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode())


def _json_or_none(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None
