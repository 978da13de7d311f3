"""The truth about a simulated history, made of its plan."""

from soakwatch.core.span import Span
from soakwatch.core.truth import TrueEvent, Truth
from soakwatch.demo.history_events import Event
from soakwatch.demo.history_plan import HistoryPlan


def truth_of(plan: HistoryPlan) -> Truth:
    """What `plan` did, by onset; what begins after its end did not happen."""
    happened = (event for event in plan.events if plan.start + event.onset < plan.span.end)
    return Truth(
        plan.seed,
        plan.span,
        tuple(_true(event, plan) for event in sorted(happened, key=lambda one: (one.onset, one.kind, one.series))),
    )


def _true(event: Event, plan: HistoryPlan) -> TrueEvent:
    return TrueEvent(
        event.kind,
        event.size,
        Span(plan.start + event.onset, min(plan.start + event.end, plan.span.end)),
        tuple(plan.endpoints[number] for number in event.series),
        event.service,
        event.incident,
    )
