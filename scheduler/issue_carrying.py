"""Issue carrying: changes carried out on GitHub one by one, and what is there then noted in the ledger."""

from dataclasses import dataclass, replace

from soakwatch.core.errors import SurfaceError, SurfaceRefused, SurfaceUnavailable
from soakwatch.reporter.github_errors import IssueGone, IssueRefused
from soakwatch.reporter.issue_changes import Edit, Merge, Open, Thin
from soakwatch.reporter.issue_writing import Writing
from soakwatch.reporter.known_issue import KnownIssue
from soakwatch.reporter.labels import ACCEPT, IGNORED
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.issue_position import IssueMemory, IssuePosition
from soakwatch.store.ledger import LedgerTransaction

GitHubChange = Open | Edit | Merge | Thin


@dataclass
class IssueCarrying:
    """Carries out changes one by one, and writes down in the ledger what GitHub has then.

    `issues` are those that are known, by number; `position` is where the pass is. Both are kept up to date. All methods
    but `note_refusal` raise SurfaceError, and all raise StoreError.
    """

    ledger: FencedLedger
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
                    after = _gone(before, writing, self.now)
                self._keep(after, writing)

    def note_refusal(self, error: SurfaceError) -> bool:
        """Write down how long GitHub wants to be left alone, if it says so; whether nothing more is to be asked now."""
        if isinstance(error, SurfaceUnavailable) and error.retry_after is not None:
            self.position = replace(self.position, not_before=self.now + error.retry_after)
            with self.ledger.transaction() as work:
                self.memory.keep_position(work, self.position)
            return True
        return isinstance(error, SurfaceRefused) and not isinstance(error, IssueRefused | IssueGone)

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


def _gone(issue: KnownIssue, writing: Writing, now: float) -> KnownIssue:
    """One that was deleted; looked at once more, because that silences its incident."""
    try:
        writing.github.page(issue.number)
    except IssueGone:
        return replace(issue, gone=True, closed=issue.closed or now)
    raise SurfaceUnavailable(f"GitHub has told that issue #{issue.number} is gone, and then that it is there")


def _changed(change: Edit | Merge | Thin, issue: KnownIssue, writing: Writing, now: float) -> KnownIssue:
    match change:
        case Edit():
            return writing.edit(change, issue, now)
        case Merge():
            return writing.merge(change)
        case Thin():
            return writing.thin(change.number, issue)
