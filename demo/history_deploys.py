"""Deploys of a simulated history: those that events bring, and others that change nothing."""

from collections.abc import Iterator

from soakwatch.core.deploy import Deploy
from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.random_streams import Purpose, stream

_WORKING_DAYS, _MORNING, _EVENING = 5, 8, 17
_WEEK = 7


def deploys_of(plan: HistoryPlan) -> list[Deploy]:
    """What `plan` marks, oldest first. Each service has a first version when it begins, and one more each week."""
    return sorted(
        (deploy for number, service in enumerate(plan.service_names) for deploy in _of_service(plan, number, service)),
        key=lambda one: (one.at, one.service),
    )


def _of_service(plan: HistoryPlan, number: int, service: str) -> Iterator[Deploy]:
    """Versions count up, and a restart brings the same one again."""
    version = 0
    yield Deploy(plan.environment, service, plan.start, "1.0", title="first version")
    for moment, kind in sorted((*_routine(plan, number), *_of_events(plan, service))):
        version += kind is not EventKind.RESTART
        title = "restarted" if kind is EventKind.RESTART else ""
        yield Deploy(plan.environment, service, plan.start + moment, f"1.{version}", title=title)


def _routine(plan: HistoryPlan, number: int) -> Iterator[tuple[float, EventKind]]:
    random = stream(plan.seed, Purpose.DEPLOYS, number)
    for week in range(0, plan.days, _WEEK):
        day, hour, minute = (
            week + random.integers(_WORKING_DAYS),
            random.integers(_MORNING, _EVENING),
            random.integers(60),
        )
        if day < plan.days:
            yield float(day * DAY + hour * HOUR + minute * MINUTE), EventKind.DEPLOY


def _of_events(plan: HistoryPlan, service: str) -> Iterator[tuple[float, EventKind]]:
    for event in plan.events:
        if event.marks_deploy and plan.start + event.onset < plan.span.end and _concerns(event, plan, service):
            yield event.onset, EventKind.RESTART if event.kind is EventKind.RESTART else EventKind.DEPLOY


def _concerns(event: Event, plan: HistoryPlan, service: str) -> bool:
    return any(plan.endpoints[number].service == service for number in event.series)
