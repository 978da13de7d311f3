"""`soakwatch grafana annotate`: runs, deploys and incidents as annotations in Grafana."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.grafana_publish import DryRunOption
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.terminal import notes, printable
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode

if TYPE_CHECKING:
    from soakwatch.scheduler.annotation_pass import AnnotationReport


def annotate(
    since: Annotated[str, typer.Option("--since", help="How far back to look, such as 12h, 7d or 4w.")] = "7d",
    again: Annotated[
        bool, typer.Option("--again", help="Write also those again that people have deleted in Grafana.")
    ] = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Write runs, deploys and confirmed incidents as annotations, for the team's own dashboards.

    Each is written once and kept up to date: an incident that goes on grows with each call, at most every ten minutes,
    and ends when it recovers. They are annotations of the organisation with the tags `soakwatch`, `run`, `deploy` or
    `incident`, `env:...` and `service:...`, by which any dashboard can show them. Texts that people changed are kept,
    and what they deleted is not written again.

    It needs grafana.url, and in SOAKWATCH_GRAFANA__TOKEN the token of a service account with the role Editor. Ends
    with 3 when Grafana, the store or the ledger could not be used.

    Examples:

        soakwatch grafana annotate --dry-run

        soakwatch grafana annotate --since 4w --json
    """
    from soakwatch.cli.grafana_connection import connected
    from soakwatch.cli.grafana_views import print_annotated, print_annotations
    from soakwatch.cli.moments import seconds_of
    from soakwatch.detector.maintenance import planned_by
    from soakwatch.grafana.annotation_shelf import AnnotationShelf
    from soakwatch.scheduler.annotation_pass import AnnotationPass
    from soakwatch.scheduler.fence import FencedLedger
    from soakwatch.store.ledger_opening import create_ledger

    configuration = with_store(load_configuration(config), store)
    back, now = seconds_of(since, "--since"), time.time()
    with (
        connected(configuration) as api,
        open_store(configuration, None) as opened,
        create_ledger(configuration) as ledger,
    ):
        one = AnnotationPass(
            opened, FencedLedger(ledger), AnnotationShelf(api), back, planned=planned_by(configuration)
        )
        if again and not dry_run:
            one.write_deleted_again()
        outlook = one.look(now)
        report = None if dry_run else one.carry_out(outlook, now)
    changes = outlook.changes if report is None else report.done
    if json_:
        print_annotated(api.where.url, changes, report)
    else:
        print_annotations(changes, is_done=report is not None)
    _tell(report, len(changes))


def _tell(report: "AnnotationReport | None", changes: int) -> None:
    if report is None:
        notes.print(f"a dry run, nothing was written; changes to make: {changes}", markup=False)
        return
    for trouble in report.trouble:
        notes.print(printable(trouble, longest=sys.maxsize), style="red", soft_wrap=True)
    left = f"; left to the next time: {report.left}" if report.left else ""
    notes.print(f"annotations written: {report.made}, changed: {report.changed}{left}", markup=False)
    if report.trouble:
        raise typer.Exit(ExitCode.UNREACHABLE)
