"""Saturation: how much slower a service gets, and how much it refuses, as its load nears what it can bear."""

from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a service can bear: `rate` requests per second, and `places` requests that it holds at a time."""

    rate: float
    places: int


@dataclass(frozen=True, slots=True)
class Congestion:
    """What load does to a service: `stretch` multiplies its response times, `refused` is the share that it refuses."""

    stretch: float
    refused: float


def congestion(load: float, capacity: Capacity) -> Congestion:
    """The steady state under `load` (requests per second, more than 0), which may be beyond the capacity.

    The queue M/M/1/K: with rho = load / rate, n requests are in the service with a probability proportional to rho**n,
    up to K places; who finds none is refused. Little's law then gives the mean time of the others, here relative to
    that of a request which has the service for itself (Gross, Shortle, Thompson and Harris, "Fundamentals of Queueing
    Theory", 4th ed. 2008, section 2.5).
    """
    weights = [(load / capacity.rate) ** inside for inside in range(capacity.places + 1)]
    total = fsum(weights)
    inside_on_average = fsum(inside * weight for inside, weight in enumerate(weights)) / total
    busy = fsum(weights[1:]) / total
    return Congestion(inside_on_average / busy, weights[-1] / total)
