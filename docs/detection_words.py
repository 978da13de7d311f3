"""Words: what happened in each picture of docs/detection.md, in numbers that come out of it."""

from collections.abc import Iterable

from detection_past import Past

from soakwatch.core.incident import Finding, Incident, State
from soakwatch.core.numbers import format_duration, format_effect, format_value
from soakwatch.core.verdict import Metric
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.detector.story import Story

_MUCH = 1.5


def of_a_quiet_week(past: Past) -> str:
    """How much happened that was nothing."""
    slow = past.values > _MUCH * past.normal
    suspicions = len(past.stories) - len(past.confirmed)
    return (
        f"In {int(slow.sum())} of these {slow.size:,} minutes p95 was at least half as long again as normal, in up to "
        f"{_longest(slow)} of them in a row. The detector made {_many(len(past.confirmed), 'incident')} of that, "
        f"and had {_many(suspicions, 'suspicion')} that came to nothing."
    )


def of_a_step(past: Past) -> str:
    """How a step was found, and how it ended."""
    (event,) = past.plan.events
    story, told = _first(past)
    began, end, finding = past.began(event), past.plan.start + event.end, past.finding(told)
    onset = f"between {_clock(past, told.onset.start)} and {_clock(past, told.onset.end)}"
    deploy = f"after deploy {told.deploy_before.version}" if told.deploy_before else "after no deploy"
    return (
        f"From {_clock(past, began)} on, all requests took {_percent(event.size)} longer, after a deploy. Suspected "
        f"after {_after(began, told.suspected)}, confirmed after {_after(began, told.confirmed)}. What was said then: "
        f'it began {onset}, {deploy}; p95 {_change(finding)}, because "{_why(finding)}". Rolled back on '
        f"{_clock(past, end)}; {_ends(story, end)}."
    )


def of_a_creep(past: Past) -> str:
    """When a creep was found, and how fast it was said to be."""
    (event,) = past.plan.events
    story, told = _first(past)
    began = past.began(event)
    rates = [one.per_day for one in (*story.last.findings, *told.findings) if one.per_day is not None]
    rate = f"by {format_effect(Metric.P50, rates[0])} a day" if rates else "at once"
    called = f"{_days(began, story.crept)} days after it had begun" if story.crept is not None else "never"
    more = len(past.confirmed) - 1
    again = f" {_many(more, 'more incident')} followed while it went on." if more else ""
    return (
        f"From {_clock(past, began)} on, all requests took {_percent(event.size)} longer each day. Confirmed "
        f"{_days(began, told.confirmed)} days later, called a creep {called}; it was said to grow {rate}.{again}"
    )


def of_failures(past: Past) -> str:
    """What was made of a burst, and of failures that go on."""
    burst, lasting = past.plan.events
    story, told = _first(past)
    began, end, finding = past.began(lasting), past.plan.start + lasting.end, past.finding(told)
    return (
        f"On {_clock(past, past.began(burst))}, {_percent(burst.size)} of the requests fail for "
        f"{format_duration(burst.length)}: {_many(_begun_before(past.confirmed, began), 'incident')}. From "
        f"{_clock(past, began)} on, {_percent(lasting.size)} fail. Confirmed after {_after(began, told.confirmed)}: "
        f'{_change(finding)}, because "{_why(finding)}". It ended on {_clock(past, end)}; {_ends(story, end)}.'
    )


def of_another_load(past: Past) -> str:
    """What was made of twice the users, twice."""
    first, second = (_unknown(past, event) for event in past.plan.events)
    return (
        "Twice the users for six hours, on two days, and response times that grow with them: "
        f"{_many(len(past.confirmed), 'incident')}. The first time the answer was `unknown` for "
        f"{format_duration(first)}, because nothing was known of such a load; the second time for "
        f"{format_duration(second)}."
    )


def _first(past: Past) -> tuple[Story, Incident]:
    """The first incident, and what it was when people were told of it."""
    for story in past.confirmed:
        if story.confirmed is not None:
            return story, story.confirmed
    raise LookupError(f"the detector missed {past.plan.events}")


def _begun_before(stories: Iterable[Story], moment: float) -> int:
    return sum(story.last.onset.end < moment for story in stories)


def _why(finding: Finding) -> str:
    return finding.evidence[-1].says


def _change(finding: Finding) -> str:
    values = (format_value(finding.metric, value) for value in (finding.baseline, finding.current))
    return f"{' -> '.join(values)}, {format_effect(finding.metric, finding.effect)}"


def _ends(story: Story, ended: float) -> str:
    came = {change.state: change.at for change in story.changes}
    states = [state for state in (State.RECOVERING, State.RESOLVED) if state in came]
    return " and ".join(f"{state} {_after(ended, came[state])} later" for state in states) or "still open"


def _unknown(past: Past, event: Event) -> float:
    """Seconds of `event` of which something could not be told."""
    inside = (past.starts >= past.began(event)) & (past.starts < past.plan.start + event.end)
    return float(past.unknown[inside].sum()) * MINUTE


def _longest(marked: Iterable[bool]) -> int:
    """Most neighbours that are true."""
    runs = "".join("x" if one else " " for one in marked).split()
    return max(map(len, runs), default=0)


def _clock(past: Past, moment: float) -> str:
    since = moment - past.plan.start
    return f"day {int(since // DAY)}, {int(since % DAY // HOUR):02d}:{int(since % HOUR // MINUTE):02d}"


def _after(moment: float, later: float | None) -> str:
    return "-" if later is None else format_duration(later - moment)


def _days(moment: float, later: float | None) -> str:
    return "-" if later is None else f"{(later - moment) / DAY:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _many(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
