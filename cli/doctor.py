"""`soakwatch doctor`: is everything as it must be, and if not, how to mend it."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import typer
from packaging.version import Version

from soakwatch.cli.delivery_checks import DELIVERY_CHECKS
from soakwatch.cli.findings import Check, Finding, State, show
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.store_checks import STORE_CHECK
from soakwatch.cli.terminal import print_json
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode, SoakwatchError
from soakwatch.core.store_settings import StoreKind

TESTED_LOCUST = Version("2.47")


def doctor(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """Check the configuration, Locust, the store, spool and delivery; say how to mend what is not as it must be.

    Of InfluxDB: whether it answers, its version, what the token may do, buckets and their retention, and the clock.
    Ends with 3 when a check failed, 2 when the configuration is wrong.

    Examples:

        soakwatch doctor

        soakwatch doctor --store influxdb --json
    """
    findings = [*_versions(), *_configuration(config, store)]
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        show(findings)
    failed = {finding.check for finding in findings if finding.state is State.FAILED}
    if failed:
        raise typer.Exit(ExitCode.USAGE if failed == {"configuration"} else ExitCode.UNREACHABLE)


def _versions() -> Iterator[Finding]:
    yield Finding("python", State.OK, sys.version.split()[0])
    locust = version("locust")
    if Version(locust) >= TESTED_LOCUST:
        yield Finding("locust", State.OK, locust)
    else:
        yield Finding("locust", State.FAILED, f"{locust} is too old", f"pip install 'locust>={TESTED_LOCUST}'")


def _configuration(config: Path | None, store: str | None) -> Iterator[Finding]:
    try:
        configuration = with_store(load_configuration(config), store)
    except SoakwatchError as error:
        yield Finding("configuration", State.FAILED, str(error), "mend these keys; `soakwatch init` shows all of them")
        return
    yield Finding("configuration", State.OK, f"environment {configuration.environment!r}")
    checks: tuple[Check, ...] = (STORE_CHECK, *DELIVERY_CHECKS)
    if configuration.store.kind is StoreKind.INFLUXDB:
        # influxdb-client takes a while to load, and SQLite does without
        from soakwatch.cli.server_checks import examine

        server = examine(configuration)
        yield from server.findings
        checks = checks if server.readable else DELIVERY_CHECKS
    for check in checks:
        yield from check.findings(configuration)
