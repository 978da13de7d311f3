"""`soakwatch watch`: the daemon that a team leaves running."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.incident_views import change_line, heading_of
from soakwatch.cli.issue_sync import ApplyOption
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import notes, print_error, print_json_line, printable, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import SoakwatchError

if TYPE_CHECKING:
    # scipy takes a second to load, and most commands do without
    from soakwatch.scheduler.detection_report import Change, DetectionReport
    from soakwatch.scheduler.job import Job, Stopping
    from soakwatch.scheduler.tenure import Tenure
    from soakwatch.scheduler.tick import Ticker


def watch(
    once: Annotated[
        bool, typer.Option("--once", help="Do all once and end, with the exit codes of `detect`; runs no soak.")
    ] = False,
    alive: Annotated[
        bool, typer.Option("--alive", help="Only say whether a daemon is at work on the ledger; 3 where none is.")
    ] = False,
    apply: ApplyOption = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Watch for regressions and keep what shows them up to date, until SIGINT or SIGTERM.

    Each minute it rolls up what has arrived, and looks for regressions. It keeps annotations in Grafana, where
    grafana.url and a token say which, and issues on GitHub, where github.repository says in which repository: with
    --apply it writes them, otherwise it only tells what it would write. It asks services under [[deploy]] for their
    versions, delivers what ended load tests left in the spool of this machine, and forgets what has expired. [schedule]
    says how often.

    Prints a line for each change of an incident; with --json, each line is a JSON document. What goes wrong is told on
    standard error, once, and tried again: no job keeps another from going on. `soakwatch status` shows how all are.

    All state is in the store and the ledger: restarted, or killed, it goes on where it was. Of several on one ledger
    one works; when it ends, or is not heard of for a minute, another one does. Asked to stop, it finishes what is under
    way within ten seconds, and ends with 0.

    Examples:

        soakwatch watch

        soakwatch watch --apply --store influxdb --json >> incidents.jsonl

        soakwatch watch --once

        soakwatch watch --alive || systemctl restart soakwatch
    """
    configuration = with_store(load_configuration(config), store)
    if alive:
        from soakwatch.cli.daemon_life import tell_whether_alive

        tell_whether_alive(configuration)
        return
    from soakwatch.cli.daemon import do_until_stopped
    from soakwatch.cli.daemon_jobs import DaemonJobs
    from soakwatch.cli.ticking import tenure_of
    from soakwatch.store.ledger_opening import create_ledger

    watcher = _Watcher(_print_documents if json_ else _print_lines)
    with create_ledger(configuration) as ledger, ExitStack() as opened:
        tenure = tenure_of(configuration, ledger)
        jobs = DaemonJobs(configuration, ledger, tenure, opened).all(watcher.tick, applies=apply)
        if once:
            _do_once(jobs, tenure)
        else:
            do_until_stopped(jobs, configuration, config, ledger, tenure, lambda: watcher.last)
    if once and watcher.last is not None:
        raise typer.Exit(_told_at_the_end(watcher.last, configuration))
    notes.print("stopped; `soakwatch watch` goes on from here")


def _do_once(jobs: "Sequence[Job]", tenure: "Tenure") -> None:
    """One round of each job in turn. What goes wrong with others than the first is told."""
    detection, *others = jobs
    with tenure.beating():
        tenure.take()
        detection.work(time.time(), lambda: False)
        for job in others:
            try:
                trouble = job.work(time.time(), lambda: False)
            except SoakwatchError as error:
                print_error(error)
            else:
                for sentence in trouble:
                    _say(sentence)


def _told_at_the_end(report: "DetectionReport", configuration: Configuration) -> int:
    from soakwatch.cli.ticking import exit_code_of, regressions

    now = time.time()
    for incident in regressions(report, now):
        notes.print(printable(f"open: {incident.fingerprint}  {heading_of(incident)}"), soft_wrap=True)
    return exit_code_of(report, configuration, now)


class _Watcher:
    """Ticks, and tells what came of it."""

    def __init__(self, tell: Callable[[Iterable["Change"]], None]) -> None:
        self.last: DetectionReport | None = None
        self._tell = tell
        self._untold: frozenset[str | float] | None = None

    def tick(self, ticker: "Ticker", now: float, stopping: "Stopping") -> Sequence[str]:
        """Do what is due at `now`, tell what changed, and give what went wrong. Raises StoreUnavailable, Stopped."""
        from soakwatch.cli.detection_views import tell_first_look
        from soakwatch.scheduler.job import Stopped

        with progress_bar() as show:

            def progress(what: str, done: float, total: float) -> None:
                if stopping():
                    raise Stopped
                show(what, done, total)

            report = ticker.tick(now, progress, self._tell)
        self.last = report.detection
        tell_first_look(report.detection)
        self._tell_unknown(report.detection)
        return [*report.roll_ups.refused, *report.trouble]

    def _tell_unknown(self, report: "DetectionReport") -> None:
        """Say of how many series something cannot be told, when it is for other reasons than before."""
        from soakwatch.cli.detection_views import what_is_unknown

        untold = frozenset[str | float]([*report.unknown.values(), *sorted(report.learning.values())[-1:]])
        if untold == self._untold:
            return
        self._untold = untold
        for line in list(what_is_unknown(report)) or [f"nothing is unknown; {len(report.series):,} series are known"]:
            notes.print(line, markup=False, soft_wrap=True)


def _say(sentence: str) -> None:
    notes.print(printable(sentence, longest=sys.maxsize), soft_wrap=True, style="red")


def _print_lines(changes: Iterable["Change"]) -> None:
    for change in changes:
        results.print(change_line(change.incident, change.before, change.at), markup=False, soft_wrap=True)


def _print_documents(changes: Iterable["Change"]) -> None:
    from soakwatch.reporter.incidents_json import change_document

    for change in changes:
        document = change_document(change.at, change.before, change.incident)
        print_json_line(document.model_dump(mode="json", by_alias=True))
