"""A daemon's passes at whatever time it is told: the tick, retention, issues, annotations."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from soakwatch.core.configuration import Configuration
from soakwatch.detector.timing import Timing
from soakwatch.grafana.annotation_shelf import AnnotationShelf
from soakwatch.grafana.api import GrafanaApi
from soakwatch.grafana.api import Where as WhereGrafana
from soakwatch.reporter.github import GitHubIssues
from soakwatch.reporter.github import Where as WhereGitHub
from soakwatch.reporter.page_links import Places
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.annotating import Annotating
from soakwatch.scheduler.annotation_pass import AnnotationPass
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.issue_addresses import issue_addresses
from soakwatch.scheduler.issue_keeping import IssueKeeping
from soakwatch.scheduler.showing import Showing
from soakwatch.scheduler.tenure import Tenure
from soakwatch.scheduler.tick import Progress, RollUps, Ticker
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.opening import open_projection


@dataclass(frozen=True)
class Surfaces:
    """Where its GitHub and its Grafana are, and what opens them."""

    github: str
    github_token: str
    repository: str
    grafana: str
    grafana_token: str


@dataclass(frozen=True)
class Stepped:
    """What came of a step: what detection did, and how many points have expired."""

    detection: DetectionReport
    expired: int


@dataclass(frozen=True)
class WholeDaemon:
    """All that a daemon does at a moment, without threads."""

    tenure: Tenure
    ticker: Ticker
    keeping: IssueKeeping
    annotating: Annotating
    accounting: Accounting

    def step(self, now: float, progress: Progress = lambda _what, _done, _all: None) -> Stepped:
        """What is due at `now`. Raises StoreUnavailable while another one works, and LeaseLost once one does.

        `progress` is told how far it has come, once it has the lease.
        """
        self.tenure.take()
        report = self.ticker.tick(now, progress)
        expired = self.ticker.roll_ups.expire(now)
        trouble = [*report.trouble, *self.keeping.keep(now, self.accounting).trouble, *self.annotating.keep(now)]
        assert not trouble, trouble
        return Stepped(report.detection, expired)


@contextmanager
def a_whole_daemon(
    configuration: Configuration,
    store: WindowStore,
    ledger: Ledger,
    surfaces: Surfaces,
    tenure: Tenure,
) -> Iterator[WholeDaemon]:
    """Put the parts together as `soakwatch watch` does, over a store and a ledger that are open."""
    github = GitHubIssues(
        WhereGitHub(surfaces.repository, surfaces.github, SecretStr(surfaces.github_token), 10), between_writes=0.0
    )
    api = GrafanaApi(WhereGrafana(surfaces.grafana, SecretStr(surfaces.grafana_token), 10))
    fenced = FencedLedger(ledger, tenure.fence)
    try:
        with open_projection(configuration) as projection:
            accounting = Accounting(projection, configuration.environment)
            showing = Showing(projection, Timing.of(configuration.detector), partial(issue_addresses, ledger))
            annotating = Annotating(AnnotationPass(store, fenced, AnnotationShelf(api)), accounting)
            detection = Detection(store, ledger, configuration, showing.step)
            ticker = Ticker(RollUps(store, nullcontext), detection, tenure.fence, accounting, showing.refused)
            keeping = IssueKeeping(store, fenced, github, configuration, Places())
            yield WholeDaemon(tenure, ticker, keeping, annotating, accounting)
    finally:
        github.close()
        api.close()
