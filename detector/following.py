"""Following a finding: what the signal of each step makes of it."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from soakwatch.core.incident import Course, Finding, Shape, Testimony
from soakwatch.core.span import Span
from soakwatch.core.verdict import Severity
from soakwatch.detector.onset_vote import gap_between
from soakwatch.detector.signal import Signal, Standing
from soakwatch.detector.timing import Timing

MOST_METHODS = 8
"""Methods of a finding whose words are kept; the engine has fewer."""


def begin(finding: Finding, signal: Signal, timing: Timing) -> Finding:
    """Take up what a first alarm found."""
    held = timing.hold if signal.immediate else 1
    course = Course(since=signal.at, heard=signal.at, held=held)
    return replace(finding, evidence=_kept(finding.evidence, signal.at), course=course, recovered=None)


def follow(finding: Finding, signal: Signal | None, timing: Timing, confirmed: float | None) -> Finding:
    """Go on by a step in which `signal` was given of it; None and UNKNOWN say nothing.

    `confirmed` is when its incident was. What is thought of the onset may change freely before, and afterwards only
    nearby and for as long as new data tell more of it: later the moment has left the engine's sight.
    """
    if signal is None or signal.standing is Standing.UNKNOWN:
        return finding
    told = replace(finding, course=_next(finding.course, signal, timing))
    if signal.standing is Standing.NORMAL:
        is_back = told.recovered is None and told.course.normal >= timing.patience
        return replace(told, recovered=signal.at) if is_back else told
    if signal.standing is Standing.ALARM:
        told = replace(told, recovered=None)
    return told if signal.finding is None else _revised(told, signal.finding, signal, timing, confirmed)


def is_gone(finding: Finding, at: float, timing: Timing) -> bool:
    """Whether nothing could be told of it for longer than baselines look back: nobody tests it any more."""
    return at - finding.course.heard > timing.history * timing.step


def _next(course: Course, signal: Signal, timing: Timing) -> Course:
    heard = replace(course, heard=signal.at)
    match signal.standing:
        case Standing.ALARM:
            held = max(course.held + 1, timing.hold) if signal.immediate else course.held + 1
            return replace(heard, held=held, quiet=0, normal=0)
        case Standing.ELEVATED:
            return replace(heard, quiet=course.quiet + 1, normal=0)
        case _:
            return replace(heard, held=max(0, course.held - 1), quiet=course.quiet + 1, normal=course.normal + 1)


def _revised(known: Finding, now: Finding, signal: Signal, timing: Timing, confirmed: float | None) -> Finding:
    at = signal.at
    # a layer that looks back an hour sees of a creep that it is slower, and cannot tell that it creeps
    creeps = known.shape is Shape.CREEP and not signal.immediate
    # the slow layer may see that it goes on before it has enough to see since when
    tells = signal.standing is Standing.ALARM
    return replace(
        known,
        severity=known.severity if now.severity is Severity.NONE else now.severity,
        shape=known.shape if creeps else now.shape,
        onset=now.onset if tells and _may_be(now.onset, known, at, timing, confirmed) else known.onset,
        baseline=now.baseline,
        current=now.current,
        effect=now.effect,
        per_day=known.per_day if creeps else now.per_day,
        evidence=_kept((*known.evidence, *now.evidence), at if confirmed is None else confirmed),
    )


def _may_be(onset: Span, known: Finding, at: float, timing: Timing, confirmed: float | None) -> bool:
    sight = timing.long * timing.step
    return confirmed is None or (at - known.course.since <= sight and gap_between(onset, known.onset) <= sight)


def _kept(evidence: Iterable[Testimony], confirmed: float) -> tuple[Testimony, ...]:
    """Of each method the first word, the last one up to `confirmed`, and the last one; in the order of time."""
    in_order = sorted(evidence, key=lambda word: (word.method, word.at, word.says))
    chosen: set[Testimony] = set()
    for number, (_, words) in enumerate(groupby(in_order, key=lambda word: word.method)):
        if number < MOST_METHODS:
            chosen.update(_turning_points(list(words), confirmed))
    return tuple(sorted(chosen, key=lambda word: (word.at, word.method, word.says)))


def _turning_points(words: list[Testimony], confirmed: float) -> list[Testimony]:
    until = [word for word in words if word.at <= confirmed]
    return [words[0], *until[-1:], words[-1]]
