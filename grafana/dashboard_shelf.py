"""Dashboards, folders and data sources of one Grafana, as its API tells of them.

The forms are those of grafana.com/docs/grafana/latest/developers/http_api/{dashboard,folder,data_source}.
"""

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from soakwatch.core.errors import SurfaceRefused
from soakwatch.grafana.api import GrafanaApi
from soakwatch.grafana.api_errors import Asked, NotThere, no_answer
from soakwatch.grafana.dashboard_mark import Dashboard, marked
from soakwatch.grafana.publishing import Folder, FoundDashboard

_READ, _WRITE = "dashboards:read", "dashboards:create and dashboards:write"
_READ_FOLDERS, _MAKE_FOLDERS = "folders:read", "folders:create"
_MOST_FOLDERS = 1_000


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Meta(_Answer):
    folder_uid: Annotated[str, Field(alias="folderUid")] = ""
    provisioned: bool = False


class _Got(_Answer):
    dashboard: dict[str, Any]
    meta: _Meta


class _GotFolder(_Answer):
    uid: str
    title: str


_FOLDERS = TypeAdapter(list[_GotFolder])


class DashboardShelf:
    """What there is, and how to add to it. All methods raise SurfaceUnavailable and SurfaceRefused."""

    def __init__(self, api: GrafanaApi) -> None:
        """Prepare; nothing is asked yet."""
        self.api = api

    def dashboard(self, uid: str) -> FoundDashboard | None:
        """One dashboard, None where there is none."""
        what = f"show the dashboard {uid}"
        try:
            answer = self.api.get(f"/dashboards/uid/{quote(uid, safe='')}", what, _READ)
        except NotThere:
            return None
        try:
            got = _Got.model_validate(answer)
            version = TypeAdapter(int).validate_python(got.dashboard.get("version", 0))
        except ValidationError:
            raise no_answer(Asked(what, self.api.where.url, _READ)) from None
        return FoundDashboard(got.dashboard, version, got.meta.folder_uid, got.meta.provisioned)

    def save(self, dashboard: Dashboard, found: FoundDashboard | None, folder: str) -> None:
        """Write a dashboard with its mark, in the place of the one that was found; None where there was none.

        Raises Conflict where Grafana has another one by now: nothing is overwritten that was not looked at.
        """
        known = {"id": None} if found is None else {"id": found.model.get("id"), "version": found.version}
        body = {
            "dashboard": {**marked(dashboard.model), **known},
            "folderUid": found.folder if found else folder,
            "message": "published by soakwatch",
            "overwrite": False,
        }
        self.api.post("/dashboards/db", f"write the dashboard {dashboard.uid}", _WRITE, body)

    def folder(self, uid: str) -> Folder | None:
        """One folder, None where there is none."""
        with suppress(NotThere):
            what = f"show the folder {uid}"
            return self._folder(self.api.get(f"/folders/{quote(uid, safe='')}", what, _READ_FOLDERS), what)
        return None

    def folder_called(self, title: str) -> Folder | None:
        """A folder at the root that is called so, None where there is none."""
        what = "list the folders"
        answer = self.api.get("/folders", what, _READ_FOLDERS, [("limit", _MOST_FOLDERS)])
        try:
            found = [one for one in _FOLDERS.validate_python(answer) if one.title == title]
        except ValidationError:
            raise no_answer(Asked(what, self.api.where.url, _READ_FOLDERS)) from None
        return Folder(found[0].uid, found[0].title) if found else None

    def make_folder(self, folder: Folder) -> Folder:
        """Make a folder. Raises Conflict where there is one of its uid or, in older versions of Grafana, its title."""
        what = f"make the folder {folder.title!r}"
        return self._folder(
            self.api.post("/folders", what, _MAKE_FOLDERS, {"uid": folder.uid, "title": folder.title}), what
        )

    def lacks_data_source(self, uid: str) -> bool:
        """Whether there is no data source of this uid; a token that may not see data sources cannot tell of any."""
        try:
            self.api.get(f"/datasources/uid/{quote(uid, safe='')}", f"show the data source {uid}", "datasources:read")
        except NotThere:
            return True
        except SurfaceRefused:
            return False
        return False

    def _folder(self, answer: object, what: str) -> Folder:
        try:
            got = _GotFolder.model_validate(answer)
        except ValidationError:
            raise no_answer(Asked(what, self.api.where.url, _READ_FOLDERS)) from None
        return Folder(got.uid, got.title)
