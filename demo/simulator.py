"""The simulator: the requests of a load test that nobody has to run."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from soakwatch.demo.saturation import Congestion, congestion
from soakwatch.demo.simulated_scenarios import Scenario, apportion
from soakwatch.demo.target import SIGMA, Endpoint

REFUSED_IN = 2.0
"""Median response time of a refusal, in milliseconds: it waits for nothing."""


@dataclass(frozen=True, slots=True)
class SimulatedRequest:
    """One request: when it had its answer, in seconds since the start of the test, and after how many milliseconds."""

    ended: float
    endpoint: Endpoint
    time: float
    refused: bool


def simulate(scenario: Scenario, seed: int) -> list[SimulatedRequest]:
    """Draw the requests of `scenario`, in the order of their ends; equal seeds give equal requests.

    Endpoints do not share a stream of random numbers, and every request takes the same draws whatever happens to it:
    a fault changes nothing but what it does itself.
    """
    drawn: list[SimulatedRequest] = []
    for position, endpoint in enumerate(scenario.mix):
        drawn += _requests_to(endpoint, position, scenario, Random(f"{seed} {scenario.name} {endpoint}"))
    return sorted(drawn, key=lambda request: request.ended)


def _requests_to(endpoint: Endpoint, position: int, scenario: Scenario, random: Random) -> Iterator[SimulatedRequest]:
    weights = list(scenario.mix.values())
    begins = 0.0
    for step in scenario.steps:
        count = apportion(step.requests, weights)[position]
        if count:
            state = congestion(count / step.seconds, scenario.capacity_of(endpoint))
            for _ in range(count):
                # arrivals of a Poisson process, given how many there were, are uniform
                yield _request(endpoint, begins + random.uniform(0.0, step.seconds), state, random)
        begins += step.seconds


def _request(endpoint: Endpoint, started: float, state: Congestion, random: Random) -> SimulatedRequest:
    scatter, draw = random.lognormvariate(0.0, SIGMA), random.random()
    refused = draw < state.refused
    time = scatter * (REFUSED_IN if refused else endpoint.median * state.stretch)
    return SimulatedRequest(started + time / 1000, endpoint, time, refused)
