"""`soakwatch doctor`: is everything as it must be, and if not, how to mend it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

import typer
from packaging.version import Version

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption
from soakwatch.cli.terminal import print_json, results
from soakwatch.core.configuration import Configuration, load_configuration
from soakwatch.core.errors import ExitCode, SoakwatchError
from soakwatch.store.sqlite import SqliteStore

LITTLE_ROOM = 500_000_000
"""Bytes of free disk below which the store should have more."""

TESTED_LOCUST = Version("2.47")


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    state: State
    message: str
    remedy: str = ""


def doctor(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """Check the configuration, Locust, the store and the spool; say how to mend what is not as it must be.

    Ends with 3 when a check failed, 2 when the configuration is wrong.

    Example:

        soakwatch doctor
    """
    findings = [*_versions(), *_configuration(config, store)]
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        _show(findings)
    failed = {finding.check for finding in findings if finding.state is State.FAILED}
    if failed:
        raise typer.Exit(ExitCode.USAGE if failed == {"configuration"} else ExitCode.UNREACHABLE)


def _show(findings: list[Finding]) -> None:
    colours = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}
    for finding in findings:
        results.print(f"[{colours[finding.state]}]{finding.state:>8}[/]  {finding.check}: ", end="")
        results.print(finding.message, markup=False, soft_wrap=True)
        if finding.remedy:
            results.print(f"          -> {finding.remedy}", markup=False, soft_wrap=True)


def _versions() -> Iterator[Finding]:
    yield Finding("python", State.OK, sys.version.split()[0])
    locust = version("locust")
    if Version(locust) >= TESTED_LOCUST:
        yield Finding("locust", State.OK, locust)
    else:
        yield Finding("locust", State.FAILED, f"{locust} is too old", f"pip install 'locust>={TESTED_LOCUST}'")


def _configuration(config: Path | None, store: Path | None) -> Iterator[Finding]:
    try:
        configuration = load_configuration(config)
    except SoakwatchError as error:
        yield Finding("configuration", State.FAILED, str(error), "mend these keys; `soakwatch init` shows all of them")
        return
    yield Finding("configuration", State.OK, f"environment {configuration.environment!r}")
    path = store or configuration.store.path
    for check in (_store, _spool, _disk):
        yield from _guarded(check, path, configuration)


def _guarded(
    check: Callable[[Path, Configuration], Iterator[Finding]], path: Path, configuration: Configuration
) -> Iterator[Finding]:
    try:
        yield from check(path, configuration)
    except (SoakwatchError, OSError) as error:
        yield Finding(check.__name__.strip("_"), State.FAILED, str(error))


def _store(path: Path, _: Configuration) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("store", State.OK, f"{path} is not there yet; the first run makes it")
        return
    with SqliteStore.open(path) as store:
        store.write([])  # as much as taking the lock: a file that cannot be written says so here
        runs = store.runs()
    yield Finding("store", State.OK, f"{path} holds {len(runs)} runs")
    last = runs[-1].reconciled if runs else None
    if last is not None and (last.lost or last.unexplained or last.silent_sources):
        yield Finding("reconciliation", State.WARNING, f"run {runs[-1].id}: {last}", "see docs/reconciliation.md")
    elif last is not None:
        yield Finding("reconciliation", State.OK, f"run {runs[-1].id}: {last}")


def _spool(path: Path, _: Configuration) -> Iterator[Finding]:
    folder = Path(f"{path}.spool")
    files = sorted(folder.glob("*.spool")) if folder.is_dir() else []
    size = sum(file.stat().st_size for file in files)
    if size:
        message = f"{size:,} bytes in {folder} wait for the store"
        yield Finding(
            "spool", State.WARNING, message, "the next `soakwatch run` delivers them; a run may be on right now"
        )
    else:
        yield Finding("spool", State.OK, "nothing waits")
    dead = folder / "dead-letters.jsonl"
    if dead.exists():
        yield Finding(
            "dead letters",
            State.WARNING,
            f"{dead} holds windows that the store refused",
            "the log of the run that wrote it says why; delete it then",
        )


def _disk(path: Path, _: Configuration) -> Iterator[Finding]:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    state = State.OK if free > LITTLE_ROOM else State.WARNING
    yield Finding("disk", state, f"{free / 1e9:.1f} GB free at {folder}", "" if state is State.OK else "make room")
