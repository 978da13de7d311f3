"""The issue pass: asks GitHub what has changed, decides what should, and does it, one change after the other.

What was done is written down after each change. Killed anywhere, the next pass finds on GitHub what had been done.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import SurfaceError, SurfaceUnavailable
from soakwatch.reporter.case import Case
from soakwatch.reporter.github import GitHubIssues, SeenIssue
from soakwatch.reporter.github_errors import MOST_PATIENCE
from soakwatch.reporter.issue_changes import Change, Decide, Open
from soakwatch.reporter.issue_life import Rules
from soakwatch.reporter.issue_marker import Told
from soakwatch.reporter.issue_sync import sync
from soakwatch.reporter.issue_writing import Writing, known_again
from soakwatch.reporter.known_issue import KnownIssue
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.issue_carrying import GitHubChange, IssueCarrying
from soakwatch.scheduler.issue_position import IssueMemory, IssuePosition

MOST_CHANGES = 150
"""Changes of one pass: two pages of GitHub's list tell the next one of all that this one did."""

_OVERLAP, _SETTLED = 120.0, 600.0
"""Seconds for which a change may not show in GitHub's lists yet, and after which it surely does."""

DOUBT = 120.0
"""Seconds after which an issue that was asked for, and shows in no list, was not made."""

_MOST_TROUBLE = 3
"""Changes in a row that fail before the rest is left to the next pass."""

_ROUNDS = 3
"""How often it is planned anew when people have decided something."""

Cases = Callable[[Collection[str]], Iterable[Case]]
Hears = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is, what should change, and what this pass has seen of GitHub. Nothing was written anywhere."""

    changes: Sequence[Change]
    issues: dict[int, KnownIssue]
    seen: Sequence[KnownIssue]
    position: IssuePosition
    doubts: int = 0


@dataclass(slots=True)
class PassReport:
    """What was done, what went wrong, and how many changes are left to the next pass.

    `doubts` is how many issues were asked for a moment ago, and may have been made or not.
    """

    done: list[Change] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    left: int = 0
    doubts: int = 0
    is_final: bool = False
    """Whether GitHub said that nothing more is to be asked now."""

    @property
    def is_worth_a_try(self) -> bool:
        """Whether another pass in a few minutes may do what this one did not."""
        return not self.is_final and bool(self.trouble or self.doubts)


class IssuePass:
    """Keeps the issues of one repository. All methods raise StoreError, and `look` raises SurfaceError.

    `cases` gives all that issues should be about as the ledger has it at that moment, also what is over long since, if
    asked for by its fingerprint. Once another daemon has taken over, it ends with LeaseLost before it writes anything
    more to the ledger or to GitHub.
    """

    def __init__(
        self,
        ledger: FencedLedger,
        github: GitHubIssues,
        cases: Cases,
        deploys: Sequence[Deploy],
        rules: Rules,
    ) -> None:
        """Prepare; nothing is asked yet. `deploys` are those that changed something."""
        self._ledger = ledger.ledger
        self._fenced = ledger
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
        # a clock that was set back must not make it wait for ever
        if 0 < position.not_before - now <= MOST_PATIENCE:
            until = f"{datetime.fromtimestamp(position.not_before, UTC):%H:%M:%S} UTC"
            raise SurfaceUnavailable(f"GitHub wants to be left alone until {until}", position.not_before - now)
        seen = []
        newest = position.newest or 0.0
        for one in self._listed(position, issues, now):
            newest = max(newest, one.updated)
            if known := known_again(one, issues.get(one.number), now):
                issues[one.number] = known
                seen.append(known)
                position = position.sure_of(known.marker.fingerprint)
        position = replace(position, newest=newest or None, settled=now - newest > _SETTLED)
        return Outlook(self._planned(issues, position, now), issues, seen, position, len(_doubtful(position, now)))

    def _listed(self, position: IssuePosition, issues: Mapping[int, KnownIssue], now: float) -> Sequence[SeenIssue]:
        try:
            return self._github.ours(_since(position) if issues else None)
        except SurfaceUnavailable as error:
            if error.retry_after is not None:
                with self._fenced.transaction() as work:
                    self._memory.keep_position(work, replace(position, not_before=now + error.retry_after))
            raise

    def carry_out(
        self, outlook: Outlook, writing: Writing, now: float, told: Hears = lambda _change: None
    ) -> PassReport:
        """Do what `outlook` says; `told` hears of each change when it has been done.

        What went wrong is in the report. When GitHub wants to be left alone, or will do nothing of the kind, the rest
        is left; what was done until then stays done, and the next pass tries again.
        """
        with self._fenced.transaction() as work:
            for issue in outlook.seen:
                self._memory.keep_issue(work, issue)
            self._memory.keep_position(work, outlook.position)
        report = PassReport(doubts=outlook.doubts)
        changes = self._decided(outlook, now, report, told)
        writing.labels.update(outlook.position.labels)
        writing = replace(writing, before_each=self._fenced.check)
        carrying = IssueCarrying(self._fenced, self._memory, outlook.issues, outlook.position, now)
        report.left = len(changes)
        in_a_row = 0
        for change in changes[:MOST_CHANGES]:
            try:
                carrying.take(change, writing)
            except SurfaceError as error:
                report.trouble.append(str(error))
                in_a_row += 1
                report.is_final = carrying.note_refusal(error)
                if report.is_final or in_a_row >= _MOST_TROUBLE:
                    break
            else:
                in_a_row = 0
                report.left -= 1
                report.done.append(change)
                told(change)
        if not changes:
            self._prepare_a_label(carrying, writing, report)
        return report

    def _prepare_a_label(self, carrying: IssueCarrying, writing: Writing, report: PassReport) -> None:
        try:
            carrying.prepare_a_label(writing)
        except SurfaceError as error:
            carrying.note_refusal(error)
            report.trouble.append(str(error))

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
            with self._fenced.transaction() as work:
                for one in decisions:
                    work.rule(one.fingerprint, one.ruling)
            for one in decisions:
                report.done.append(one)
                told(one)
            changes = self._planned(outlook.issues, outlook.position, now)
        return [one for one in changes if not isinstance(one, Decide)]


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
    doubtful = _doubtful(position, now)
    return [one for one in changes if not (isinstance(one, Open) and one.case.fingerprint in doubtful)]


def _since(position: IssuePosition) -> float | None:
    """From when on changes are asked for; to the second, as GitHub has them."""
    if position.newest is None:
        return None
    return position.newest + (1.0 if position.settled else -_OVERLAP)


def _doubtful(position: IssuePosition, now: float) -> set[str]:
    return {fingerprint for fingerprint, at in position.doubtful if 0 <= now - at < DOUBT}
