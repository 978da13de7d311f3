"""The catalogue: all dashboards, and the files that they are kept in."""

from collections.abc import Callable, Mapping
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from soakwatch.grafana.overview import overview
from soakwatch.grafana.pipeline import pipeline
from soakwatch.grafana.runs import runs
from soakwatch.grafana.service import service
from soakwatch.grafana.soak import soak

DASHBOARDS: Mapping[str, Callable[[], Dashboard]] = {
    "overview": overview,
    "service": service,
    "runs": runs,
    "soak": soak,
    "pipeline": pipeline,
}
"""By the names of their files."""

FOLDER = Path(__file__).parent / "dashboards"


def text_of(dashboard: Dashboard) -> str:
    """As it is kept: JSON that Grafana provisions, the same for the same dashboard."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(dashboard.build()) + "\n"


def write_all(folder: Path = FOLDER) -> None:
    """Write all files anew."""
    for name, make in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(text_of(make()), encoding="utf-8")


if __name__ == "__main__":
    write_all()
