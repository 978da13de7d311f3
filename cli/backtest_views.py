"""How a backtest looks on a terminal."""

from collections.abc import Iterable, Iterator

from rich import box
from rich.table import Table

from soakwatch.cli.incident_views import heading_of, what_is_worst
from soakwatch.cli.moments import written_minute
from soakwatch.cli.terminal import printable, results
from soakwatch.core.incident import State
from soakwatch.core.numbers import NOTHING, format_duration
from soakwatch.core.truth import EventKind
from soakwatch.detector.backtest import Replay
from soakwatch.detector.backtest_score import Group, Outcome, Score
from soakwatch.detector.delays import Delays
from soakwatch.detector.story import Story

_LONG = 400


def print_backtest(replay: Replay, score: Score | None) -> None:
    """What would have been told, how often, and, where the truth is known, how right it was."""
    for story in replay.confirmed:
        _print_story(story, score)
    for line in _summary(replay):
        results.print(line, markup=False, soft_wrap=True)
    if score is not None:
        _print_score(score)


def _summary(replay: Replay) -> Iterator[str]:
    days = 7 * replay.weeks
    if replay.weeks <= 0:
        yield (
            f"what is stored of {len(replay.series):,} series is too little to judge anything: all of it is learning, "
            f"which takes {format_duration(replay.timing.learning * replay.timing.step)}"
        )
        return
    judged = f"{written_minute(replay.judged.start)} to {written_minute(replay.judged.end)} UTC"
    yield f"judged {days:.1f} days of {len(replay.series):,} series, {judged}; what was before is learning"
    told, suspects = len(replay.confirmed), len(replay.stories) - len(replay.confirmed)
    yield (
        f"{told:,} {'incident' if told == 1 else 'incidents'} ({told / replay.weeks:.2f} a week), "
        f"{suspects:,} suspects that came to nothing; unknown {replay.unknown:.1%}"
    )


def _print_story(story: Story, score: Score | None) -> None:
    """As it was told when it was confirmed; three lines, which also fit on a narrow terminal."""
    told, last = story.confirmed or story.last, story.last
    truth = "" if score is None else f" [{_truth_of(story, score)}]"
    over = f"over {written_minute(last.resolved)}" if last.state is State.RESOLVED and last.resolved else "still open"
    confirmed = "" if told.confirmed is None else f"confirmed {written_minute(told.confirmed)}, "
    head = f"{last.fingerprint}  {heading_of(told)}{truth}"
    for line in (head, f"    {what_is_worst(told)}", f"    {confirmed}{over}"):
        results.print(printable(line, _LONG), soft_wrap=True)


def _truth_of(story: Story, score: Score) -> str:
    if story in score.false:
        return "false"
    if story in score.repeated:
        return "told again"
    outcome = next(one for one in score.outcomes if one.story is story or one.story == story)
    return _event(outcome)


def _event(outcome: Outcome) -> str:
    return f"{outcome.event.kind} {_size(outcome.event.kind, outcome.event.size)}"


def _print_score(score: Score) -> None:
    if score.groups:
        results.print(_group_table(score.groups))
    results.print(
        f"precision {_share(score.precision)}, recall {_share(score.recall)}; "
        f"{len(score.repeated)} told again when they were over, {len(score.false)} false incidents, "
        f"{_number(score.false_per_week)} a week, {_number(score.false_per_series_month)} a month for each series",
        markup=False,
        soft_wrap=True,
    )
    for outcome in score.outcomes:
        if outcome.confirmed is None:
            names = ", ".join(map(str, outcome.event.series[:3]))
            moment = written_minute(outcome.event.span.start)
            results.print(printable(f"not found: {_event(outcome)} of {names} at {moment}", _LONG), soft_wrap=True)


def _group_table(groups: Iterable[Group]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("event")
    for heading in (
        *("found", "suspected after", "confirmed after (median)", "(90 %)"),
        *("onset within its interval", "interval's width", "effect within its interval"),
    ):
        table.add_column(heading, justify="right", overflow="fold")
    for group in groups:
        table.add_row(
            f"{group.kind} {_size(group.kind, group.size)}",
            f"{group.confirmed.happened} of {len(group.outcomes)}",
            _delay(group.suspected, 0.5),
            _delay(group.confirmed, 0.5),
            _delay(group.confirmed, 0.9),
            _share(group.onset_coverage),
            _delay(group.onset_widths, 0.5),
            _share(group.effect_coverage),
        )
    return table


def _size(kind: EventKind, size: float) -> str:
    if not size:
        return ""
    return f"{size:.1%}" if kind is EventKind.ERRORS else f"{size:+.0%}"


def _delay(delays: Delays, share: float) -> str:
    seconds = delays.quantile(share)
    return NOTHING if seconds is None else format_duration(max(seconds, 0.0))


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.0%}"


def _number(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.2f}"
