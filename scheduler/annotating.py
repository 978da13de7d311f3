"""Annotating: the daemon's annotations in Grafana, with an account of what they took."""

from collections.abc import Sequence
from dataclasses import dataclass

from soakwatch.core.pass_account import PassName
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.annotation_pass import AnnotationPass


@dataclass(frozen=True, slots=True)
class Annotating:
    """A surface of the daemon."""

    annotations: AnnotationPass
    accounting: Accounting

    def keep(self, now: float) -> Sequence[str]:
        """One pass; sentences on what went wrong. Raises StoreUnavailable, StoreRefused."""
        with self.accounting.of(PassName.ANNOTATIONS, now) as account:
            report = self.annotations.run(now)
            account.note_requests(report.requests)
            if report.trouble:
                account.note_trouble()
        return report.trouble
