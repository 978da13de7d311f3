"""`soakwatch run`: Locust, streaming."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from soakwatch.cli.comparing import compare_named, exit_code_of
from soakwatch.cli.options import ConfigOption, StoreOption, open_store, with_store
from soakwatch.cli.terminal import notes, print_verdicts
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.environment_variables import FILE_VARIABLE, RUN_FILE_VARIABLE
from soakwatch.core.errors import ExitCode, SoakwatchError, StoreUnavailable, UnknownRun


def run(
    locust_arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- LOCUST ARGUMENTS...", help="Whatever Locust takes.")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Afterwards compare with the run before; a regression makes the exit code 1.")
    ] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Run Locust with an untouched locustfile, and stream what it measures into the store.

    The exit code is Locust's own, and with --gate that of a comparison with the run before where Locust's is 0. Locust
    ends with 1 when any request failed, unless told otherwise with --exit-code-on-error 0. Put Locust's arguments
    behind two dashes.

    Examples:

        soakwatch run -- -f locustfile.py --headless -u 50 -r 10 -t 10m --host https://staging.example.com

        soakwatch run --gate -- --headless -u 50 -t 10m --processes 2 --exit-code-on-error 0

        soakwatch run --store influxdb -- --headless -u 50 -t 10m

        soakwatch run -- --help
    """
    environment = dict(os.environ)
    if config is not None:
        environment[FILE_VARIABLE] = str(config.absolute())
    configuration = load_configuration(config)
    if store is not None:
        environment |= with_store(configuration, store).store.variables
    command = [sys.executable, "-m", "soakwatch.collector.launcher", *(locust_arguments or [])]
    if not gate:
        os.execve(sys.executable, command, environment)  # noqa: S606  (Locust takes this process over, signals and all)
    with TemporaryDirectory(prefix="soakwatch-") as folder:
        noted = Path(folder) / "run"
        code = _wait_for(command, {**environment, RUN_FILE_VARIABLE: str(noted)})
        run_id = noted.read_text(encoding="utf-8") if noted.exists() else ""
    gated = _gate(configuration, store, run_id)
    raise typer.Exit(code or gated)


def _wait_for(command: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=environment)  # noqa: S603  (our own launcher)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to Locust as well
    signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    return process.wait()


def _gate(configuration: Configuration, store: str | None, run: str) -> ExitCode:
    try:
        with open_store(configuration, store) as opened:
            if run not in {known.id for known in opened.runs()}:
                raise StoreUnavailable("this run is not in the store, so nothing was compared")
        comparison = compare_named("previous", run, configuration, store)
    except UnknownRun as error:
        notes.print(f"soakwatch: nothing to compare with yet: {error}", markup=False, soft_wrap=True)
        return ExitCode.FINE
    except SoakwatchError as error:
        notes.print(f"soakwatch: {error}", markup=False, soft_wrap=True)
        return error.exit_code
    print_verdicts(comparison)
    return exit_code_of(comparison, configuration)
