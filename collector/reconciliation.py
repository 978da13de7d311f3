"""Reconciliation: what Locust counted against what is stored, difference by difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from soakwatch.core.run import Reconciliation, Tally


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at the end of a run; all numbers are requests, mappings are by source.

    `locust` is Locust's own total, `discarded` what resets took from it where it is kept. `received` came in by the
    reports of each worker (for a run without workers: all that was not reset). `stored` is read back from the
    store; None when it could not be asked. `waiting` was found in the spools of this machine.
    """

    locust: int
    discarded: int
    received: Mapping[str, int]
    tallies: Sequence[Tally]
    stored: Mapping[str, int] | None
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one source adds to the reconciliation."""

    reached: int
    waiting: int
    lost: int
    reset: int
    after_last_report: int
    invalid: int


def reconcile(evidence: Evidence) -> Reconciliation:
    """Explain every difference between Locust's own total and the store.

    A source that left no final tally was killed, or its data did not arrive: what it had reported or stored is known,
    what is missing from that is lost, and its name is given, because more may be missing.

    When the store could not be asked, it has what was counted and neither waits nor was dropped. What a source reported
    that has left nothing on this machine waits, wherever it is: in the store already, or in a spool elsewhere.
    """
    tallies = {tally.source: tally for tally in evidence.tallies}
    sources = sorted({*tallies, *evidence.received, *(evidence.stored or ()), *evidence.waiting})
    waiting = evidence.waiting if evidence.stored is not None else _waiting_anywhere(evidence, tallies)
    stored = evidence.stored if evidence.stored is not None else _acknowledged(tallies, waiting)
    shares = [
        _share(tallies.get(source), evidence.received.get(source, 0), stored.get(source, 0), waiting.get(source, 0))
        for source in sources
    ]
    return Reconciliation(
        locust=evidence.locust,
        stored=sum(stored.values()),
        reached=sum(share.reached for share in shares),
        waiting=sum(share.waiting for share in shares),
        lost=sum(share.lost for share in shares),
        reset=evidence.discarded + sum(share.reset for share in shares),
        after_last_report=sum(share.after_last_report for share in shares),
        invalid=sum(share.invalid for share in shares),
        silent_sources=tuple(source for source in sources if source not in tallies or not tallies[source].final),
    )


def _waiting_anywhere(evidence: Evidence, tallies: Mapping[str, Tally]) -> Mapping[str, int]:
    without_trace = {
        source: count
        for source, count in evidence.received.items()
        if source not in tallies and source not in evidence.waiting
    }
    return {**without_trace, **evidence.waiting}


def _acknowledged(tallies: Mapping[str, Tally], waiting: Mapping[str, int]) -> Mapping[str, int]:
    return {source: max(0, tally.counted - tally.dropped - waiting.get(source, 0)) for source, tally in tallies.items()}


def _share(tally: Tally | None, received: int, stored: int, spooled: int) -> _Share:
    if tally is not None and tally.final:
        late = tally.reached - tally.reset - received
        # a spool may still hold what the store has taken already
        waiting = min(spooled, max(0, tally.reached - tally.dropped - stored))
        return _Share(tally.reached, waiting, tally.dropped, tally.reset, late, tally.invalid)
    reset = tally.reset if tally else 0
    dropped = tally.dropped if tally else 0
    reached = max(received + reset, stored + dropped, tally.reached if tally else 0)
    waiting = min(spooled, reached - stored)
    invalid = tally.invalid if tally else 0
    return _Share(reached, waiting, reached - stored - waiting, reset, reached - reset - received, invalid)
