"""Signals as the engine gives them, for tests of what is made of them."""

from collections.abc import Iterable, Sequence

from soakwatch.core.deploy import Deploy
from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Finding, Incident, Kind, Shape, Testimony
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.signal import Signal, Standing
from soakwatch.detector.timing import Timing

TIMING = Timing.of(DetectorSection())
NOON = 1_790_596_800.0
MINUTE = 60.0

Tick = tuple[float, Sequence[Signal]]


def endpoint(name: str, service: str = "rag") -> Series:
    return Series("staging", "soak", service, "GET", name)


def around(moment: float, minutes: float = 10.0) -> Span:
    return Span(moment - minutes * MINUTE / 2, moment + minutes * MINUTE / 2)


def found(series: Series, onset: Span, at: float, severity: Severity = Severity.WARNING) -> Finding:
    said = Testimony(at, "fast layer", f"the last 30 minutes are slower, says the step at {at:.0f}")
    effect = Effect(0.2, 0.15, 0.25)
    return Finding(series, Metric.P95, severity, Shape.STEP, onset, 100.0, 120.0, effect, evidence=(said,))


def signal(  # noqa: PLR0913  (a builder: what a test does not name is as usual)
    series: Series,
    at: float,
    standing: Standing = Standing.ALARM,
    *,
    onset: Span | None = None,
    severity: Severity = Severity.WARNING,
    immediate: bool = False,
) -> Signal:
    if standing in {Standing.NORMAL, Standing.UNKNOWN}:
        return Signal(at, series, Metric.P95, Kind.LATENCY, standing)
    finding = found(series, around(NOON) if onset is None else onset, at, severity)
    return Signal(at, series, Metric.P95, Kind.LATENCY, standing, finding, immediate)


def steps(standings: str, series: Series, begin: float = NOON + 10 * MINUTE, onset: Span | None = None) -> list[Tick]:
    """A step a minute: A for alarm, e for elevated, n for normal, u for unknown, a dot for no signal at all."""
    words = {"A": Standing.ALARM, "e": Standing.ELEVATED, "n": Standing.NORMAL, "u": Standing.UNKNOWN}
    moments = ((begin + number * MINUTE, letter) for number, letter in enumerate(standings))
    return [(at, [signal(series, at, words[one], onset=onset)] if one in words else []) for at, one in moments]


def together(*parts: Iterable[Tick]) -> list[Tick]:
    """What happens at the same time to several series."""
    moments: dict[float, list[Signal]] = {}
    for part in parts:
        for at, signals in part:
            moments.setdefault(at, []).extend(signals)
    return sorted(moments.items())


def run(ticks: Iterable[Tick], incidents: Sequence[Incident] = (), deploys: Sequence[Deploy] = ()) -> list[Incident]:
    """All incidents after `ticks`, in the order in which they began."""
    after = list(incidents)
    for at, signals in ticks:
        after = advance_incidents(after, signals, at, TIMING, deploys)
    return after
