"""Ticking: what `detect` and `watch` put together, and what comes of it for a shell."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from functools import partial

from soakwatch.cli.grafana_connection import connected, has_token
from soakwatch.cli.moments import written_moment
from soakwatch.cli.options import open_store
from soakwatch.cli.pass_lock import one_pass_at_a_time
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ExitCode, StoreError
from soakwatch.core.incident import Incident, State
from soakwatch.core.series import Series
from soakwatch.core.settings import RequireSection
from soakwatch.detector.timing import Timing
from soakwatch.grafana.annotation_shelf import AnnotationShelf
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.annotating import Annotating
from soakwatch.scheduler.annotation_pass import AnnotationPass
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.scheduler.issue_addresses import issue_addresses
from soakwatch.scheduler.showing import Showing
from soakwatch.scheduler.tenure import Tenure
from soakwatch.scheduler.tick import RollUps, Surface, Ticker
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import open_projection


@contextmanager
def opened_ticker(configuration: Configuration) -> Iterator[Ticker]:
    """Open the store and the ledger to work on them; in the end another process may do so at once."""
    with (
        open_store(configuration, None) as store,
        create_ledger(configuration) as ledger,
        open_projection(configuration) as projection,
        ExitStack() as surfaces,
    ):
        tenure = Tenure(ledger)
        showing = Showing(projection, Timing.of(configuration.detector), partial(issue_addresses, ledger))
        detection = Detection(store, ledger, configuration, showing.step)
        accounting = Accounting(projection, configuration.environment)
        shown = [showing.refused, *_surfaces(configuration, store, ledger, accounting, surfaces)]
        roll_ups = RollUps(store, lambda: one_pass_at_a_time(configuration.store))
        try:
            yield Ticker(roll_ups, detection, tenure, accounting, shown)
        finally:
            # what went wrong before is to be told, not that the lease cannot be given back: it expires by itself
            with suppress(StoreError):
                tenure.release()


def _surfaces(
    configuration: Configuration, store: WindowStore, ledger: Ledger, accounting: Accounting, opened: ExitStack
) -> list[Surface]:
    """Grafana, where it is configured with a right to write there."""
    if not (configuration.grafana.url and has_token(configuration)):
        return []
    shelf = AnnotationShelf(opened.enter_context(connected(configuration)))
    return [Annotating(AnnotationPass(store, ledger, shelf), accounting).keep]


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
