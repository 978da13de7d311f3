"""`soakwatch incidents`: regressions over time, why they were called so, and what people decide about them."""

import time
from dataclasses import replace
from getpass import getuser
from typing import Annotated

import typer

from soakwatch.cli.incident_views import print_incident, print_incidents
from soakwatch.cli.moments import moment_to_come, seconds_of, written_moment
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.terminal import notes, print_json, printable, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind
from soakwatch.detector.incidents import accepted
from soakwatch.detector.maintenance import MaintenanceCalendar, maintained, maintenance_of, planned_by
from soakwatch.detector.timing import BLOCK, Timing
from soakwatch.store.ledger import Ledger, LedgerReading

incidents_app = typer.Typer(
    no_args_is_help=True, help="List incidents, show why one fired, and decide what is to be done about it."
)

FingerprintArgument = Annotated[
    str, typer.Argument(help="The incident: its fingerprint, or a beginning that no other has.", show_default=False)
]
WhyOption = Annotated[str, typer.Option("--why", "-w", help="The reason, for those who look later.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decides [default: the user's name].", show_default=False)]

_MOST_NAMED = 5


@incidents_app.command("list")
def list_incidents(
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also those that are resolved, or were none.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """List the incidents that are open, oldest first.

    Ends with 0, also where there are some; `detect` is what tells a shell.

    Examples:

        soakwatch incidents list

        soakwatch incidents list --all --json
    """
    configuration, now = with_store(load_configuration(config), store), time.time()
    with _opened(configuration) as ledger:
        incidents = ledger.incidents() if all_ else [one for one in ledger.incidents() if one.is_open]
        calendar = _calendar(configuration, ledger)
    if json_:
        _print_documents(incidents, calendar, now)
    elif incidents:
        print_incidents(incidents, now)
    else:
        results.print("no incidents" if all_ else "no open incidents; --all lists those that are over")


@incidents_app.command("show")
def show_incident(
    fingerprint: FingerprintArgument, config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False
) -> None:
    """Show everything about one incident: since when, after which deploy, what each method of the detector said.

    Examples:

        soakwatch incidents show 3f9a

        soakwatch incidents show 3f9a2c10b7de --json
    """
    configuration, now = with_store(load_configuration(config), store), time.time()
    with _opened(configuration) as ledger:
        incident = find_incident(ledger, fingerprint)
        rulings, calendar = ledger.rulings(incident.fingerprint), _calendar(configuration, ledger)
    if json_:
        _print_documents([incident], calendar, now)
    else:
        print_incident(incident, rulings, now, maintenance_of(incident, calendar, now))


@incidents_app.command("accept")
def accept(
    fingerprint: FingerprintArgument,
    why: WhyOption,
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Accept an incident: the new level is what is normal, from the onset on.

    From the next tick of `watch` on it is resolved, and its series learn their baseline anew from its onset. Silence
    ("no data") has no level, and can only be ignored.

    Example:

        soakwatch incidents accept 3f9a --why "the new index is slower, and worth it"
    """
    ruling = Ruling(RulingKind.ACCEPT, time.time(), given_reason(why), by or user_name())
    configuration = with_store(load_configuration(config), store)
    with _opened(configuration) as ledger:
        incident, calendar = _rule(ledger, fingerprint, ruling), _calendar(configuration, ledger)
    if json_:
        _print_documents([incident], calendar, ruling.at)
    else:
        begins = written_moment(_begin_of_level(incident, Timing.of(configuration.detector)))
        notes.print(f"accepted {incident.fingerprint}: its level is the baseline from {begins} on", markup=False)


@incidents_app.command("ignore")
def ignore(
    fingerprint: FingerprintArgument,
    why: WhyOption,
    for_: Annotated[
        str | None, typer.Option("--for", help="For how long: 30m, 12h, 7d or 2w.", show_default=False)
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Up to when: ISO 8601, in UTC unless it says otherwise.", show_default=False),
    ] = None,
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Ignore an incident for a while: it stays, but is silent. What it measures does not become the baseline.

    Examples:

        soakwatch incidents ignore 3f9a --why "known, fixed in 2.5" --for 7d

        soakwatch incidents ignore 3f9a --why "until the new hosts are there" --until 2026-12-01T08:00:00Z
    """
    now = time.time()
    ruling = Ruling(RulingKind.IGNORE, now, given_reason(why), by or user_name(), _end_of_silence(for_, until, now))
    configuration = with_store(load_configuration(config), store)
    with _opened(configuration) as ledger:
        incident, calendar = _rule(ledger, fingerprint, ruling), _calendar(configuration, ledger)
    if json_:
        _print_documents([incident], calendar, now)
    else:
        notes.print(f"ignored {incident.fingerprint} until {written_moment(ruling.until or now)}", markup=False)


def _end_of_silence(for_: str | None, until: str | None, now: float) -> float:
    if for_ is not None and until is None:
        return now + seconds_of(for_, "--for")
    if until is not None and for_ is None:
        return moment_to_come(until, "--until", now)
    raise UsageError("silence needs an end: give either --for, as in --for 7d, or --until")


def _begin_of_level(incident: Incident, timing: Timing) -> float:
    """From when on what is measured is the baseline of all that it is about, in seconds since the epoch."""
    return timing.block_after(max(accepted([incident]).values())) * BLOCK * timing.step


def _opened(configuration: Configuration) -> Ledger:
    # SQLAlchemy takes a third of a second to load, and most commands do without
    from soakwatch.store.ledger_opening import open_ledger

    return open_ledger(configuration)


def _calendar(configuration: Configuration, ledger: LedgerReading) -> MaintenanceCalendar:
    """What is planned, and what people have muted."""
    from soakwatch.scheduler.mute_book import known_mutes

    return planned_by(configuration).with_mutes(known_mutes(ledger))


def _rule(ledger: Ledger, fingerprint: str, ruling: Ruling) -> Incident:
    with ledger.transaction() as work:
        incident = find_incident(work, fingerprint)
        if not incident.is_open:
            raise UsageError(f"incident {incident.fingerprint} is over; there is nothing left to decide")
        if ruling.kind is RulingKind.ACCEPT and incident.kind is Kind.NO_DATA:
            raise UsageError("silence has no level that could be accepted; use `soakwatch incidents ignore`")
        work.rule(incident.fingerprint, ruling)
    return replace(incident, ruling=ruling)


def find_incident(ledger: LedgerReading, fingerprint: str) -> Incident:
    """The one whose fingerprint begins so. Raises UsageError when there is none, or more than one."""
    if not fingerprint.strip():
        raise UsageError("an incident is named by its fingerprint; `soakwatch incidents list` shows them")
    found = ledger.incidents_named(fingerprint.strip().lower())
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} incidents begin with {fingerprint!r}: {_names(found)}; write more of it")
    known = [one for one in ledger.incidents() if one.is_open]
    there = f"open ones are {_names(known)}" if known else "none is open; `soakwatch incidents list --all` lists all"
    raise UsageError(f"there is no incident {fingerprint!r}; {there}")


def _names(incidents: list[Incident]) -> str:
    newest = [str(printable(f"{one.fingerprint} ({one.service})")) for one in reversed(incidents[-_MOST_NAMED:])]
    more = f" and {len(incidents) - len(newest)} more" if len(incidents) > len(newest) else ""
    return ", ".join(newest) + more


def given_reason(why: str) -> str:
    """What was given with --why. Raises UsageError for nothing."""
    if not why.strip():
        raise UsageError("--why: give a reason; somebody will ask for it")
    return why.strip()


def user_name() -> str:
    """Who asks; "" where nobody knows."""
    try:
        return getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""


def _print_documents(incidents: list[Incident], calendar: MaintenanceCalendar, now: float) -> None:
    from soakwatch.reporter.incidents_json import incidents_document

    document = incidents_document(incidents, maintained(incidents, calendar, now))
    print_json(document.model_dump(mode="json", by_alias=True))
