"""`soakwatch metrics`: files of one run, to be compared with baselines."""

import typer

from soakwatch.cli.extracting import DryRunOption, FilesArgument, ForceOption, Output, finish, split_files
from soakwatch.cli.options import ConfigOption, JsonOption
from soakwatch.cli.unknown_services import tell_unknown_services
from soakwatch.collector.locust_files import read_named_runs
from soakwatch.core.configuration_file import load_configuration
from soakwatch.store.run_combination import combine_runs
from soakwatch.store.summary_files import MadeFrom, SummaryKind, render_metrics

metrics_app = typer.Typer(no_args_is_help=True, help="Make a metrics file of a run.")


@metrics_app.callback()
def _metrics() -> None:
    # without a callback typer would take the only command for the whole group
    pass


@metrics_app.command()
def extract(
    files: FilesArgument,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    json_: JsonOption = False,
) -> None:
    """Make a metrics file of one run of what Locust wrote.

    Several runs are taken as one when they have no endpoint in common, as three Locusts that load three services.

    Examples:

        soakwatch metrics extract nightly_stats.csv nightly_failures.csv metrics.json

        soakwatch compare performance-baselines-v2.json metrics.json
    """
    inputs, path = split_files(files)
    output = Output(path, SummaryKind.METRICS, dry_run, force)
    output.require_free()
    run = combine_runs(read_named_runs(inputs, load_configuration(config)))
    finish(output, [run], render_metrics(run, [MadeFrom.of(file) for file in inputs]), json_=json_)
    tell_unknown_services(run.endpoints)
