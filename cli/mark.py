"""`soakwatch mark`: deploys, so that a regression can be told from which version it came."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.terminal import notes, print_json, printable, results
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.deploy import Deploy, changes
from soakwatch.core.deploy_mark import CLOCKS_DIFFER, DeployMark
from soakwatch.core.span import Span
from soakwatch.store.opening import create_store
from soakwatch.store.timestamps import format_timestamp

mark_app = typer.Typer(no_args_is_help=True, help="Mark deploys of what is tested, or list them.")


@mark_app.command("deploy")
def mark_deploy(
    service: Annotated[
        str, typer.Option("--service", "-S", help="Service that changed; * is all of the environment.")
    ] = "*",
    version: Annotated[str, typer.Option("--version", "-V", help="Its version from now on.", show_default=False)] = "",
    commit: Annotated[str, typer.Option("--commit", "-C", help="Its commit from now on.", show_default=False)] = "",
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Where [default: the configured one].", show_default=False)
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", help="When: ISO 8601, in UTC unless it says otherwise [default: now].", show_default=False
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", "-t", help="What happened, for people.", show_default=False)] = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Mark that a service was deployed; as the last step of a deployment, for instance.

    The same environment, service and moment are the same deploy: marked twice, the later one counts.

    Examples:

        soakwatch mark deploy --service rag_service --version 2.4.1 --commit 3f9a2c1

        soakwatch mark deploy --title "new index" --at 2026-11-23T02:00:00+01:00 --store influxdb
    """
    mark = DeployMark(service, version, commit, title, environment, at)
    configuration = with_store(load_configuration(config), store)
    deploy = mark.deploy(configuration.environment, time.time(), prefix="--")
    with create_store(configuration) as opened:
        opened.write([deploy])
    if json_:
        print_json(_document(deploy))
    else:
        notes.print(f"marked {_sentence(deploy)} in {configuration.store.address}", markup=False, soft_wrap=True)


@mark_app.command("list")
def list_marks(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """List the deploys, oldest first: those that were marked, seen at a version URL, or that a run named as its own.

    What says once more what was known is left out.

    Example:

        soakwatch mark list --json
    """
    with open_store(load_configuration(config), store) as opened:
        deploys = changes(opened.deploys(Span(0.0, time.time() + CLOCKS_DIFFER)))
    if json_:
        print_json([_document(deploy) for deploy in deploys])
    elif deploys:
        results.print(_table(deploys))
    else:
        results.print("no deploys yet; `soakwatch mark deploy --version V` marks one", markup=False)


def _sentence(deploy: Deploy) -> str:
    what = " ".join(part for part in (deploy.version, deploy.commit and f"({deploy.commit})") if part)
    whose = "all services" if deploy.service == "*" else deploy.service
    return str(printable(f"{what or deploy.title} of {whose} in {deploy.environment} at {_moment(deploy)}", 400))


def _moment(deploy: Deploy) -> str:
    return f"{datetime.fromtimestamp(deploy.at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _document(deploy: Deploy) -> dict[str, Any]:
    return {**asdict(deploy), "at": format_timestamp(deploy.at)}


def _table(deploys: Iterable[Deploy]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("at (UTC)", no_wrap=True)
    for heading in ("environment", "service", "version", "commit", "title"):
        table.add_column(heading, overflow="fold")
    for deploy in deploys:
        names = (deploy.environment, deploy.service, deploy.version, deploy.commit, deploy.title)
        table.add_row(_moment(deploy).removesuffix(" UTC"), *map(printable, names))
    return table
