"""`soakwatch mute`: maintenance that somebody asks for, so that what happens meanwhile is no incident."""

import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from soakwatch.cli.incidents import ByOption, WhyOption, given_reason, user_name
from soakwatch.cli.moments import moment_of, seconds_of, written_minute, written_moment
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.terminal import notes, print_json, printable, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.mute import Mute
from soakwatch.core.numbers import format_duration
from soakwatch.core.span import Span

if TYPE_CHECKING:
    # SQLAlchemy takes a third of a second to load, and most commands do without
    from soakwatch.store.ledger import Ledger

_LONGEST = 366 * 86_400.0
"""Seconds of a mute: what is never to be looked at should not be measured."""

_MOST_NAMED = 8

mute_app = typer.Typer(invoke_without_command=True)


@mute_app.callback()
def mute(
    asked: typer.Context,
    service: Annotated[
        str, typer.Option("--service", "-S", help="Pattern for the service; * is all.", show_default=False)
    ] = "",
    for_: Annotated[
        str | None, typer.Option("--for", help="For how long: 30m, 12h, 7d or 2w.", show_default=False)
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Up to when: ISO 8601, in UTC unless it says otherwise.", show_default=False),
    ] = None,
    why: WhyOption = "",
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="From when on, also a while ago: ISO 8601, in UTC [default: now].", show_default=False
        ),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment", "-e", help="Pattern for the environment [default: the configured one].", show_default=False
        ),
    ] = None,
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Mute services for a while: what happens to them is no incident, as in a window of `[[maintenance]]`.

    Nothing opens meanwhile, what is open stays as it is, and the baseline learns nothing. It ends by itself, and shows
    in issues, in Grafana and in `incidents show`. What still goes on then is found as usual. It is kept in the ledger,
    so it holds for the daemon, wherever that runs.

    Examples:

        soakwatch mute --service rag_service --for 2h --why "index is rebuilt"

        soakwatch mute --service "rag_*" --until 2026-12-01T08:00:00+01:00 --why "new hosts" --environment perf

        soakwatch mute --service cart --from 2026-11-23T02:00:00Z --for 3h --why "a migration that began unannounced"

        soakwatch mute list

        soakwatch mute end 3f9a
    """
    if asked.invoked_subcommand is not None:
        _require_nothing_before(asked, asked.invoked_subcommand)
        return
    service = service.strip()
    if not service:
        raise UsageError("which service? name it with --service, as in --service 'rag_*'; --service '*' is all")
    reason, configuration, now = given_reason(why), with_store(load_configuration(config), store), time.time()
    span = _span(from_, for_, until, now, configuration)
    wanted = Mute("", environment or configuration.environment, service, span, reason, by or user_name(), now)
    kept = _kept(wanted, configuration)
    if json_:
        _print_documents([kept])
    else:
        notes.print(printable(f"muted {_sentence(kept)}", 400), soft_wrap=True)
        _tell_if_nothing_is_meant(kept, configuration)


@mute_app.command("list")
def list_mutes(
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also those that are over.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """List what is muted, and what will be, by its beginning.

    Example:

        soakwatch mute list --all --json
    """
    from soakwatch.scheduler.mute_book import known_mutes

    now = time.time()
    with _ledger(with_store(load_configuration(config), store)) as ledger:
        mutes = [one for one in known_mutes(ledger) if all_ or not one.is_over(now)]
    if json_:
        _print_documents(mutes)
    elif mutes:
        results.print(_table(mutes, now))
    else:
        results.print("nothing was ever muted" if all_ else "nothing is muted; --all lists what was")


@mute_app.command("end")
def end(
    mute_id: Annotated[
        str, typer.Argument(metavar="ID", help="The mute: its id, or a beginning of it.", show_default=False)
    ],
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """End a mute now; one that has not begun is forgotten.

    Example:

        soakwatch mute end 3f9a
    """
    from soakwatch.scheduler.mute_book import end_mute, known_mutes

    now = time.time()
    with _ledger(with_store(load_configuration(config), store)) as ledger, ledger.transaction() as work:
        ended = end_mute(work, mute_id, now)
        others = [one for one in known_mutes(work) if _still_mutes(one, ended, now)]
    if json_:
        _print_documents([ended])
    else:
        still = [f"{one.id} still mutes {one.service} until {written_moment(one.span.end)}" for one in others]
        after = "; ".join(still) or f"{ended.service} is watched again"
        notes.print(printable(f"ended {ended.id}: {after}", 400), soft_wrap=True)


def _require_nothing_before(asked: typer.Context, command: str) -> None:
    """Raise UsageError for options before `list` and `end`, which have their own: another ledger would be meant."""
    sources = {one: asked.get_parameter_source(one) for one in asked.params}
    given = [one for one, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        names = ", ".join(sorted(f"--{one.strip('_').replace('_', '-')}" for one in given))
        raise UsageError(f"{names} before `{command}` would count for nothing; write options behind it")


def _still_mutes(other: Mute, ended: Mute, now: float) -> bool:
    """Whether `other` is under way, and about something that `ended` was about, as far as patterns can tell."""
    if other.id == ended.id or not other.span.start <= now < other.span.end:
        return False
    pairs = ((other.environment, ended.environment), (other.service, ended.service))
    return all(fnmatchcase(one, two) or fnmatchcase(two, one) for one, two in pairs)


def _span(from_: str | None, for_: str | None, until: str | None, now: float, configuration: Configuration) -> Span:
    """From when to when. Raises UsageError."""
    start = now if from_ is None else _begin(from_, now, configuration)
    if for_ is not None and until is None:
        stop = start + seconds_of(for_, "--for")
    elif until is not None and for_ is None:
        stop = moment_of(until, "--until")
    else:
        raise UsageError("a mute needs an end: give either --for, as in --for 2h, or --until")
    if stop <= now:
        raise UsageError(f"it would end at {written_moment(stop)}, which has passed; give a later end")
    if stop <= start:
        raise UsageError(f"it would end at {written_moment(stop)}, before it begins at {written_moment(start)}")
    if stop - start > _LONGEST:
        raise UsageError("a mute lasts a year at most; what is never to be judged should not be measured")
    return Span(start, stop)


def _begin(text: str, now: float, configuration: Configuration) -> float:
    """When it begins: not longer ago than the detector can think again."""
    from soakwatch.detector.memory import STEPS
    from soakwatch.detector.timing import Timing

    remembered = STEPS * Timing.of(configuration.detector).step
    seconds = moment_of(text, "--from")
    if seconds < now - remembered:
        raise UsageError(
            f"--from: {text!r} is too long ago: the detector thinks again of the last {format_duration(remembered)}, "
            f"so from {written_moment(now - remembered)} on; `soakwatch incidents ignore` is for what it found before"
        )
    return seconds


def _kept(wanted: Mute, configuration: Configuration) -> Mute:
    from soakwatch.scheduler.mute_book import note_mute
    from soakwatch.store.ledger_opening import create_ledger

    with create_ledger(configuration) as ledger, ledger.transaction() as work:
        return note_mute(work, wanted)


def _tell_if_nothing_is_meant(mute: Mute, configuration: Configuration) -> None:
    """Say that no service that is known is called so: whoever misspelt one would be woken all the same."""
    from soakwatch.scheduler.engine_memory import known_places

    with _ledger(configuration) as ledger:
        places = known_places(ledger, configuration.detector)
    if not places or any(mute.maintenance.concerns(*place) for place in places):
        return
    named = sorted(f"{service} in {environment}" for environment, service in places)
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    known = f"no service that is known is meant by that; there are {', '.join(named[:_MOST_NAMED])}{more}"
    notes.print(printable(known, 400), soft_wrap=True, style="yellow")


def _ledger(configuration: Configuration) -> "Ledger":
    from soakwatch.store.ledger_opening import open_ledger

    return open_ledger(configuration)


def _print_documents(mutes: Iterable[Mute]) -> None:
    from soakwatch.reporter.mutes_json import mutes_document

    print_json(mutes_document(mutes).model_dump(mode="json", by_alias=True))


def _sentence(mute: Mute) -> str:
    whose = "all services" if mute.service == "*" else mute.service
    begins = "" if mute.span.start <= mute.asked else f" from {written_moment(mute.span.start)}"
    return f"{whose} in {mute.environment}{begins} until {written_moment(mute.span.end)}; `mute end {mute.id}` ends it"


def _table(mutes: Iterable[Mute], now: float) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("id", "from (UTC)", "until (UTC)"):
        table.add_column(heading, no_wrap=True)
    for heading in ("environment", "service", "by", "why"):
        table.add_column(heading, overflow="fold")
    for one in mutes:
        style = "dim" if one.is_over(now) else "default"
        names = (one.environment, one.service, one.by, one.why)
        moments = (written_minute(one.span.start), written_minute(one.span.end))
        table.add_row(one.id, *moments, *map(printable, names), style=style)
    return table
