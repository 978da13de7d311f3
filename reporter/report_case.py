"""Comparisons as cases: what a run regressed, one issue for each test until a run is fine again."""

from soakwatch.core.verdict import Comparison, Decision, Severity
from soakwatch.reporter.case import Case, Regressions, Stage, digest, parts_of
from soakwatch.reporter.issue import draft_issue
from soakwatch.reporter.read_back import comparison_of
from soakwatch.reporter.verdicts_json import VerdictsDocument


def case_of_report(document: VerdictsDocument, markdown: str) -> Case | None:
    """The case of a comparison and its report; None where nothing regressed, and it cannot be told that all is fine."""
    comparison = comparison_of(document)
    regressed = comparison.regressions
    if not regressed and not _is_fine(comparison):
        return None
    draft = draft_issue(document, markdown)
    run = comparison.current
    return Case(
        fingerprint=f"r{digest(run.environment, run.test, length=16)}",
        about=digest("report", run.environment, run.test),
        parts=parts_of((one.series.service, one.series.method, one.series.endpoint) for one in regressed),
        stage=Stage.OPEN if regressed else Stage.OVER,
        critical=any(one.severity is Severity.CRITICAL for one in regressed),
        alarming=bool(regressed),
        accepted=False,
        since=run.start,
        gist=digest(run.id),
        environment=run.environment,
        title=draft.title if draft else "",
        labels=draft.labels if draft else (),
        assignees=(),
        subject=Regressions(document, markdown),
    )


def _is_fine(comparison: Comparison) -> bool:
    decisions = {verdict.decision for verdict in comparison.verdicts}
    return bool(decisions) and Decision.UNKNOWN not in decisions
