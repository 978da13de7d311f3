"""The issue pass: asks GitHub what has changed, decides what should, and does it, one change after the other.

What was done is written down after each change. Killed anywhere, the next pass finds on GitHub what had been done.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import SurfaceError, SurfaceUnavailable
from soakwatch.reporter.case import Case
from soakwatch.reporter.github import GitHubIssues, IssueGone
from soakwatch.reporter.issue_changes import Change, Decide, Edit, Merge, Open, Thin
from soakwatch.reporter.issue_life import Rules
from soakwatch.reporter.issue_marker import Told
from soakwatch.reporter.issue_sync import sync
from soakwatch.reporter.issue_writing import Writing, known_again
from soakwatch.reporter.known_issue import KnownIssue
from soakwatch.reporter.labels import ACCEPT, IGNORED
from soakwatch.scheduler.issue_position import IssueMemory, IssuePosition
from soakwatch.store.ledger import Ledger, LedgerTransaction

MOST_CHANGES = 150
"""Changes of one pass: two pages of GitHub's list tell the next one of all that this one did."""

_OVERLAP = 120.0
"""Seconds for which a change may not show in GitHub's lists yet."""

_DOUBT = 120.0
"""Seconds after which an issue that was asked for, and shows in no list, was not made."""

_MOST_TROUBLE = 3
"""Changes in a row that fail before the rest is left to the next pass."""


_ROUNDS = 3
"""How often it is planned anew when people have decided something."""

