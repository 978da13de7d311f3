"""The summary: one case for all those that are too many for issues of their own."""

from collections.abc import Sequence

from soakwatch.core.verdict import Severity
from soakwatch.reporter.case import Case, Stage, digest
from soakwatch.reporter.labels import OURS, SUMMARY, severity_label
from soakwatch.reporter.plain_titles import title_of

ABOUT_SUMMARY = digest("summary")
"""What all summaries are about: only one is open at a time."""


def summary_of(members: Sequence[Case], fingerprint: str = "") -> Case:
    """The case of `members`, which are some; the first ones of a new summary give it its fingerprint."""
    members = sorted(members, key=lambda one: (not one.critical, one.since, one.fingerprint))
    critical = any(one.critical for one in members if one.stage is not Stage.OVER)
    severity = severity_label(Severity.CRITICAL if critical else Severity.WARNING)
    open_ = [one for one in members if one.is_open]
    environments = ", ".join(sorted({one.environment for one in members}))
    return Case(
        fingerprint=fingerprint or f"s{digest(*sorted(one.fingerprint for one in members), length=16)}",
        about=ABOUT_SUMMARY,
        parts=frozenset(one.fingerprint for one in members),
        stage=_stage_of(members),
        critical=critical,
        alarming=any(one.alarming for one in open_),
        accepted=bool(open_) and all(one.accepted for one in open_),
        since=min(one.since for one in members),
        gist=digest(*(f"{one.fingerprint} {one.stage} {one.gist}" for one in members)),
        environment=environments,
        title=title_of(f"{len(members):,} more incidents{environments and f' in {environments}'}"),
        labels=(OURS, SUMMARY, severity),
        assignees=(),
        subject=tuple(members),
        muted=bool(open_) and all(one.muted for one in open_),
    )


def _stage_of(members: Sequence[Case]) -> Stage:
    stages = {one.stage for one in members}
    return next(stage for stage in (Stage.OPEN, Stage.SILENT, Stage.OVER) if stage in stages)
