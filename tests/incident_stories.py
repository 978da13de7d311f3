"""Incidents of a shop and its RAG service, for tests of the pages that tell of them.

`Words` is all text on a page that is from outside; every builder takes it, so that a page with other words is the same
page otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Ruling, RulingKind, Shape, State
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, ErrorGrowth, Metric, Severity
from soakwatch.core.window import Exemplar
from soakwatch.reporter.case import Case
from soakwatch.reporter.evidence import Course, Evidence
from soakwatch.reporter.incident_case import case_of
from soakwatch.reporter.page_links import Places

NOON = 1_790_596_800.0
"""2026-09-28 12:00 UTC, a Monday."""

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
ONSET = Span(NOON + 2 * MINUTE, NOON + 8 * MINUTE)
NOW = NOON + 2 * HOUR
PLACES = Places("https://grafana.example.com", "https://github.com/example/shop")


@dataclass(frozen=True, slots=True)
class Words:
    """What people, services and other programs call things."""

    environment: str = "staging"
    test: str = "soak"
    service: str = "rag_service"
    method: str = "POST"
    endpoint: str = "/query"
    version: str = "1.4.0"
    commit: str = "9d8e7f6a5b4c"
    replaced: str = "3f2a91c0de77"
    title: str = "Rerank 50 passages instead of 20"
    marked: str = "The vector index is built anew"
    kind: str = "HTTPError 503"
    sample: str = "503 Server Error: vector index timed out for /query"
    run: str = "20260928-060000-4f1c"
    locustfile: str = "load/shop.py"
    host: str = "https://staging.shop.example.com"
    trace: str = "4bf92f3577b34da6a3ce929d0e0e4736"
    alert: str = "RagAnswersSlowly"
    label: str = "RAG service"
    summary: str = "95 % of the answers take up to 1.9 s, for 10 minutes now"
    description: str = "The panel shows p95 by endpoint. Look at the vector index first."
    values: str = "B=1.912 C=1"
    address: str = "https://grafana.example.com/d/rag/answers?orgId=1&viewPanel=2"
    reason: str = "reranking is worth 200 ms, says the product team"


WORDS = Words()


def series(words: Words = WORDS, endpoint: str | None = None) -> Series:
    path = words.endpoint if endpoint is None else endpoint
    return Series(words.environment, words.test, words.service, words.method, path)


def slower(what: Series, change: float = 0.41, normal: float = 1_320.0, **changes: Any) -> Finding:
    finding = Finding(
        what,
        Metric.P95,
        Severity.CRITICAL if change >= 0.5 else Severity.WARNING,
        Shape.STEP,
        ONSET,
        normal,
        normal * (1 + change),
        Effect(change, change - 0.06, change + 0.07),
    )
    return replace(finding, **changes)


def deploys(words: Words = WORDS) -> tuple[Deploy, Deploy, Deploy]:
    """What was there before, what came just before it began, and what came after."""
    return (
        Deploy(words.environment, words.service, NOON - 3 * DAY, "1.3.2", words.replaced),
        Deploy(words.environment, words.service, NOON - 10 * MINUTE, words.version, words.commit, words.title),
        Deploy(words.environment, WHOLE_SERVICE, NOON + 95 * MINUTE, title=words.marked),
    )


def incident(words: Words = WORDS, *findings: Finding, **changes: Any) -> Incident:
    _, before, after = deploys(words)
    known = findings or (slower(series(words)),)
    is_critical = any(one.severity is Severity.CRITICAL for one in known)
    made = Incident(
        fingerprint="5c0ffee5a1ad",
        environment=words.environment,
        service=words.service,
        kind=Kind.LATENCY,
        state=State.CONFIRMED,
        suspected=NOON + 11 * MINUTE,
        onset=ONSET,
        severity=Severity.CRITICAL if is_critical else Severity.WARNING,
        findings=known,
        confirmed=NOON + 16 * MINUTE,
        deploy_before=before,
        deploy_after=after,
        escalated=NOON + 16 * MINUTE if is_critical else None,
        judged=NOW,
    )
    return replace(made, **changes)


def course(what: Series, metric: Metric = Metric.P95, normal: float = 1_320.0, change: float = 0.41) -> Course:
    """An hour before it began until now, in minutes; some are missing."""
    moments = [ONSET.start - HOUR + minute * MINUTE for minute in range(178)]
    wave = [1 + (minute * 7 % 11 - 5) / 250 for minute in range(len(moments))]
    levels = [normal * (1 + change) if moment >= NOON + 5 * MINUTE else normal for moment in moments]
    values = [level * ripple for level, ripple in zip(levels, wave, strict=True)]
    return Course(what, metric, moments, [None if index % 53 == 9 else value for index, value in enumerate(values)])


def run(words: Words = WORDS) -> Run:
    return Run(
        id=words.run,
        environment=words.environment,
        test=words.test,
        start=NOON - 6 * HOUR,
        users=24,
        spawn_rate=2.0,
        host=words.host,
        locustfile=words.locustfile,
    )


def growths(words: Words = WORDS) -> tuple[ErrorGrowth, ...]:
    return (
        ErrorGrowth(series(words), words.kind, words.sample, 3, 412, 0.0003, 0.0461),
        ErrorGrowth(series(words), f"{words.kind} again", words.sample, 0, 57, 0.0, 0.0064),
    )


def evidence(words: Words = WORDS, **changes: Any) -> Evidence:
    """All that a store can know, but for errors."""
    known = Evidence(
        until=NOW,
        course=course(series(words)),
        slowest=(series(words), Exemplar(NOON + 7 * MINUTE + 12, 4_871.4, words.trace)),
        previous=deploys(words)[0],
        run=run(words),
    )
    return replace(known, **changes)


def ruling(kind: RulingKind, words: Words = WORDS, until: float | None = None) -> Ruling:
    return Ruling(kind, NOON + HOUR, words.reason, "GitHub #41", until)


def recovered(words: Words = WORDS) -> Incident:
    """It took until 13:31."""
    over = NOON + 91 * MINUTE
    again = slower(series(words), recovered=over)
    return incident(words, again, state=State.RESOLVED, recovering=over, resolved=over + 30 * MINUTE)


def failing(words: Words = WORDS) -> Incident:
    finding = Finding(
        series(words),
        Metric.ERROR_RATE,
        Severity.WARNING,
        Shape.STEP,
        ONSET,
        0.0003,
        0.0525,
        Effect(0.0522, 0.0471, 0.0578),
    )
    return incident(words, finding, kind=Kind.ERRORS)


def silent(words: Words = WORDS) -> Incident:
    """The load goes on, and nothing of it reaches the service."""
    whole = Series(words.environment, words.test, words.service, WHOLE_SERVICE, WHOLE_SERVICE)
    finding = Finding(
        whole,
        Metric.THROUGHPUT,
        Severity.CRITICAL,
        Shape.STEP,
        Span(NOON + 60.0, NOON + 120.0),
        14.3,
        0.0,
        Effect(-1.0, -1.0, -0.999),
    )
    return incident(words, finding, kind=Kind.NO_DATA, onset=finding.onset, deploy_after=None)


def not_begun(words: Words = WORDS) -> Incident:
    """A test that was due at two in the morning."""
    everything = Series(words.environment, words.test, WHOLE_SERVICE, WHOLE_SERVICE, WHOLE_SERVICE)
    due = Span(NOON - 10 * HOUR, NOON - 9.5 * HOUR)
    finding = Finding(everything, Metric.THROUGHPUT, Severity.CRITICAL, Shape.STEP, due, None, None, None)
    return incident(
        words, finding, kind=Kind.NO_DATA, service=WHOLE_SERVICE, onset=due, deploy_before=None, deploy_after=None
    )


def creeping(words: Words = WORDS) -> Incident:
    """A little each day, for a week."""
    onset = Span(NOON - 8 * DAY, NOON - 6 * DAY)
    finding = slower(
        series(words),
        0.19,
        shape=Shape.CREEP,
        onset=onset,
        per_day=Effect(0.026, 0.019, 0.033),
    )
    before, after, _ = deploys(words)
    before = replace(before, at=onset.start - 5 * HOUR)
    return incident(words, finding, onset=onset, suspected=NOON, deploy_before=before, deploy_after=after)


def alert(words: Words = WORDS, **changes: Any) -> Alert:
    made = Alert(
        fingerprint="c6eadffa33fcdf37",
        name=words.alert,
        labels=(
            ("alertname", words.alert),
            ("env", words.environment),
            ("service", words.service),
            ("severity", "critical"),
            ("grafana_folder", words.label),
        ),
        summary=words.summary,
        description=words.description,
        values=words.values,
        started=NOON + 9 * MINUTE,
        ended=None,
        page=words.address,
        panel=words.address,
        silence=words.address,
    )
    return replace(made, **changes)


def case(incident: Incident) -> Case:
    return case_of(incident, NOW, ())


def cases(incidents: Iterable[Incident]) -> list[Case]:
    """With fingerprints of their own."""
    return [case(replace(one, fingerprint=f"{0x5C0FFEE5A100 + number:012x}")) for number, one in enumerate(incidents)]
