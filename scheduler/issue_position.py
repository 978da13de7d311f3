"""Issue position: what the issue pass remembers of a repository from one time to the next."""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from soakwatch.reporter.known_issue import KnownIssue, decode_known, encode_known
from soakwatch.store.ledger import LedgerReading, LedgerTransaction


@dataclass(frozen=True, slots=True)
class IssuePosition:
    """What is known of GitHub. Times are seconds since the epoch.

    `newest` is when the last of all issues that were seen was changed, None at first; it is `settled` when they were
    looked at so long after that nothing older can show up any more. `labels` are those that exist. `doubtful` are
    fingerprints of cases whose issue was asked for, and when: whether it was made is not known. Before `not_before`
    GitHub wants to be left alone.
    """

    newest: float | None = None
    settled: bool = False
    labels: tuple[str, ...] = ()
    doubtful: tuple[tuple[str, float], ...] = ()
    not_before: float = 0.0

    def doubting(self, fingerprint: str, at: float) -> "IssuePosition":
        """With an issue that is asked for."""
        return replace(self.sure_of(fingerprint), doubtful=(*self.sure_of(fingerprint).doubtful, (fingerprint, at)))

    def sure_of(self, fingerprint: str) -> "IssuePosition":
        """Without doubts about a case."""
        return replace(self, doubtful=tuple(one for one in self.doubtful if one[0] != fingerprint))


_RECORD = TypeAdapter(IssuePosition)


@dataclass(frozen=True, slots=True)
class IssueMemory:
    """The place of one repository in the ledger. Without it all is asked of GitHub again, and nothing is lost."""

    repository: str

    def position(self, ledger: LedgerReading) -> IssuePosition:
        """Where the last pass came to."""
        written = ledger.cursor(self._name)
        try:
            return _RECORD.validate_json(written) if written else IssuePosition()
        except ValidationError:
            return IssuePosition()

    def issues(self, ledger: LedgerReading) -> dict[int, KnownIssue]:
        """All issues that were ever seen, by number."""
        known = map(decode_known, ledger.remembered(f"{self._name} ").values())
        return {issue.number: issue for issue in known if issue is not None}

    def keep_position(self, work: LedgerTransaction, position: IssuePosition) -> None:
        """Remember where this pass came to."""
        work.set_cursor(self._name, _RECORD.dump_json(position).decode())

    def keep_issue(self, work: LedgerTransaction, issue: KnownIssue) -> None:
        """Remember an issue."""
        work.remember({f"{self._name} {issue.number}": encode_known(issue)})

    @property
    def _name(self) -> str:
        return f"github {self.repository}"
