"""Publishing: what should become of each dashboard, and why. Nothing is asked or written here."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from soakwatch.grafana.dashboard_mark import Dashboard, Model, digest_of, mark_of

OWN_FOLDER = "soakwatch"
"""Title and uid of the folder where nobody names another."""


@dataclass(frozen=True, slots=True)
class FoundDashboard:
    """A dashboard that Grafana has. `folder` is the uid of its folder, "" where it is in none."""

    model: Model
    version: int
    folder: str
    is_provisioned: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of Grafana."""

    uid: str
    title: str


class Action(StrEnum):
    """What is done with a dashboard."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    """It is as it should be."""

    LEAVE = "leave"
    """It is not, and it is not ours to change."""


@dataclass(frozen=True, slots=True)
class Step:
    """What should become of one dashboard. `found` is what Grafana has, None where it has none of this uid.

    `needs_decision` is whether somebody has to say what should be done.
    """

    dashboard: Dashboard
    action: Action
    why: str
    found: FoundDashboard | None = None
    needs_decision: bool = False

    @property
    def is_writing(self) -> bool:
        """Whether it changes anything in Grafana."""
        return self.action in {Action.CREATE, Action.UPDATE}


def step_for(dashboard: Dashboard, found: FoundDashboard | None, *, force: bool = False) -> Step:
    """What should become of `dashboard`, where Grafana has `found`; with `force` also over people's changes."""
    if found is None:
        return Step(dashboard, Action.CREATE, "there is none of this uid")
    there, mark, ours = digest_of(found.model), mark_of(found.model), digest_of(dashboard.model)
    if found.is_provisioned:
        same = there == ours
        why = "Grafana provisions it from a file" + ("" if same else ", which differs; write that file anew")
        return Step(dashboard, Action.KEEP if same else Action.LEAVE, why, found)
    if there == ours:
        # one that was imported by hand is taken over: nobody's change is lost by its mark
        return _adopted(dashboard, found) if mark != ours else Step(dashboard, Action.KEEP, "unchanged", found)
    if mark == there:
        return Step(dashboard, Action.UPDATE, "this version has a new one", found)
    changed = "somebody changed it in Grafana" if mark else "it was not published by this command"
    if force:
        return Step(dashboard, Action.UPDATE, f"{changed}, and --force overwrites that", found)
    return Step(dashboard, Action.LEAVE, f"{changed}; --force overwrites that", found, needs_decision=True)


def _adopted(dashboard: Dashboard, found: FoundDashboard) -> Step:
    return Step(dashboard, Action.UPDATE, "it is the same, but for the mark of what was published", found)


def folder_named(title: str) -> Folder:
    """The folder that is made for a title: one title has one uid, so that two who make it at once make one."""
    if title == OWN_FOLDER:
        return Folder(OWN_FOLDER, title)
    return Folder(f"{OWN_FOLDER}-{sha256(title.encode()).hexdigest()[:12]}", title)
