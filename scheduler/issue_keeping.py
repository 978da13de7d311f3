"""Issue keeping: the issues of a repository, kept in step with what the ledger and the store know."""

from collections.abc import Collection, Iterable

from soakwatch.core.configuration import Configuration
from soakwatch.detector.maintenance import planned_by
from soakwatch.reporter.case import Case
from soakwatch.reporter.github import GitHubIssues
from soakwatch.reporter.issue_life import Rules
from soakwatch.reporter.issue_writing import Writing
from soakwatch.reporter.page_links import Places
from soakwatch.reporter.pages import Pages
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.incident_evidence import evidence_of
from soakwatch.scheduler.issue_cases import KnownCases, known_cases
from soakwatch.scheduler.issue_pass import Hears, IssuePass, Outlook, PassReport
from soakwatch.scheduler.known_deploys import KnownDeploys
from soakwatch.store.contract import WindowStore

_DAY = 86_400.0


class IssueKeeping:
    """Looks and carries out, as `IssuePass` does. All methods also raise StoreError."""

    def __init__(
        self,
        store: WindowStore,
        ledger: FencedLedger,
        github: GitHubIssues,
        configuration: Configuration,
        places: Places,
    ) -> None:
        """Prepare; nothing is read yet."""
        self._store = store
        self._ledger = ledger.ledger
        self._fenced = ledger
        self._github = github
        self._configuration = configuration
        self._places = places
        self._deploys = KnownDeploys(store)

    def look(self, now: float) -> Outlook:
        """What should change; nothing is written anywhere."""
        return self._pass(now).look(now)

    def pages(self, now: float) -> Pages:
        """What issues say at `now`."""
        deploys = self._deploys.changes(now, now - _DAY)
        known = self._known(now)
        return Pages(
            lambda incident: evidence_of(self._store, incident, deploys, now),
            self._places,
            known.alerts,
            known.maintenance,
        )

    def carry_out(self, outlook: Outlook, now: float, hears: Hears = lambda _change: None) -> PassReport:
        """Do what `outlook` says."""
        writing = Writing(self._github, self.pages(now), set(), self._configuration.github.milestone)
        return self._pass(now).carry_out(outlook, writing, now, hears)

    def keep(self, now: float, accounting: Accounting, hears: Hears = lambda _change: None) -> PassReport:
        """Look, carry out, and write the account of it."""
        with accounting.of_issues(now) as account:
            report = self.carry_out(self.look(now), now, hears)
            if report.trouble:
                account.note_trouble()
        return report

    def _known(self, now: float, wanted: Collection[str] = ()) -> KnownCases:
        settings = self._configuration
        return known_cases(self._ledger, settings.assignee, now, wanted, planned_by(settings))

    def _pass(self, now: float) -> IssuePass:
        def cases(wanted: Collection[str]) -> Iterable[Case]:
            return self._known(now, wanted).cases

        deploys = self._deploys.changes(now, now - _DAY)
        rules = Rules(self._configuration.github.max_new).scaled(self._configuration.detector.time_scale)
        return IssuePass(self._fenced, self._github, cases, deploys, rules)
