"""The command line: `soakwatch COMMAND`."""

import logging
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from soakwatch.cli.backtest import backtest
from soakwatch.cli.baseline import baseline_app
from soakwatch.cli.compare import compare, report
from soakwatch.cli.demo import demo
from soakwatch.cli.detect import detect
from soakwatch.cli.doctor import doctor
from soakwatch.cli.gate import gate
from soakwatch.cli.grafana import grafana_app
from soakwatch.cli.import_ import import_app
from soakwatch.cli.incidents import incidents_app
from soakwatch.cli.init import init
from soakwatch.cli.issues import issues_app
from soakwatch.cli.mark import mark_app
from soakwatch.cli.metrics import metrics_app
from soakwatch.cli.mute import mute_app
from soakwatch.cli.power import power
from soakwatch.cli.run import run
from soakwatch.cli.runs import runs_app
from soakwatch.cli.scenarios import scenarios_app
from soakwatch.cli.schema import schema
from soakwatch.cli.simulate import simulate_app
from soakwatch.cli.soak import soak_app
from soakwatch.cli.spool import spool_app
from soakwatch.cli.status import status
from soakwatch.cli.store import store_app
from soakwatch.cli.terminal import print_error
from soakwatch.cli.watch import watch
from soakwatch.core.errors import ExitCode, SoakwatchError

app = typer.Typer(
    name="soakwatch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Streams Locust's metrics into a time-series store and names what regressed. Begin with `soakwatch demo`.",
    epilog="Exit codes: 0 fine, 1 regression, 2 wrong usage or configuration, 3 store or service not reachable, the "
    "machine out of room, or a defect of soakwatch, 4 undecided.",
)
app.command()(demo)
app.command()(init)
app.command()(run)
app.add_typer(runs_app, name="runs")
app.add_typer(import_app, name="import")
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(simulate_app, name="simulate")
app.add_typer(baseline_app, name="baseline")
app.add_typer(metrics_app, name="metrics")
app.command()(compare)
app.command()(report)
app.command()(gate)
app.command()(detect)
app.command()(watch)
app.command()(status)
app.add_typer(soak_app, name="soak")
app.command()(backtest)
app.command()(power)
app.add_typer(incidents_app, name="incidents")
app.add_typer(mute_app, name="mute")
app.add_typer(issues_app, name="issues")
app.add_typer(grafana_app, name="grafana")
app.command()(schema)
app.add_typer(mark_app, name="mark")
app.add_typer(store_app, name="store")
app.add_typer(spool_app, name="spool")
app.command()(doctor)


_OF_A_PATH = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
"""What is wrong with a path that somebody gave; other errors of the system may be gone at the next try."""


def _print_version(wanted: bool) -> None:  # noqa: FBT001  (typer's signature)
    if wanted:
        typer.echo(f"soakwatch {version('soakwatch')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors that we know become a sentence and an exit code."""
    # as Python does by itself, unless influxdb-client, for an error that is not JSON, sets up another format before
    logging.basicConfig(format="%(message)s")
    try:
        app()
    except SoakwatchError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        print_error(error)
        sys.exit(ExitCode.USAGE if isinstance(error, _OF_A_PATH) else ExitCode.UNREACHABLE)
    except Exception:  # noqa: BLE001  (whatever it is: Python's own exit code would be 1, and say that something regressed)
        traceback.print_exc()
        print_error(RuntimeError("this is a defect of soakwatch, not of what you gave it; please report what is above"))
        sys.exit(ExitCode.UNREACHABLE)


if __name__ == "__main__":
    main()
