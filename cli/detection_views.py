"""How a pass of detection looks, for people and for machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from soakwatch.cli.incident_views import print_incidents
from soakwatch.cli.moments import written_moment
from soakwatch.cli.terminal import notes, results
from soakwatch.scheduler.detection_report import DetectionReport


def detection_document(report: DetectionReport, undecided: Sequence[str]) -> dict[str, Any]:
    """For machines."""
    from soakwatch.reporter.incidents_json import (
        DetectionDocument,
        IncidentRecord,
        UnknownRecord,
        change_document,
        utc_moment,
    )

    document = DetectionDocument(
        until=utc_moment(report.until),
        steps=report.judged + report.learnt,
        learnt=report.learnt,
        changes=tuple(change_document(one.at, one.before, one.incident) for one in report.changes),
        incidents=tuple(map(IncidentRecord.of, report.incidents)),
        learning_until=utc_moment(max(report.learning.values())) if report.learning else None,
        undecided=tuple(undecided),
        unknown=tuple(UnknownRecord.of(series, reason) for series, reason in sorted(report.unknown.items())),
    )
    return document.model_dump(mode="json", by_alias=True)


def print_detection(report: DetectionReport, undecided: Sequence[str], now: float) -> None:
    """The incidents that are open, and beside them what was done and what cannot be told yet."""
    notes.print(summary(report), markup=False, soft_wrap=True)
    tell_first_look(report)
    for sentence in undecided:
        notes.print(f"unknown: {sentence}", markup=False, soft_wrap=True, style="yellow")
    if report.incidents:
        print_incidents(report.incidents, now)
    else:
        results.print("no open incidents")


def summary(report: DetectionReport) -> str:
    """What was done, in one line."""
    parts = [
        f"judged {_counted(report.judged, 'step')} up to {written_moment(report.until)}",
        *([f"learnt from {_counted(report.learnt, 'step')} before"] if report.learnt else []),
        *what_is_unknown(report),
    ]
    return "; ".join(parts)


def tell_first_look(report: DetectionReport) -> None:
    """Say of a pass that learnt from the past why it tells nothing of it."""
    if report.learnt:
        notes.print(
            "this was the first look: what was stored before counts as usual; `soakwatch backtest` tells what would "
            "have been found in it",
            soft_wrap=True,
        )


def what_is_unknown(report: DetectionReport) -> Iterator[str]:
    """Of how many series what normal is is still learnt, and of how many something cannot be told, by reason."""
    if report.learning:
        yield _learning(report)
    reasons = Counter(report.unknown.values())
    for reason, number in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        yield f"unknown for {number:,} of {_counted(len(report.series), 'series')}, because {reason}"


def _learning(report: DetectionReport) -> str:
    number = f"{len(report.learning):,} of {_counted(len(report.series), 'series')}"
    return f"learning what is normal for {number} until {written_moment(max(report.learning.values()))}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 or word.endswith('s') else 's'}"
