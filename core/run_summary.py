"""Run summaries: what files tell of whole runs, endpoint by endpoint, where there are no windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric


@dataclass(frozen=True, slots=True)
class ErrorTotal:
    """How often one kind of error happened to one endpoint in a whole run, with a sample message."""

    kind: str
    count: int
    sample: str = ""


@dataclass(frozen=True, slots=True)
class EndpointTotals:
    """One endpoint over a whole run, as Locust's own files have it.

    Times are milliseconds and cover successes and failures alike. `percentiles` maps shares of the responses to times,
    in ascending order of both: 0 is the fastest response, 1 the slowest; empty where no request had a time. `rounded`
    says that they are as coarse as Locust makes them, two significant digits from 100 ms on and whole milliseconds
    below. `mean` is exact, None where it is not known.
    """

    requests: int
    failures: int
    mean: float | None = None
    percentiles: Mapping[float, float] = field(default_factory=dict)
    rounded: bool = True
    errors: Sequence[ErrorTotal] = ()


@dataclass(frozen=True, slots=True)
class RunTotals:
    """A run as Locust's own files tell it: totals only, warm-up included."""

    run: Run
    endpoints: Mapping[Series, EndpointTotals]


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring windows of one endpoint, added up. `success_sum` (ms) and `hist` are of the successes."""

    requests: int
    failures: int
    success_sum: float
    hist: Histogram


@dataclass(frozen=True, slots=True)
class PinnedEndpoint:
    """One endpoint of a pinned run: its blocks in order of time, and its kinds of errors.

    `windows` is how many windows with requests the blocks were made of.
    """

    blocks: Sequence[Block]
    windows: int
    errors: Sequence[ErrorTotal] = ()


@dataclass(frozen=True, slots=True)
class PinnedRun:
    """A run's steady part, condensed to so few blocks that it fits into a file, and so many that it can be tested.

    `seconds` are covered by each of its w blocks, and every endpoint has w. `users` is their mean, None where not
    known; `late` are the delays of the load generator's event loop (ms), and `saturated` says that it did not keep up.
    """

    run: Run
    seconds: Sequence[float]
    users: float | None
    saturated: bool
    late: Histogram
    endpoints: Mapping[Series, PinnedEndpoint]


@dataclass(frozen=True, slots=True)
class PlainBaseline:
    """Plain numbers of whole services, as files of version 1 have them: values without counts, taken as exact.

    `services` maps names to response times (ms) and the error rate (share); any of them may be missing.
    """

    run: Run
    services: Mapping[str, Mapping[Metric, float]]


RunSummary = RunTotals | PinnedRun | PlainBaseline
"""What a file may hold of a run."""
