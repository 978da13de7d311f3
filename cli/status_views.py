"""How the status looks on a terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from soakwatch.cli.incident_views import heading_of, standing_of, what_is_worst
from soakwatch.cli.moments import written_moment
from soakwatch.cli.soak_words import what_it_does
from soakwatch.cli.terminal import printable
from soakwatch.core.judgement import Judgement
from soakwatch.core.numbers import format_duration, format_value
from soakwatch.core.verdict import Decision, Severity
from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.scheduler.status import RunningTest, Status

_MOST_ENDPOINTS, _MOST_INCIDENTS = 12, 8
_LONGEST = 300

_OF_SEVERITY = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.NONE: "default"}
_OF_DECISION = {Decision.REGRESSED: "red", Decision.UNKNOWN: "yellow", Decision.IMPROVED: "green"}


def status_screen(status: Status) -> RenderableType:
    """All of it, in the order in which somebody who was woken would ask."""
    parts: list[RenderableType] = [
        *_heads(status),
        *_incidents(status),
        *_tests(status.tests, status.at),
        *_waiting(status),
    ]
    daemon = status.daemon
    if daemon is not None and daemon.soaks:
        parts.append(_soaks(daemon.soaks, status.at))
    if status.normal:
        parts.append(_normal(status.normal))
    if daemon is not None:
        parts.append(_jobs(daemon.jobs, status.at))
    return Group(*parts)


def _heads(status: Status) -> Iterator[Text]:
    yield _line(f"environment {status.environment}, {written_moment(status.at)}", "bold")
    daemon = status.daemon
    if daemon is None:
        last = max((one.at for one in status.daemons), default=None)
        heard = f"; one was heard of {_ago(last, status.at)}" if last is not None else ""
        yield _line(f"daemon    none is at work{heard}; `soakwatch watch` is one", "red")
    else:
        address = f", {daemon.address}" if daemon.address else ""
        yield _line(f"daemon    {daemon.holder}, for {format_duration(status.at - daemon.began)}{address}")
    for other in status.others:
        # one that was killed says to the last that it works
        standing = f"was at work, and was heard of {_ago(other.at, status.at)}" if other.leads else "waits"
        yield _line(f"          {other.holder} {standing}")
    judged = "has not looked yet" if status.judged is None else f"has looked up to {written_moment(status.judged)}"
    yield _line(f"detector  {judged}")
    for sentence in status.trouble:
        yield _line(f"trouble   {sentence}", "red")


def _incidents(status: Status) -> Iterator[Text]:
    incidents = status.incidents
    if not incidents:
        unknown = _line("wrong     not known before the detector has looked", "yellow")
        yield unknown if status.judged is None else _line("wrong     nothing", "green")
    for incident in incidents[:_MOST_INCIDENTS]:
        style, standing = _OF_SEVERITY[incident.severity], standing_of(incident, status.at)
        yield _line(f"wrong     {incident.fingerprint}  {standing}, {heading_of(incident)}", style)
        yield _line(f"          {what_is_worst(incident)}", style)
    if len(incidents) > _MOST_INCIDENTS:
        more = len(incidents) - _MOST_INCIDENTS
        yield _line(f"          and {more} more; `soakwatch incidents list` shows all", "red")


def _tests(tests: Sequence[RunningTest], now: float) -> Iterator[Text]:
    if not tests:
        yield _line("runs      nothing", "dim")
    for one in tests:
        rate = f"{one.per_second:,.1f} requests a second of {one.users:,} users"
        lasts = f"for {format_duration(now - one.run.start)}, last window {_ago(one.seen, now)}"
        yield _line(f"runs      {one.run.test} ({one.run.id}): {rate}, {lasts}")


def _waiting(status: Status) -> Iterator[Text]:
    waiting = status.waiting
    if not (waiting.size or waiting.requests or waiting.dropped):
        yield _line("spool     nothing waits", "green")
        return
    at_load_generators = f"{waiting.requests:,} requests wait at load generators, for {format_duration(waiting.lag)}"
    parts = [
        *([f"{waiting.size:,} bytes wait on this machine"] if waiting.size else []),
        *([at_load_generators] if waiting.requests else []),
        *([f"{waiting.dropped:,} requests were lost"] if waiting.dropped else []),
    ]
    yield _line(f"spool     {'; '.join(parts)}", "red" if waiting.dropped else "yellow")


def _soaks(soaks: Sequence[SoakState], now: float) -> Table:
    table = _table("soaks", "soak", "state", "since", "run", "restarts", "next", "trouble")
    for one in soaks:
        since = _ago(one.since, now) if one.since is not None else ""
        cells = (one.name, what_it_does(one), since, one.run, str(one.restarts), _in(one.due, now), one.trouble)
        table.add_row(*(printable(cell, _LONGEST) for cell in cells), style="red" if one.trouble else "default")
    return table


def _normal(judgements: Sequence[Judgement]) -> Table:
    more = len(judgements) - _MOST_ENDPOINTS
    table = _table(f"95th percentile{f', the worst {_MOST_ENDPOINTS} of {len(judgements):,}' if more > 0 else ''}")
    for heading in ("endpoint", "now", "normal", "between", "verdict"):
        table.add_column(heading, justify="left" if heading in {"endpoint", "verdict"} else "right", overflow="fold")
    for one in judgements[:_MOST_ENDPOINTS]:
        verdict = f"{one.decision}: {one.reason}" if one.reason else str(one.decision)
        band = f"{_value(one, one.band.low)} - {_value(one, one.band.high)}" if one.band else ""
        table.add_row(
            printable(str(one.series)),
            _value(one, one.current),
            _value(one, one.baseline),
            band,
            printable(verdict, _LONGEST),
            style=_OF_DECISION.get(one.decision, "default"),
        )
    return table


def _jobs(jobs: Sequence[JobState], now: float) -> Table:
    table = _table("jobs", "job", "rhythm", "last", "took", "next", "trouble")
    for one in jobs:
        last = f"under way for {format_duration(now - one.begun)}" if one.begun else _ago(one.ended, now)
        took = "" if one.took is None else f"{one.took:.2f} s"
        trouble = "gives no sign of life" if one.hangs else one.trouble
        cells = (one.name, one.rhythm, last, took, _in(one.due, now), trouble)
        table.add_row(*(printable(cell, _LONGEST) for cell in cells), style="default" if one.is_well else "red")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _value(judgement: Judgement, value: float | None) -> str:
    return "" if value is None else format_value(judgement.metric, value)


def _ago(moment: float | None, now: float) -> str:
    return "never" if moment is None else f"{format_duration(max(0.0, now - moment))} ago"


def _in(moment: float | None, now: float) -> str:
    if moment is None:
        return ""
    return f"in {format_duration(moment - now)}" if moment > now else "now"


def _line(text: str, style: str = "default") -> Text:
    line = printable(text, _LONGEST)
    line.stylize(style)
    return line
