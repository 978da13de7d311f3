"""`soakwatch runs`: what the store knows of past runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import typer

from soakwatch.cli.options import ConfigOption, CurrentArgument, JsonOption, StoreOption, open_store
from soakwatch.cli.selection import select_run
from soakwatch.cli.terminal import print_json, print_run, results, run_table
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.series import Series
from soakwatch.core.window import Window, merge_windows

runs_app = typer.Typer(no_args_is_help=True, help="List runs, or show one.")


@runs_app.command("list")
def list_runs(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """List all runs, oldest first.

    Example:

        soakwatch runs list --json
    """
    from soakwatch.reporter.verdicts_json import RunRecord

    with open_store(load_configuration(config), store) as opened:
        runs = opened.runs()
    if json_:
        print_json([RunRecord.of(run).model_dump(mode="json") for run in runs])
    elif runs:
        results.print(run_table(runs))
    else:
        results.print("no runs yet; `soakwatch run -- LOCUST ARGUMENTS` makes one", markup=False)


@runs_app.command("show")
def show_run(
    run: CurrentArgument = "latest", config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False
) -> None:
    """Show one run: its metadata, and each endpoint's requests, failures and percentiles.

    Example:

        soakwatch runs show latest
    """
    from soakwatch.detector.run_data import read_run
    from soakwatch.reporter.verdicts_json import RunRecord

    with open_store(load_configuration(config), store) as opened:
        found = select_run(opened.runs(), run)
        data = read_run(opened, found)
    endpoints = summarise_endpoints(data.windows)
    kinds: Counter[tuple[Series, str]] = Counter()
    for error in data.errors:
        kinds[error.series, error.kind] += error.count
    if json_:
        print_json(
            {
                "run": RunRecord.of(found).model_dump(mode="json"),
                "endpoints": [_endpoint_document(line, kinds) for line in endpoints],
            }
        )
    else:
        print_run(found, endpoints, kinds)


def summarise_endpoints(windows: Sequence[Window]) -> list[Window]:
    """One window for each series, as long as the run, by name."""
    of_series: dict[Series, list[Window]] = {}
    for window in windows:
        of_series.setdefault(window.series, []).append(window)
    return [replace(merge_windows(of_series[series]), source="*") for series in sorted(of_series)]


def _endpoint_document(window: Window, kinds: Counter[tuple[Series, str]]) -> dict[str, Any]:
    series = window.series
    return {
        "service": series.service,
        "method": series.method,
        "endpoint": series.endpoint,
        "requests": window.count,
        "failures": window.failures,
        "p50": window.quantile(0.5),
        "p95": window.quantile(0.95),
        "p99": window.quantile(0.99),
        "max": window.max,
        "errors": {kind: count for (of, kind), count in kinds.items() if of == series},
    }
