"""How a roll-up pass and a copy look, for people and for machines."""

from dataclasses import asdict
from typing import Any

from soakwatch.cli.terminal import results
from soakwatch.store.copied_parts import Amount
from soakwatch.store.copying import CopyReport
from soakwatch.store.roll_up_pass import RollUpReport


def rolled_up(report: RollUpReport, expired: int) -> str:
    """What a pass did, in one line; the same where there was nothing to do."""
    runs = report.runs
    parts = [
        f"{_counted(report.minutes, 'roll-up')} of a minute and {report.ten_minutes:,} of ten minutes",
        f"{_counted(len(runs.condensed), 'run')} condensed",
        *([f"{_counted(len(runs.settled), 'reconciliation')} settled"] if runs.settled else []),
        *([f"{_counted(expired, 'point')} expired"] if expired else []),
    ]
    return "; ".join(parts)


def roll_up_document(report: RollUpReport, expired: int) -> dict[str, Any]:
    """The same for machines."""
    return {
        "roll_ups": {"minutes": report.minutes, "ten_minutes": report.ten_minutes},
        "condensed": list(report.runs.condensed),
        "settled": list(report.runs.settled),
        "expired": expired,
        "refused": list(report.refused),
    }


def print_copied(report: CopyReport, target: str, *, dry_run: bool) -> None:
    """What was copied, what was not, and what is there now."""
    lines = [f"{'would copy' if dry_run else 'copied'} to {target}: {_described(report.copied)}"]
    if report.wanted.expired:
        lines.append(
            f"expired, not revived: {_counted(report.wanted.expired, 'request')} in raw windows that are too old for "
            "it; its roll-ups and what is kept of each run have them"
        )
    if not (dry_run or report.differences):
        lines.append(f"verified: {_described(report.wanted)}")
    for line in lines:
        results.print(line, markup=False, soft_wrap=True)


def copy_document(report: CopyReport, *, dry_run: bool) -> dict[str, Any]:
    """The same for machines; all but runs and deploys are requests."""
    return {
        "dry_run": dry_run,
        "source": asdict(report.wanted),
        "copied": asdict(report.copied),
        "verified": not (dry_run or report.differences),
        "differences": list(report.differences),
    }


def _described(amount: Amount) -> str:
    return (
        f"{_counted(amount.runs, 'run')}, {_counted(amount.requests, 'request')} in raw windows, "
        f"{amount.minutes:,} in roll-ups of a minute, {amount.ten_minutes:,} in roll-ups of ten, "
        f"{_counted(amount.deploys, 'deploy')}"
    )


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
