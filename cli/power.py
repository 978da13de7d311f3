"""`soakwatch power`: what this soak can find, endpoint by endpoint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import print_json
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.series import Series

if TYPE_CHECKING:
    # scipy takes a second to load, and most commands do without
    from soakwatch.cli.progress_bar import Show
    from soakwatch.detector.power import EndpointPower
    from soakwatch.scheduler.power_reading import PowerReading

_MOST_NAMED = 8


def power(
    service: Annotated[str | None, typer.Option(help="Only endpoints of this service.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Only endpoints whose method and name have this in them, as 'POST /query'.")
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Tell what this soak can find: the smallest slowdown and error rate, within an hour and within a day.

    For each endpoint, from its own history, as `watch` or `detect` have learnt it: what would be confirmed in 80 of 100
    cases, and what twice the load would buy. An endpoint takes about half a second. Nothing is written. Ends with
    0, whatever it tells, and with 2 where nothing was learnt yet.

    Examples:

        soakwatch power

        soakwatch power --service rag_service --endpoint "POST /query" --json
    """
    from soakwatch.cli.power_document import power_document
    from soakwatch.cli.power_views import print_powers
    from soakwatch.scheduler.power_reading import read_power
    from soakwatch.store.ledger_opening import open_ledger

    configuration = with_store(load_configuration(config), store)
    with (
        progress_bar() as show,
        open_store(configuration, None) as opened,
        open_ledger(configuration) as ledger,
    ):
        reading = read_power(
            opened,
            ledger,
            configuration,
            lambda known: _chosen(known, service, endpoint),
            lambda done, total: show("reading the last day", done, total),
        )
        powers = _told(reading, show)
    if json_:
        print_json(power_document(powers, reading.until).model_dump(mode="json", by_alias=True))
    else:
        print_powers(powers, reading.until)


def _told(reading: "PowerReading", show: "Show") -> "list[EndpointPower]":
    powers = []
    for number, series in enumerate(reading.series):
        show(f"trying faults on {series}", number, len(reading.series))
        powers.append(reading.study.of(series))
    return powers


def _chosen(known: Sequence[Series], service: str | None, endpoint: str | None) -> list[Series]:
    """Those that were asked for, in the order of their names. Raises UsageError where there are none."""
    part = " ".join((endpoint or "").split()).lower()
    chosen = [
        one
        for one in known
        if (service is None or one.service == service) and part in f"{one.method} {one.endpoint}".lower()
    ]
    if chosen:
        return sorted(chosen)
    names = ", ".join(map(str, sorted(known)[:_MOST_NAMED]))
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    raise UsageError(f"no endpoint is like that; there are {names}{more}")
