"""Dashboard files: what this version of soakwatch has for Grafana, and how a dashboard is read from a file."""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from soakwatch.core.errors import UsageError
from soakwatch.grafana.dashboard_mark import Dashboard

_DASHBOARDS, _PROVISIONING = "dashboards", "provisioning"


def dashboards() -> list[Dashboard]:
    """The dashboards of this version, by name of their files."""
    return [read_dashboard(text, name) for name, text in files_to_provision().items() if name.endswith(".json")]


def dashboards_in(folder: Path) -> list[Dashboard]:
    """The dashboards in a folder of people's own, by name of their files. Raises UsageError."""
    try:
        found = {str(path): path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder}: its dashboards cannot be read: {error}") from None
    if not found:
        raise UsageError(
            f"{folder}: there are no dashboards (*.json); `soakwatch grafana export {folder}` writes ours into "
            f"{folder / _DASHBOARDS}"
        )
    made = [read_dashboard(text, name) for name, text in found.items()]
    twice = {one.uid for one in made if sum(one.uid == other.uid for other in made) > 1}
    if twice:
        raise UsageError(f"{folder}: two dashboards have the uid {min(twice)!r}; give each one of its own")
    return made


def files_to_provision() -> dict[str, str]:
    """The text of every file of this version that Grafana can provision, by its path below a folder."""
    package = files("soakwatch.grafana")
    found = [*_below(package / _DASHBOARDS, _DASHBOARDS), *_below(package / _PROVISIONING, _PROVISIONING)]
    return {name: one.read_text(encoding="utf-8") for name, one in sorted(found, key=lambda pair: pair[0])}


def read_dashboard(text: str, name: str) -> Dashboard:
    """The dashboard that is the content of a file called `name`. Raises UsageError."""
    try:
        model = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name}: this is no JSON, so it is no dashboard: {error}") from None
    uid, title = (model.get(key) if isinstance(model, dict) else None for key in ("uid", "title"))
    if not (isinstance(uid, str) and uid and isinstance(title, str) and title):
        raise UsageError(f"{name}: this is no dashboard in Grafana's JSON model: it needs a uid and a title of its own")
    return Dashboard(uid, title, model)


def _below(folder: Traversable, name: str) -> list[tuple[str, Traversable]]:
    if not folder.is_dir():
        return []
    found: list[tuple[str, Traversable]] = []
    for one in folder.iterdir():
        path = f"{name}/{one.name}"
        if one.is_dir():
            found += _below(one, path)
        elif one.name.endswith((".json", ".yaml")):
            found.append((path, one))
    return found
