"""`soakwatch detect`: one pass over what has arrived."""

import time

import typer

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import notes, print_json
from soakwatch.core.configuration_file import load_configuration

_INTERRUPTED = 130


def detect(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """Look once for regressions in what has arrived since the last time, as `watch` does each minute.

    Rolls up first. The first time it learns from the history that is there, and judges its last hour only.

    Ends with 0 when all is fine, 1 when an incident is confirmed and open, 3 when the store cannot be used, another
    process is at work on it, or the clock contradicts the ledger, 4 when something of a series under [[require]] cannot
    be told (yet).

    Examples:

        soakwatch detect

        soakwatch detect --store influxdb --json
    """
    # scipy takes a second to load, and most commands do without
    from soakwatch.cli.detection_views import detection_document, print_detection
    from soakwatch.cli.ticking import exit_code_of, opened_ticker, undecided

    configuration = with_store(load_configuration(config), store)
    now = time.time()
    try:
        with progress_bar() as progress, opened_ticker(configuration) as ticker:
            report = ticker.tick(now, progress).detection
            ticker.roll_ups.expire(now)
    except KeyboardInterrupt:
        notes.print("interrupted; `soakwatch detect` goes on from here", markup=False, style="yellow")
        raise typer.Exit(_INTERRUPTED) from None
    sentences = undecided(report, configuration)
    if json_:
        print_json(detection_document(report, sentences))
    else:
        print_detection(report, sentences, now)
    raise typer.Exit(exit_code_of(report, configuration, now))
