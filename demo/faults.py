"""Faults: what can be made wrong with an endpoint of the demo target."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

SECONDS_PER_MINUTE = 60.0
LONGEST = 30_000.0
"""Milliseconds beyond which no fault stretches a response: a creep that was forgotten must not hang its callers."""


class FaultKind(StrEnum):
    """What a fault changes; `Fault.value` is in the unit given here.

    LATENCY_FACTOR multiplies the service time, LATENCY_ADDED adds milliseconds to it, ERROR_RATE is the share of
    requests that fail, CREEP the relative growth of the service time per minute since the fault was switched on.
    """

    LATENCY_FACTOR = "latency_factor"
    LATENCY_ADDED = "latency_added"
    ERROR_RATE = "error_rate"
    CREEP = "creep"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one endpoint (`POST /rag/query`); `value` is as FaultKind says."""

    endpoint: str
    kind: FaultKind
    value: float


class BadFault(ValueError):
    """What was given is no list of faults; the message says which and what would be right."""


_LIMITS: Mapping[FaultKind, tuple[float, float]] = {
    FaultKind.LATENCY_FACTOR: (0.01, 100.0),
    FaultKind.LATENCY_ADDED: (0.0, LONGEST),
    FaultKind.ERROR_RATE: (0.0, 1.0),
    FaultKind.CREEP: (0.0, 100.0),
}


def service_time(base: float, faults: Mapping[Fault, float], now: float) -> float:
    """Milliseconds that a request takes which would take `base` without faults.

    `faults` are those of its endpoint, each with the time when it was switched on, on the clock of `now`, in seconds.
    """
    time = base
    for fault, since in faults.items():
        time *= _factor(fault, max(0.0, now - since))
    added = sum(fault.value for fault in faults if fault.kind is FaultKind.LATENCY_ADDED)
    return min(time + added, max(base, LONGEST))


def _factor(fault: Fault, elapsed: float) -> float:
    if fault.kind is FaultKind.LATENCY_FACTOR:
        return fault.value
    if fault.kind is FaultKind.CREEP:
        return 1.0 + fault.value * elapsed / SECONDS_PER_MINUTE
    return 1.0


def fails(faults: Iterable[Fault], draw: float) -> bool:
    """Whether a request fails for which `draw` was drawn, uniform over [0, 1)."""
    return any(fault.kind is FaultKind.ERROR_RATE and draw < fault.value for fault in faults)


def switch(on: Mapping[Fault, float], wanted: Iterable[Fault], now: float) -> dict[Fault, float]:
    """Switch on exactly `wanted`; one that is on already keeps its time, so putting a list twice changes nothing."""
    return {fault: on.get(fault, now) for fault in wanted}


def render_faults(faults: Iterable[Fault]) -> str:
    """Write the JSON that `parse_faults` reads."""
    return json.dumps([asdict(fault) for fault in faults])


def parse_faults(text: str | bytes, endpoints: Collection[str]) -> list[Fault]:
    """Read a JSON list of faults of `endpoints`. Raises BadFault with what is wrong and what would be right."""
    try:
        items = json.loads(text)
    except ValueError as error:
        raise BadFault(f"not JSON: {error}") from None
    if not isinstance(items, list):
        raise BadFault('faults are a JSON list of {"endpoint": ..., "kind": ..., "value": ...}')
    faults = [_parse(item, position, endpoints) for position, item in enumerate(items)]
    _reject_twins(faults)
    return faults


def _parse(item: object, position: int, endpoints: Collection[str]) -> Fault:
    place = f"fault {position}"
    if not isinstance(item, dict) or item.keys() != {"endpoint", "kind", "value"}:
        raise BadFault(f"{place}: needs exactly the keys endpoint, kind, value")
    endpoint = _one_of(f"{place}: endpoint", item["endpoint"], endpoints)
    kind = FaultKind(_one_of(f"{place}: kind", item["kind"], list(FaultKind)))
    return Fault(endpoint, kind, _value(f"{place}: value", item["value"], kind))


def _one_of(place: str, given: object, known: Collection[str]) -> str:
    if not isinstance(given, str) or given not in known:
        raise BadFault(f"{place} is one of {', '.join(known)}; not {given!r}")
    return given


def _value(place: str, given: Any, kind: FaultKind) -> float:  # noqa: ANN401  (whatever JSON holds)
    low, high = _LIMITS[kind]
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not isfinite(given) or not low <= given <= high:
        raise BadFault(f"{place} of {kind} is a number from {low:g} to {high:g}; not {given!r}")
    return float(given)


def _reject_twins(faults: Iterable[Fault]) -> None:
    seen: set[tuple[str, FaultKind]] = set()
    for fault in faults:
        if (fault.endpoint, fault.kind) in seen:
            raise BadFault(f"{fault.kind} of {fault.endpoint} is given twice; one fault of a kind is enough")
        seen.add((fault.endpoint, fault.kind))