Cases = Callable[[Collection[str]], Iterable[Case]]
Hears = Callable[[Change], None]
GitHubChange = Open | Edit | Merge | Thin


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is, what should change, and what this pass has seen of GitHub. Nothing was written anywhere."""

    changes: Sequence[Change]
    issues: dict[int, KnownIssue]
    seen: Sequence[KnownIssue]
    position: IssuePosition


@dataclass(slots=True)
class PassReport:
    """What was done, what went wrong, and how many changes are left to the next pass."""

    done: list[Change] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    left: int = 0


class IssuePass:
    """Keeps the issues of one repository. All methods raise SurfaceError and StoreError.

    `cases` gives all that issues should be about as the ledger has it at that moment, also what is over long since, if
    asked for by its fingerprint.
    """

    def __init__(
        self,
        ledger: Ledger,
        github: GitHubIssues,
        cases: Cases,
        deploys: Sequence[Deploy],
        rules: Rules,
    ) -> None:
        """Prepare; nothing is asked yet. `deploys` are those that changed something."""
        self._ledger = ledger
        self._github = github
        self._cases = cases
        self._deploys = deploys
        self._rules = rules
        self._memory = IssueMemory(f"{github.where.api_url} {github.where.repository}")

    def look(self, now: float) -> Outlook:
        """What should change; one request, one more for each further hundred issues that changed since the last time.

        Raises SurfaceUnavailable without asking while GitHub wants to be left alone.
        """
        position, issues = self._memory.position(self._ledger), self._memory.issues(self._ledger)
        if now < position.not_before:
            left = position.not_before - now
            raise SurfaceUnavailable(f"GitHub wants to be left alone for {left:.0f} s more", left)
        seen = []
        for one in self._github.ours(position.since if issues else None):
            if known := known_again(one, issues.get(one.number)):
                issues[one.number] = known
                seen.append(known)
                position = position.sure_of(known.marker.fingerprint)
        newest = max((issue.updated for issue in issues.values()), default=0.0)
        position = replace(position, since=newest - _OVERLAP if newest else None)
        return Outlook(self._planned(issues, position, now), issues, seen, position)

    def carry_out(
        self, outlook: Outlook, writing: Writing, now: float, told: Hears = lambda _change: None
    ) -> PassReport:
        """Do what `outlook` says; `told` hears of each change when it has been done.

        Raises SurfaceRefused when nothing of the kind will ever be done, and SurfaceUnavailable when GitHub wants to be
        left alone; what was done until then stays done. Other trouble is in the report, and the next pass tries again.
        """
        with self._ledger.transaction() as work:
            for issue in outlook.seen:
                self._memory.keep_issue(work, issue)
            self._memory.keep_position(work, outlook.position)
        report = PassReport()
        changes = self._decided(outlook, now, report, told)
        report.left = max(0, len(changes) - MOST_CHANGES)
        writing.labels.update(outlook.position.labels)
        step = _Step(self._ledger, self._memory, outlook.issues, outlook.position, now)
        in_a_row = 0
        for change in changes[:MOST_CHANGES]:
            try:
                step.take(change, writing)
            except SurfaceUnavailable as error:
                step.note_patience(error)
                report.trouble.append(str(error))
                in_a_row += 1
                if in_a_row >= _MOST_TROUBLE:
                    break
            else:
                in_a_row = 0
                report.done.append(change)
                told(change)
        if not changes:
            step.prepare_a_label(writing)
        return report

    def _planned(self, issues: Mapping[int, KnownIssue], position: IssuePosition, now: float) -> list[Change]:
        changes = sync(self._cases(_wanted(issues.values())), issues.values(), self._deploys, now, self._rules)
        return _without_doubt(changes, position, now)

    def _decided(self, outlook: Outlook, now: float, report: PassReport, told: Hears) -> list[GitHubChange]:
        """Log what people decided, and plan anew with that: until nothing is left to decide."""
        changes = list(outlook.changes)
        for _ in range(_ROUNDS):
            decisions = [one for one in changes if isinstance(one, Decide)]
            if not decisions:
                break
            with self._ledger.transaction() as work:
                for one in decisions:
                    work.rule(one.fingerprint, one.ruling)
            for one in decisions:
                report.done.append(one)
                told(one)
            changes = self._planned(outlook.issues, outlook.position, now)
        return [one for one in changes if not isinstance(one, Decide)]


@dataclass
class _Step:
    """Carries out changes one by one, and writes down what GitHub has then."""

    ledger: Ledger
    memory: IssueMemory
    issues: dict[int, KnownIssue]
    position: IssuePosition
    now: float

    def take(self, change: GitHubChange, writing: Writing) -> None:
        """Carry out one change."""
        match change:
            case Open():
                self._open(change, writing)
            case Edit() | Merge() | Thin():
                before = self.issues[change.number]
                try:
                    after = _changed(change, before, writing, self.now)
                except IssueGone:
                    after = replace(before, gone=True, closed=before.closed or self.now)
                self._keep(after, writing)

    def note_patience(self, error: SurfaceUnavailable) -> None:
        """Write down that GitHub wants to be left alone; raise it then."""
        if error.retry_after is not None:
            self.position = replace(self.position, not_before=self.now + error.retry_after)
            with self.ledger.transaction() as work:
                self.memory.keep_position(work, self.position)
            raise error

    def prepare_a_label(self, writing: Writing) -> None:
        """Make one of the labels that people may want to use; for when there is nothing else to do."""
        missing = [label for label in (ACCEPT, IGNORED) if label not in writing.labels]
        if missing and self.issues:
            writing.make_labels(missing[:1])
            self._keep(None, writing)

    def _open(self, change: Open, writing: Writing) -> None:
        self.position = self.position.doubting(change.case.fingerprint, self.now)
        self._keep(None, writing)
        try:
            made = writing.open(change)
        except SurfaceError as error:
            if not error.is_doubtful:
                self.position = self.position.sure_of(change.case.fingerprint)
                self._keep(None, writing)
            raise
        self.position = self.position.sure_of(change.case.fingerprint)
        self._keep(made, writing)

    def _keep(self, issue: KnownIssue | None, writing: Writing) -> None:
        self.position = replace(self.position, labels=tuple(sorted(writing.labels)))
        with self.ledger.transaction() as work:
            self.memory.keep_position(work, self.position)
            if issue is not None:
                self._remember(work, issue)

    def _remember(self, work: LedgerTransaction, issue: KnownIssue) -> None:
        self.issues[issue.number] = issue
        self.memory.keep_issue(work, issue)


def _changed(change: Edit | Merge | Thin, issue: KnownIssue, writing: Writing, now: float) -> KnownIssue:
    match change:
        case Edit():
            return writing.edit(change, issue, now)
        case Merge():
            return writing.merge(change)
        case Thin():
            return writing.thin(change.number, issue)


def _wanted(issues: Iterable[KnownIssue]) -> set[str]:
    """Fingerprints of the cases whose issues do not say yet that they are over."""
    return {
        fingerprint
        for issue in issues
        if (issue.is_open and issue.marker.told is not Told.OVER) or issue.marker.told is Told.OPEN
        for fingerprint in (issue.marker.fingerprint, *issue.marker.members)
    }


def _without_doubt(changes: Iterable[Change], position: IssuePosition, now: float) -> list[Change]:
    """Leave out issues that were asked for a moment ago: GitHub may have made them, and not list them yet."""
    doubtful = {fingerprint for fingerprint, at in position.doubtful if now - at < _DOUBT}
    return [one for one in changes if not (isinstance(one, Open) and one.case.fingerprint in doubtful)]
