"""How changes in Grafana look on a terminal."""

import sys
from collections.abc import Iterable
from html import unescape

from soakwatch.cli.moments import written_minute
from soakwatch.cli.terminal import print_json, printable, results
from soakwatch.grafana.annotation import Annotation, FoundAnnotation
from soakwatch.grafana.annotation_plan import Change, Create, Remove, Update
from soakwatch.grafana.grafana_json import AnnotatedDocument, PublishedDocument, annotation_records, dashboard_records
from soakwatch.grafana.publisher import Outlook, PublishReport
from soakwatch.grafana.publishing import Action, Step
from soakwatch.scheduler.annotation_pass import AnnotationReport

_DONE = {Action.CREATE: "created", Action.UPDATE: "updated", Action.KEEP: "kept", Action.LEAVE: "left"}


def print_steps(steps: Iterable[Step], *, is_done: bool) -> None:
    """What becomes of each dashboard, and why, in a line."""
    for step in steps:
        action = _DONE[step.action] if is_done else str(step.action)
        style = "yellow" if step.needs_decision else "default"
        _print(f"{action} {step.dashboard.uid} ({step.dashboard.title}): {step.why}", style)


def print_published(url: str, outlook: Outlook, report: PublishReport | None) -> None:
    """What would be done, or was where there is a report, for machines."""
    document = PublishedDocument(
        grafana=url,
        applied=report is not None,
        folder=outlook.folder.uid if outlook.folder else None,
        dashboards=dashboard_records(outlook.steps if report is None else report.done),
        warnings=tuple(outlook.warnings),
        trouble=tuple(report.trouble) if report else (),
        left=tuple(step.dashboard.uid for step in report.left) if report else (),
    )
    print_json(document.model_dump(mode="json", by_alias=True))


def print_annotations(changes: Iterable[Change], *, is_done: bool) -> None:
    """Each change in a line."""
    for change in changes:
        match change:
            case Create(annotation, why):
                _print(f"{'wrote' if is_done else 'write'} {_described(annotation)} ({why})")
            case Update(annotation, _, why):
                _print(f"{'changed' if is_done else 'change'} {_described(annotation)} ({why})")
            case Remove(found, why):
                _print(f"{'deleted' if is_done else 'delete'} {_described(found)} ({why})")


def print_annotated(url: str, changes: Iterable[Change], report: AnnotationReport | None) -> None:
    """What would be done, or was where there is a report, for machines."""
    document = AnnotatedDocument(
        grafana=url,
        applied=report is not None,
        annotations=annotation_records(changes),
        trouble=tuple(report.trouble) if report else (),
        left=report.left if report else 0,
    )
    print_json(document.model_dump(mode="json", by_alias=True))


def _described(one: Annotation | FoundAnnotation) -> str:
    begin, end = (written_minute(moment / 1000) for moment in (one.start, one.end))
    return f"{begin if begin == end else f'{begin} to {end}'} UTC: {unescape(one.text)}"


def _print(line: str, style: str = "default") -> None:
    results.print(printable(line, longest=sys.maxsize), soft_wrap=True, style=style)
