"""Accounting: what each pass of the daemon did and cost, written for those who watch soakwatch itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from soakwatch.core.errors import StoreError
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.reporter.request_tally import RequestTally
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.scheduler.job import Stopped
from soakwatch.store.projection import Projection


@dataclass
class OpenAccount:
    """The account of a pass that is under way; what it did is filled in by whoever does it."""

    account: PassAccount

    def note_requests(self, requests: int) -> None:
        """So many requests went out."""
        self.account = replace(self.account, requests=requests)

    def note_trouble(self) -> None:
        """Something went wrong, though not so that nothing was done."""
        self.account = replace(self.account, is_in_trouble=True)

    def note_detection(self, report: DetectionReport) -> None:
        """What detection did, at the moment for which the account is."""
        self.account = replace(
            self.account,
            steps=report.judged,
            series=len(report.series),
            learning=len(report.learning),
            unknown=len(report.unknown),
            lag=max(0.0, self.account.at - report.until),
        )


@dataclass(frozen=True, slots=True)
class Accounting:
    """Writes accounts to `projection`. That it cannot be written is no trouble of the pass."""

    projection: Projection
    environment: str

    @contextmanager
    def of_issues(self, now: float) -> Iterator[OpenAccount]:
        """The account of a pass over the issues, with what was asked of GitHub."""
        before = RequestTally.answered
        with self.of(PassName.ISSUES, now) as account:
            try:
                yield account
            finally:
                account.note_requests(RequestTally.answered - before)

    @contextmanager
    def of(self, name: PassName, now: float) -> Iterator[OpenAccount]:
        """The account of the pass `name` at `now`; what ends it early is its trouble."""
        began = time.perf_counter()
        opened = OpenAccount(PassAccount(now, self.environment, name, 0.0))
        try:
            yield opened
        except Stopped:
            raise
        except Exception:
            opened.note_trouble()
            raise
        finally:
            took = time.perf_counter() - began
            with suppress(StoreError):
                self.projection.write([replace(opened.account, duration=took)])
