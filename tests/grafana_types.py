"""Grafana's own types of dashboards, from npm, and TypeScript to hold ours against them."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

VERSION = "12.4.10"
"""Of @grafana/schema: that of the image in docker-compose.yml."""

_TYPESCRIPT = "5.9.3"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "soakwatch-test-servers")

_KINDS = {
    "heatmap": "Heatmap",
    "stat": "Stat",
    "state-timeline": "StateTimeline",
    "table": "Table",
    "timeseries": "TimeSeries",
}
"""How the modules of Grafana's panels are called."""

_IMPORTS = 'import type { AnnotationQuery, Dashboard, DataQuery } from "@grafana/schema";'
_TYPES = """
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
// of public/app/plugins/datasource/influxdb/types.ts and its editors: npm has no types of this data source
type Question = DataQuery & { alias: string; query: string; rawQuery: true; resultFormat: "time_series" | "table" };
type Mark = DataQuery & { query: string; rawQuery: true; fromAnnotations: true;
  textColumn?: string; titleColumn?: string; tagsColumn?: string; timeEndColumn?: string };
"""


def installed() -> Path:
    """A folder with the packages, fetched once. Skips where there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm, which fetches Grafana's types")
    folder = _CACHE / f"grafana-types-{VERSION}-{_TYPESCRIPT}"
    if not (folder / "whole").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [f"@grafana/schema@{VERSION}", f"typescript@{_TYPESCRIPT}"]
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        (folder / "whole").touch()
    return folder


def complaints(dashboards: dict[str, dict[str, Any]], folder: Path) -> str:
    """What TypeScript says about `dashboards`, checked in `folder`; nothing where they are as Grafana's types are."""
    packages = installed() / "node_modules"
    (folder / "node_modules").symlink_to(packages)
    file = folder / "dashboards.ts"
    file.write_text(_program(dashboards), encoding="utf-8")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"]
    command = ["node", str(packages / "typescript" / "bin" / "tsc"), *options, file.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


def _program(dashboards: dict[str, dict[str, Any]]) -> str:
    lines = [_IMPORTS]
    for kind, module in _KINDS.items():
        path = f"@grafana/schema/dist/esm/raw/composable/{kind.replace('-', '')}/panelcfg/x/{module}PanelCfg_types.gen"
        lines.append(f'import type * as {module} from "{path}";')
    lines.append(_TYPES)
    for name, dashboard in dashboards.items():
        lines += _of_dashboard(name, dashboard)
    return "\n".join(lines)


def _of_dashboard(name: str, dashboard: dict[str, Any]) -> list[str]:
    marks = [one["target"] for one in dashboard["annotations"]["list"] if "target" in one]
    bare = [{key: value for key, value in one.items() if key != "target"} for one in dashboard["annotations"]["list"]]
    lines = [
        _constant(f"{name}", "Plain<Dashboard>", dashboard | {"annotations": {"list": bare}}),
        _constant(f"{name}_marks", "Mark[]", marks),
    ]
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            module, place = _KINDS[panel["type"]], f"{name}_{panel['id']}"
            lines.append(_constant(f"{place}_targets", "Question[]", panel["targets"]))
            lines.append(_constant(f"{place}_options", f"Plain<Partial<{module}.Options>>", panel["options"]))
            custom = panel["fieldConfig"]["defaults"].get("custom")
            if custom:
                lines.append(_constant(f"{place}_field", f"Plain<Partial<{module}.FieldConfig>>", custom))
    return lines


def _constant(name: str, kind: str, value: object) -> str:
    return f"export const {name}: {kind} = {json.dumps(value)};"
