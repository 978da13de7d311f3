"""`soakwatch watch`: the daemon that rolls up and detects, minute by minute."""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.incident_views import change_line, heading_of
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import notes, print_error, printable, results
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import SoakwatchError, UsageError

if TYPE_CHECKING:
    # scipy takes a second to load, and most commands do without
    from soakwatch.scheduler.detection_report import Change, DetectionReport
    from soakwatch.scheduler.tick import Ticker, TickReport


class _Stopped(Exception):
    """Somebody asked to stop in the middle of a tick."""


def watch(
    once: Annotated[bool, typer.Option("--once", help="Do one tick and end, with the exit codes of `detect`.")] = False,
    alive: Annotated[
        bool, typer.Option("--alive", help="Only say whether a daemon is at work on the ledger; 3 where none is.")
    ] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Roll up what arrives and look for regressions, each minute, until SIGINT or SIGTERM.

    Prints a line for each change of an incident; with --json, each line is a JSON document. What cannot be told, and
    why, is said on standard error at first and whenever that changes. With InfluxDB, what dashboards show is written
    there; with grafana.url and a token for it, runs, deploys and incidents become annotations in Grafana, too.

    All state is in the store and the ledger: restarted, it goes on where it was. Of several on one ledger one works,
    the others wait. What goes wrong in a tick is told, and the next one tries again; only wrong usage or configuration
    ends it.

    Examples:

        soakwatch watch

        soakwatch watch --store influxdb --json >> incidents.jsonl

        soakwatch watch --once

        soakwatch watch --alive || systemctl restart soakwatch
    """
    if alive:
        from soakwatch.cli.daemon_life import tell_whether_alive

        tell_whether_alive(with_store(load_configuration(config), store))
        return
    from soakwatch.cli.ticking import exit_code_of, opened_ticker, regressions
    from soakwatch.detector.timing import Timing
    from soakwatch.scheduler.detection import grace
    from soakwatch.scheduler.watch import Watch

    configuration = with_store(load_configuration(config), store)
    with opened_ticker(configuration) as ticker:
        watcher = _Watcher(ticker, _print_documents if json_ else _print_lines)
        if once:
            report = watcher.tick(lambda: False).detection
            for incident in regressions(report, time.time()):
                notes.print(printable(f"open: {incident.fingerprint}  {heading_of(incident)}"), soft_wrap=True)
            raise typer.Exit(exit_code_of(report, configuration, time.time()))
        timing = Timing.of(configuration.detector)
        notes.print(f"watching {configuration.store.address} every {timing.step:g} s", markup=False, soft_wrap=True)
        Watch(watcher.try_tick, timing.step, grace(timing)).run()
    notes.print("stopped; `soakwatch watch` goes on from here")


class _Watcher:
    """Ticks, and tells what came of it; a trouble that lasts is told once."""

    def __init__(self, ticker: "Ticker", tell: Callable[[Iterable["Change"]], None]) -> None:
        self._ticker = ticker
        self._tell = tell
        self._trouble = ""
        self._of_surfaces: Sequence[str] = ()
        self._untold: frozenset[str | float] | None = None

    def try_tick(self, stopping: Callable[[], bool]) -> None:
        """Do what is due; only wrong usage or configuration is raised."""
        try:
            self.tick(stopping)
        except _Stopped:
            return
        except UsageError:
            raise
        except SoakwatchError as error:
            self._tell_trouble(error)
        except Exception:  # noqa: BLE001  (whatever it is, the next tick may do without it)
            self._tell_trouble(
                RuntimeError(f"this is a defect of soakwatch, please report it: {traceback.format_exc()}")
            )
        else:
            if self._trouble:
                notes.print("all is well again")
            self._trouble = ""

    def tick(self, stopping: Callable[[], bool]) -> "TickReport":
        """Do what is due, and tell what changed."""
        from soakwatch.cli.detection_views import tell_first_look

        with progress_bar() as show:

            def progress(what: str, done: float, total: float) -> None:
                if stopping():
                    raise _Stopped
                show(what, done, total)

            report = self._ticker.tick(time.time(), progress, self._tell)
        tell_first_look(report.detection)
        self._tell_unknown(report.detection)
        for refused in report.roll_ups.refused:
            notes.print(refused, markup=False, soft_wrap=True, style="red")
        self._tell_surfaces(report.trouble)
        return report

    def _tell_unknown(self, report: "DetectionReport") -> None:
        """Say of how many series something cannot be told, when it is for other reasons than before."""
        from soakwatch.cli.detection_views import what_is_unknown

        untold = frozenset[str | float]([*report.unknown.values(), *sorted(report.learning.values())[-1:]])
        if untold == self._untold:
            return
        self._untold = untold
        for line in list(what_is_unknown(report)) or [f"nothing is unknown; {len(report.series):,} series are known"]:
            notes.print(line, markup=False, soft_wrap=True)

    def _tell_surfaces(self, trouble: Sequence[str]) -> None:
        """Say what went wrong with surfaces, where it is not what went wrong the last time."""
        for sentence in trouble:
            if sentence not in self._of_surfaces:
                notes.print(printable(sentence, longest=sys.maxsize), soft_wrap=True, style="red")
        if self._of_surfaces and not trouble:
            notes.print("dashboards and annotations are up to date again")
        self._of_surfaces = trouble

    def _tell_trouble(self, error: Exception) -> None:
        if str(error) != self._trouble:
            print_error(error)
        self._trouble = str(error)


def _print_lines(changes: Iterable["Change"]) -> None:
    for change in changes:
        results.print(change_line(change.incident, change.before, change.at), markup=False, soft_wrap=True)


def _print_documents(changes: Iterable["Change"]) -> None:
    from soakwatch.reporter.incidents_json import change_document

    for change in changes:
        document = change_document(change.at, change.before, change.incident)
        # one line each, also on a terminal
        results.out(json.dumps(document.model_dump(mode="json", by_alias=True)), highlight=False)
