"""Ticking: what `detect` and `watch` put together, and what comes of it for a shell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial

from soakwatch.cli.moments import written_moment
from soakwatch.cli.options import open_store
from soakwatch.cli.pass_lock import one_pass_at_a_time
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ExitCode
from soakwatch.core.incident import Incident, State
from soakwatch.core.series import Series
from soakwatch.core.settings import RequireSection
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.scheduler.issue_addresses import issue_addresses
from soakwatch.scheduler.showing import Showing
from soakwatch.scheduler.tenure import Tenure
from soakwatch.scheduler.tick import RollUps, Ticker
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import open_projection

_SHORTEST_LEASE = 10.0
"""Seconds."""


@contextmanager
def opened_ticker(configuration: Configuration) -> Iterator[Ticker]:
    """Open the store and the ledger to work on them alone; in the end another process may do so at once.

    Raises StoreUnavailable, also when somebody else is at work.
    """
    with open_store(configuration, None) as store, create_ledger(configuration) as ledger:
        tenure = tenure_of(configuration, ledger)
        with tenure.beating(), ticker_over(configuration, store, ledger, tenure.fence) as ticker:
            tenure.take()
            yield ticker


def tenure_of(configuration: Configuration, ledger: Ledger) -> Tenure:
    """The lease of this process: for a step of the detector, but not so short that a busy machine loses it."""
    return Tenure(ledger, max(_SHORTEST_LEASE, Timing.of(configuration.detector).step))


@contextmanager
def ticker_over(
    configuration: Configuration, store: WindowStore, ledger: Ledger, fence: Callable[[], int]
) -> Iterator[Ticker]:
    """What ticks over them, with what it shows to dashboards."""
    with open_projection(configuration) as projection:
        showing = Showing(projection, Timing.of(configuration.detector), partial(issue_addresses, ledger))
        yield Ticker(
            RollUps(store, lambda: one_pass_at_a_time(configuration.store)),
            Detection(store, ledger, configuration, showing.step),
            fence,
            Accounting(projection, configuration.environment),
            showing.refused,
        )


def regressions(report: DetectionReport, now: float) -> list[Incident]:
    """The incidents that are confirmed, still there, and not ignored."""
    there = {State.CONFIRMED, State.RECOVERING}
    return [one for one in report.incidents if one.state in there and not (one.is_accepted or one.is_silent(now))]


def undecided(report: DetectionReport, configuration: Configuration) -> list[str]:
    """Sentences on what [[require]] names and nothing can be told of yet."""
    return [sentence for rule in configuration.require for sentence in _undecided(report, rule)]


def exit_code_of(report: DetectionReport, configuration: Configuration, now: float) -> ExitCode:
    """1 for a confirmed incident that is open, 4 where a series that must be decided is not, else 0."""
    if regressions(report, now):
        return ExitCode.REGRESSION
    return ExitCode.UNDECIDED if undecided(report, configuration) else ExitCode.FINE


def _undecided(report: DetectionReport, rule: RequireSection) -> Iterator[str]:
    required = [series for series in report.series if _matches(series, rule)]
    if not required:
        yield f"nothing is known of service {rule.service!r}, endpoint {rule.endpoint!r}, which [[require]] names"
    learning = [series for series in required if series in report.learning]
    if learning:
        until = written_moment(max(report.learning[series] for series in learning))
        more = f" and {len(learning) - 1} more" if len(learning) > 1 else ""
        yield f"{learning[0]}{more}: learning what is normal until {until}"
    unknown = [series for series in required if series in report.unknown]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        yield f"{unknown[0]}{more}: {report.unknown[unknown[0]]}"


def _matches(series: Series, rule: RequireSection) -> bool:
    return fnmatchcase(series.service, rule.service) and fnmatchcase(series.endpoint, rule.endpoint)
