"""Reading back: a comparison made again of its document, as far as the document goes."""

from datetime import datetime

from soakwatch.core.run import Reconciliation, Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Effect, Verdict
from soakwatch.reporter.verdicts_json import RunRecord, VerdictRecord, VerdictsDocument


def comparison_of(document: VerdictsDocument) -> Comparison:
    """Make the comparison that `document` was made of, without its timelines and kinds of errors.

    Of the earlier ones of several baseline runs only the ids are known.
    """
    current = _run(document.current)
    return Comparison(
        baselines=_baselines(document),
        current=current,
        verdicts=[_verdict(record, current) for record in document.verdicts],
    )


def _baselines(document: VerdictsDocument) -> list[Run]:
    if document.baseline is None:
        return []
    newest = _run(document.baseline)
    return [*(Run(name, newest.environment, newest.test, 0.0) for name in document.baselines[:-1]), newest]


def _run(record: RunRecord) -> Run:
    reconciled = record.reconciled
    counts = reconciled and reconciled.model_dump(exclude={"unexplained", "exact"})
    return Run(
        id=record.id,
        environment=record.environment,
        test=record.test,
        start=_seconds(record.start) or 0.0,
        end=_seconds(record.end),
        users=record.users,
        spawn_rate=record.spawn_rate or 0.0,
        host=record.host,
        version=record.version,
        commit=record.commit,
        locustfile=record.locustfile,
        locustfile_hash=record.locustfile_hash,
        locust_version=record.locust_version,
        outcome=record.outcome,
        reconciled=Reconciliation(**counts) if counts else None,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _verdict(record: VerdictRecord, current: Run) -> Verdict:
    return Verdict(
        series=Series(current.environment, current.test, record.service, record.method, record.endpoint),
        metric=record.metric,
        decision=record.verdict,
        severity=record.severity,
        baseline=record.baseline,
        current=record.current,
        effect=_effect(record),
        p=record.p,
        reason=record.reason,
    )


def _effect(record: VerdictRecord) -> Effect | None:
    """None also where a bound is: the document has no word for an infinite one, and what is not known is not told."""
    if record.effect is None or record.low is None or record.high is None:
        return None
    return Effect(record.effect, record.low, record.high)
