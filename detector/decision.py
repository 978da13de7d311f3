"""Decisions: what a change means under the settings, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from soakwatch.core.numbers import format_interval, format_size, format_value
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Decision, Metric, Severity, Verdict
from soakwatch.detector.adjustment import holm
from soakwatch.detector.change import Change, Finding

_STRICTER = 2.0
"""How many times its 95 % half-width a change must be to survive the adjustment over some fifty tests at alpha .01."""


@dataclass(frozen=True, slots=True)
class Gates:
    """What a change must pass to count: `smallest` and `critical` as `Effect` has it, `floor` in the metric's unit.

    `worse` is +1 where more is worse and -1 where less is.
    """

    smallest: float
    critical: float
    floor: float
    alpha: float
    worse: int = 1


def gates_for(metric: Metric, settings: ComparisonSection) -> Gates:
    """Error rates are gated by their difference, everything else by its relative change, alike up and down."""
    if metric is Metric.ERROR_RATE:
        return Gates(settings.min_error_change, settings.critical_error_change, 0.0, settings.alpha)
    if metric is Metric.THROUGHPUT:
        return Gates(settings.min_effect, settings.critical_effect, 0.0, settings.alpha, worse=-1)
    return Gates(settings.min_effect, settings.critical_effect, settings.floor, settings.alpha)


def decide_all(findings: Sequence[Finding], settings: ComparisonSection) -> list[Verdict]:
    """Turn findings into verdicts, in their order, with p-values adjusted over all that were tested."""
    tested = [finding.change for finding in findings if finding.change]
    adjusted = iter(holm([found.p for found in tested]))
    return [decide(finding, next(adjusted) if finding.change else None, settings) for finding in findings]


def decide(finding: Finding, p: float | None, settings: ComparisonSection) -> Verdict:
    """Judge one finding; `p` is adjusted.

    A change that passes every gate is `regressed` or `improved`. A regression is critical when its point estimate is:
    the adjusted p has already shown that there is one, and by its interval, severity would depend on how long the run
    was. A change that the load generator's own delay may explain is unknown. `same` needs an interval that excludes
    changes of critical size, or of the absolute floor; where the evidence is indirect, a change that would count if it
    were certain is unknown as well, because windows might have shown it.
    """
    found = finding.change
    if found is None or p is None:
        return _verdict(finding, Decision.UNKNOWN, None, finding.obstacle)
    gates = gates_for(finding.metric, settings)
    if _is_real(found, p, gates):
        if found.absolute < gates.floor + finding.generators_part:
            return _verdict(finding, Decision.UNKNOWN, p, _what_the_generator_explains(finding, found))
        decision = Decision.REGRESSED if found.effect.value * gates.worse > 0 else Decision.IMPROVED
        return _verdict(finding, decision, p, _what_moved(finding, found), _severity(found, gates, decision))
    if finding.indirect and _is_large(found, gates) and not _stays_below_floor(found, gates):
        return _verdict(finding, Decision.UNKNOWN, p, _what_files_leave_open(finding, found))
    if _excludes_critical(found, gates) or _stays_below_floor(found, gates):
        return _verdict(finding, Decision.SAME, p, _why_same(finding, found, gates))
    return _verdict(finding, Decision.UNKNOWN, p, _what_would_decide(finding, found, gates))


def _is_real(found: Change, p: float, gates: Gates) -> bool:
    return _is_large(found, gates) and p < gates.alpha and found.excludes_none


def _is_large(found: Change, gates: Gates) -> bool:
    return abs(found.effect.value) >= gates.smallest and found.absolute >= gates.floor


def _excludes_critical(found: Change, gates: Gates) -> bool:
    return -gates.critical < found.effect.low and found.effect.high < gates.critical


def _stays_below_floor(found: Change, gates: Gates) -> bool:
    return found.absolute_bound < gates.floor


def _severity(found: Change, gates: Gates, decision: Decision) -> Severity:
    if decision is not Decision.REGRESSED:
        return Severity.NONE
    return Severity.CRITICAL if abs(found.effect.value) >= gates.critical else Severity.WARNING


def _verdict(
    finding: Finding, decision: Decision, p: float | None, reason: str, severity: Severity = Severity.NONE
) -> Verdict:
    effect = finding.change.effect if finding.change else None
    return Verdict(
        finding.series, finding.metric, decision, severity, finding.baseline, finding.current, effect, p, reason
    )


def _what_moved(finding: Finding, found: Change) -> str:
    metric = finding.metric
    values = f"{format_value(metric, finding.baseline)} to {format_value(metric, finding.current)}"
    direction = "rose" if found.effect.value > 0 else "fell"
    name = metric.replace("_", " ")
    return f"{name} {direction} from {values}: {_measured(finding, found)}"


def _what_the_generator_explains(finding: Finding, found: Change) -> str:
    own = format_value(finding.metric, finding.generators_part)
    return (
        f"{_measured(finding, found)}, but the load generator was itself late, and {own} of the change may be its own"
    )


def _why_same(finding: Finding, found: Change, gates: Gates) -> str:
    measured = _measured(finding, found)
    if not found.excludes_none:
        return f"{measured}, which equal runs show too"
    if found.absolute < gates.floor:
        return f"{measured}, but a difference of {format_value(finding.metric, found.absolute)} is below the floor"
    return f"{measured}, too small to count" if abs(found.effect.value) < gates.smallest else f"{measured}, not certain"


def _what_would_decide(finding: Finding, found: Change, gates: Gates) -> str:
    wide = f"the interval {format_interval(finding.metric, found.effect)} is too wide"
    if found.excludes_none:
        wide = f"{_measured(finding, found)} is likely but not certain"
    needed = _requests_needed(found, gates)
    if needed is None:
        return f"{wide}; equal runs differ too much for one to decide, more baseline runs would"
    return f"{wide}; about {_rounded_up(needed)} requests would decide"


def _requests_needed(found: Change, gates: Gates) -> float | None:
    """Requests in each run with which the interval would decide at this size; None when no number would."""
    effect, size = found.effect, abs(found.effect.value)
    half = max(effect.high - effect.value, effect.value - effect.low)
    variance = found.sampling + found.lasting
    slack = max(gates.critical - size, size / _STRICTER)
    allowed = variance * (slack / half) ** 2 - found.lasting
    return max(1.2 * found.requests, found.requests * found.sampling / allowed) if allowed > 0 else None


def _what_files_leave_open(finding: Finding, found: Change) -> str:
    return f"{_measured(finding, found)} would count if it were certain; runs of the store show smaller changes"


def _measured(finding: Finding, found: Change) -> str:
    metric, effect = finding.metric, found.effect
    return f"{format_size(metric, effect)} (95 %: {format_interval(metric, effect)})"


def _rounded_up(number: float) -> str:
    """Two digits, upwards enough to be safe: `1,300`."""
    step: int = 10 ** max(0, floor(log10(max(number, 1.0))) - 1)
    return f"{-(-int(number) // step) * step:,}"
