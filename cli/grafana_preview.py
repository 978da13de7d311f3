"""`soakwatch grafana preview`: dashboards drawn into one HTML page, from InfluxDB and without Grafana."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.options import ConfigOption, StoreOption, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import notes, results
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ConfigurationError, UsageError
from soakwatch.core.store_settings import StoreKind, StoreSection

if TYPE_CHECKING:
    from soakwatch.grafana.dashboard_model import Dashboard
    from soakwatch.grafana.preview import DrawnDashboard

_FILES = "soakwatch-preview.html"


def preview(
    dashboards: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which: overview, service, runs, soak, pipeline, or a dashboard's JSON file [default: all five].",
            metavar="[DASHBOARD]...",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Since when, as in Grafana: now-24h, now/d, 2026-12-01T08:00:00Z.", show_default=False
        ),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when, in the same way.", show_default=False)] = None,
    var: Annotated[
        list[str] | None,
        typer.Option(help="A variable, such as env=staging; given again, it has several values.", metavar="NAME=VALUE"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The file that is written.")] = Path(_FILES),
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Draw dashboards into one HTML page, with real data and without Grafana.

    It asks InfluxDB what Grafana would ask, and draws each panel with its unit, thresholds and annotations. The page
    needs neither a network nor a server. The details are not Grafana's; whether queries find what they should is the
    same. It works with the InfluxDB store only: Grafana cannot read the SQLite file either.

    Without --from and --to each dashboard shows its own time, without --var what Grafana would choose by itself, but of
    the configured store.

    Examples:

        soakwatch grafana preview

        soakwatch grafana preview service --from now-24h --var env=staging --var service=rag_service

        soakwatch grafana preview my-dashboard.json --from 2026-12-01 --to 2026-12-08 --out week.html
    """
    section = with_store(load_configuration(config), store).store
    if section.kind is not StoreKind.INFLUXDB:
        raise ConfigurationError(
            "a preview asks InfluxDB, and the store is an SQLite file, which Grafana cannot read either; set store.kind"
            ' to "influxdb" with store.url and a token, or give --store influxdb (docs/influxdb.md)'
        )
    # reads the files and the variables before it asks for anything: plotly takes half a second
    from soakwatch.grafana.variable_values import given_choices

    given = given_choices(var or ())
    chosen = [_read(name) for name in dashboards or _names()]
    _check_names(chosen, given)
    # a server may hold several stores, of which Grafana would show the first
    given.setdefault("bucket", [section.bucket])
    drawn = _draw(chosen, section, (start, end), given)
    from soakwatch.grafana.preview_page import page_of

    try:
        out.write_text(page_of(drawn, time.time()), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}") from None
    results.print(f"{out}", markup=False, soft_wrap=True)
    _tell(drawn)
    if open_:
        typer.launch(out.absolute().as_uri())


def _draw(
    chosen: Sequence["Dashboard"],
    section: StoreSection,
    ends: tuple[str | None, str | None],
    given: Mapping[str, list[str]],
) -> list["DrawnDashboard"]:
    from soakwatch.grafana.influxql import Influxql
    from soakwatch.grafana.preview import Glance
    from soakwatch.grafana.preview import preview as drawn
    from soakwatch.grafana.time_range import TimeRange

    now = time.time()
    made = []
    with closing(Influxql(section)) as influxql, progress_bar() as show:
        influxql.ask("SHOW DATABASES")  # a server that is away is an error of the command, not of each panel
        for place, one in enumerate(chosen):
            asked = TimeRange.between(ends[0] or one.time_from, ends[1] or one.time_to, now)

            def progress(done: int, of: int, place: int = place, title: str = one.title) -> None:
                show(f"drawing {title}", place + done / max(of, 1), len(chosen))

            made.append(drawn(one, Glance(influxql.ask, asked, now, given), progress))
    return made


def _names() -> list[str]:
    names = sorted(file.stem for file in _folder().glob("*.json"))
    if not names:
        raise UsageError(f"there are no dashboards in {_folder()}; give a dashboard's JSON file")
    return names


def _read(name: str) -> "Dashboard":
    from soakwatch.grafana.dashboard_model import read_dashboard

    file = Path(name)
    if not (file.suffix == ".json" or file.exists()):
        file = _folder() / f"{name}.json"
        if not file.exists():
            known = ", ".join(sorted(each.stem for each in _folder().glob("*.json")))
            raise UsageError(f"there is no dashboard {name!r}; there are {known or 'none'}, or give a JSON file")
    return read_dashboard(file)


def _folder() -> Path:
    from soakwatch import grafana

    return Path(next(iter(grafana.__path__))) / "dashboards"


def _check_names(chosen: Sequence["Dashboard"], given: Mapping[str, list[str]]) -> None:
    known = {variable.name for one in chosen for variable in one.variables}
    for name in given:
        if name not in known:
            raise UsageError(f"--var {name}: no such variable; there are {', '.join(sorted(known)) or 'none'}")


def _tell(drawn: Sequence["DrawnDashboard"]) -> None:
    panels = [panel for each in drawn for panel in each.panels if panel.panel.type != "row"]
    failed = [panel for panel in panels if panel.errors]
    empty = [panel for panel in panels if panel.drawing.is_empty and not panel.errors and not panel.drawing.notes]
    notes.print(f"{len(panels)} panels of {len(drawn)} dashboards, {len(empty)} without data", soft_wrap=True)
    for panel in failed:
        notes.print(f"{panel.title}: {panel.errors[0]}", style="yellow", markup=False, soft_wrap=True)
