"""Evidence: what the store has on an incident beside what the ledger knows, for its page."""

from collections.abc import Sequence
from dataclasses import dataclass

from soakwatch.core.deploy import Deploy
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import ErrorGrowth, Metric
from soakwatch.core.window import Exemplar


@dataclass(frozen=True, slots=True)
class Course:
    """How one metric of one series went: `values` in its unit at `moments`, None where nothing was measured."""

    series: Series
    metric: Metric
    moments: Sequence[float]
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at `until`, in seconds since the epoch; all of it may be missing.

    `errors` are the kinds of errors that grew, worst first. `previous` is the deploy that the one before the onset
    replaced. `run` is the one during which it was seen last.
    """

    until: float
    course: Course | None = None
    errors: tuple[ErrorGrowth, ...] = ()
    slowest: tuple[Series, Exemplar] | None = None
    previous: Deploy | None = None
    run: Run | None = None
