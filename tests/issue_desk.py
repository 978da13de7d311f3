"""A desk: a soakwatch that keeps the issues of a fake GitHub, from incidents that a test decides on."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from fake_github import FakeGitHub
from fake_github_values import Issue
from ledgers import ledger_at
from pydantic import SecretStr

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.github_settings import AssigneeSection
from soakwatch.core.incident import Finding, Incident, Kind, Ruling, RulingKind, Shape, State, fingerprint_of
from soakwatch.core.mute import Mute
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.reporter.evidence import Evidence
from soakwatch.reporter.github import GitHubIssues, Where
from soakwatch.reporter.issue_life import Rules
from soakwatch.reporter.issue_marker import noted_in, read_marker
from soakwatch.reporter.issue_writing import Writing
from soakwatch.reporter.page_links import Places
from soakwatch.reporter.pages import Pages
from soakwatch.scheduler.alert_book import note_alerts
from soakwatch.scheduler.fence import Fence, FencedLedger, unfenced
from soakwatch.scheduler.issue_cases import KnownCases, known_cases
from soakwatch.scheduler.issue_pass import IssuePass, Outlook, PassReport
from soakwatch.scheduler.mute_book import note_mute
from soakwatch.store.ledger import Ledger

MONDAY = 1_795_392_000.0
"""2026-11-23 00:00 UTC."""

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@dataclass
class Clock:
    """A clock that a test sets; also that of the fake."""

    now: float = MONDAY

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


def an_endpoint(name: str, service: str = "rag_service") -> Series:
    return Series("staging", "nightly", service, "POST", name)


def a_finding(series: Series, at: float, severity: Severity = Severity.WARNING, size: float = 0.62) -> Finding:
    effect = Effect(size, size - 0.07, size + 0.08)
    onset = Span(at - 5 * MINUTE, at)
    return Finding(series, Metric.P95, severity, Shape.STEP, onset, 112.0, 112.0 * (1 + size), effect)


def an_incident(  # noqa: PLR0913  (a builder: what a test does not name is as usual)
    at: float = MONDAY,
    *,
    endpoints: Sequence[str] = ("/query",),
    service: str = "rag_service",
    state: State = State.CONFIRMED,
    kind: Kind = Kind.LATENCY,
    severity: Severity = Severity.WARNING,
) -> Incident:
    findings = tuple(a_finding(an_endpoint(name, service), at, severity) for name in endpoints)
    return Incident(
        *(fingerprint_of("staging", service, kind, at), "staging", service, kind, state, at),
        *(Span(at - 5 * MINUTE, at), severity, findings),
        confirmed=None if state is State.SUSPECT else at + 5 * MINUTE,
        escalated=at + 5 * MINUTE if severity is Severity.CRITICAL else None,
        judged=at + 5 * MINUTE,
    )


def resolved(incident: Incident, at: float) -> Incident:
    return replace(incident, state=State.RESOLVED, recovering=at - 30 * MINUTE, resolved=at)


def critical(incident: Incident, at: float) -> Incident:
    return replace(incident, severity=Severity.CRITICAL, escalated=at)


def with_endpoint(incident: Incident, name: str, at: float) -> Incident:
    joined = a_finding(an_endpoint(name, incident.service), at)
    return replace(incident, findings=(*incident.findings, joined))


class Killed(BaseException):
    """The process has ended: nothing in it catches that."""


class MortalGitHub(GitHubIssues):
    """Ends the process with its `last` request, as often before it is sent as after it was answered."""

    def __init__(self, where: Where, last: float | None) -> None:
        super().__init__(where, between_writes=0.0)
        self._left = last

    @contextmanager
    def _asking(self, what: str, number: int | None = None) -> Iterator[None]:
        self._left = None if self._left is None else self._left - 0.5
        if self._left is not None and self._left <= 0:
            raise Killed
        with super()._asking(what, number):
            yield
        self._left = None if self._left is None else self._left - 0.5
        if self._left is not None and self._left <= 0:
            raise Killed


@dataclass
class Desk:
    """One soakwatch with its ledger; `lose_memory` and `killed` are what happens to it."""

    fake: FakeGitHub
    clock: Clock
    ledger: Ledger
    rules: Rules = field(default_factory=Rules)
    deploys: list[Deploy] = field(default_factory=list)
    assignees: tuple[AssigneeSection, ...] = ()
    milestone: int = 0
    kill_at: float | None = None
    fence: Fence = unfenced

    def save(self, *incidents: Incident) -> None:
        """Note incidents, as the detector does."""
        with self.ledger.transaction() as work:
            work.save(incidents)

    def rule(self, incident: Incident, kind: RulingKind, until: float | None = None) -> None:
        """Decide on the command line."""
        with self.ledger.transaction() as work:
            work.rule(incident.fingerprint, Ruling(kind, self.clock.now, "said on the command line", "ada", until))

    def mute(self, service: str, seconds: float, why: str = "index is rebuilt") -> Mute:
        """Mute a service from now on, as somebody does on the command line."""
        span = Span(self.clock.now, self.clock.now + seconds)
        with self.ledger.transaction() as work:
            return note_mute(work, Mute("", "staging", service, span, why, "ada", self.clock.now))

    def tell(self, *alerts: Alert) -> None:
        """Note alerts, as the daemon does."""
        with self.ledger.transaction() as work:
            note_alerts(work, alerts, self.clock.now)

    def known(self, incident: Incident) -> Incident:
        """An incident as the ledger has it."""
        (found,) = self.ledger.incidents_named(incident.fingerprint)
        return found

    def sync(self) -> PassReport:
        """One pass, to its end."""
        with self._pass() as (one, outlook, writing):
            return one.carry_out(outlook, writing, self.clock.now)

    def sync_killed_at(self, request: float) -> None:
        """One pass that ends with kill -9, before or after a request was answered."""
        self.kill_at = request
        try:
            self.sync()
        except Killed:
            return
        finally:
            self.kill_at = None

    def outlook(self) -> Outlook:
        """What a pass would do."""
        with self._pass() as (_, outlook, _):
            return outlook

    def lose_memory(self) -> None:
        """Forget all that was known of GitHub."""
        with self.ledger.transaction() as work:
            work.forget(list(work.remembered("github ")))
            work.set_cursor(f"github {self.fake.url} {self.fake.name}", "")

    def requests(self) -> int:
        """How many requests one pass takes."""
        before = len(self.fake.asked)
        self.sync()
        return len(self.fake.asked) - before

    def _known(self, wanted: Collection[str] = ()) -> KnownCases:
        return known_cases(self.ledger, self.assignees, self.clock.now, wanted)

    @contextmanager
    def _pass(self) -> Iterator[tuple[IssuePass, Outlook, Writing]]:
        where = Where(self.fake.name, self.fake.url, SecretStr(self.fake.token), 1)
        github = MortalGitHub(where, self.kill_at)
        try:
            ledger = FencedLedger(self.ledger, self.fence)
            one = IssuePass(ledger, github, lambda wanted: self._known(wanted).cases, self.deploys, self.rules)
            known = self._known()
            pages = Pages(lambda _: Evidence(self.clock.now), Places(), known.alerts, known.maintenance)
            yield one, one.look(self.clock.now), Writing(github, pages, set(), self.milestone)
        finally:
            github.close()


@contextmanager
def a_desk(folder: Path, fake: FakeGitHub, clock: Clock) -> Iterator[Desk]:
    """A desk with a ledger of its own in `folder`."""
    folder.mkdir(exist_ok=True)
    with ledger_at(str(folder / "ledger.db")) as ledger:
        yield Desk(fake, clock, ledger)


def ours(fake: FakeGitHub) -> list[Issue]:
    """The issues of soakwatch that are there."""
    return [one for one in fake.issues if read_marker(one.body or "")]


def open_about(fake: FakeGitHub, fingerprint: str) -> list[int]:
    """Numbers of the open issues that stand for a case: its own, or a summary."""
    marked = [(one.number, read_marker(one.body or "")) for one in fake.issues if one.state == "open"]
    return [number for number, marker in marked if marker and fingerprint in {marker.fingerprint, *marker.members}]


def notes(issue: Issue) -> list[str]:
    """What our comments on an issue are about, in order."""
    found = [noted_in(text) for text in issue.texts]
    return [re.sub(r"-\d+$", "", one[1]) for one in found if one is not None]


def said_twice(fake: FakeGitHub) -> list[tuple[int, str]]:
    """Comments that stand twice on one issue."""
    by_issue = {one.number: sorted(str(noted_in(text)) for text in one.texts if noted_in(text)) for one in fake.issues}
    return [(number, one) for number, keys in by_issue.items() for one, other in pairwise(keys) if one == other]
