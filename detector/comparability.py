"""Comparability: which baseline runs a run can be held against, and why none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soakwatch.detector.steady_run import SteadyRun


@dataclass(frozen=True, slots=True)
class Comparable:
    """The baseline runs that are like the current one; `obstacle` says what is in the way when there is none."""

    runs: Sequence[SteadyRun]
    obstacle: str = ""

    def without(self, fault: Callable[[SteadyRun], str], current: SteadyRun) -> "Comparable":
        """Leave out the runs that have a `fault` (a reason, or empty); with the current one's, leave out all."""
        if self.obstacle:
            return self
        own = fault(current)
        faults = [own or fault(run) for run in self.runs]
        left = [run for run, reason in zip(self.runs, faults, strict=True) if not reason]
        return Comparable(left, "" if left else faults[-1])


def with_like_load(baselines: Sequence[SteadyRun], current: SteadyRun, largest_difference: float) -> Comparable:
    """Keep the baseline runs that have windows after their warm-up, at about as many users as the current run."""
    return (
        Comparable(baselines)
        .without(_all_warm_up, current)
        .without(lambda run: _other_load(run, current, largest_difference), current)
    )


def with_unhurried_generator(comparable: Comparable, current: SteadyRun) -> Comparable:
    """Keep the runs whose load generator kept up, for response times and throughput.

    A saturated generator measures its own delays. It is no reason to doubt that an error was one: it answers for late
    requests, not for failed ones, and a service that fails at once is what saturates a generator of the closed kind.
    Error rates are therefore compared all the same; their reasons mention it.
    """
    return comparable.without(_saturated, current)


def saturation_note(comparable: Comparable, current: SteadyRun) -> str:
    """What to add to a verdict on error rates when a load generator was saturated; empty when none was."""
    return next((f"; {_saturated(run)}" for run in (*comparable.runs, current) if run.saturated), "")


def _all_warm_up(run: SteadyRun) -> str:
    if run.evidence:
        return ""
    return f"nothing is left of run {run.run.id} after its warm-up: users were still being started until its end"


def _other_load(run: SteadyRun, current: SteadyRun, largest: float) -> str:
    if run.basis != current.basis:  # a file has the most users that there were, a run of the store their mean
        return ""
    if run.users is None or current.users is None or abs(current.users - run.users) <= largest * run.users:
        return ""
    return f"load differs: {run.users:.3g} against {current.users:.3g} users"


def _saturated(run: SteadyRun) -> str:
    return f"the load generator of run {run.run.id} was saturated" if run.saturated else ""
