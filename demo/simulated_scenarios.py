"""Simulated scenarios: who asks what, how often, and what is wrong while they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from soakwatch.demo.saturation import Capacity
from soakwatch.demo.target import ENDPOINTS, Endpoint

HEALTHY = Capacity(rate=400.0, places=8)
"""What every service bears without faults: eight workers, 20 ms for a request. No scenario comes near it."""

FEWEST_REQUESTS = 10
"""With fewer, a step or a service may have none."""


@dataclass(frozen=True, slots=True)
class Step:
    """So many users for so many seconds, who together make so many requests."""

    users: int
    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """A fault: a service can bear less than it should. It shows only under load."""

    service: str
    capacity: Capacity

    def __str__(self) -> str:
        """In words, for people and for the metadata."""
        return (
            f"{self.service} can answer no more than {self.capacity.rate:g} requests per second, "
            f"and holds {self.capacity.places} at a time"
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load test: its steps, one after the other, and the endpoints that share every step's users by these weights."""

    name: str
    steps: Sequence[Step]
    mix: Mapping[Endpoint, int]
    faults: Sequence[Shortage] = field(default=())

    @property
    def requests(self) -> int:
        """Requests of all steps."""
        return sum(step.requests for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long all steps take."""
        return sum(step.seconds for step in self.steps)

    @property
    def services(self) -> list[str]:
        """Services that are asked, in the order of their first endpoint."""
        return list(dict.fromkeys(endpoint.service for endpoint in self.mix))

    def capacity_of(self, endpoint: Endpoint) -> Capacity:
        """What the service behind `endpoint` can bear."""
        return next((fault.capacity for fault in self.faults if fault.service == endpoint.service), HEALTHY)

    def without_faults(self) -> "Scenario":
        """The same load on services that are well."""
        return replace(self, faults=())

    def of_requests(self, requests: int) -> "Scenario":
        """The same users at the same pace, for as long as `requests` (at least FEWEST_REQUESTS) take."""
        counts = apportion(requests, [step.requests for step in self.steps])
        scale = requests / self.requests
        steps = [Step(step.users, step.seconds * scale, count) for step, count in zip(self.steps, counts, strict=True)]
        return replace(self, steps=tuple(steps))


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Share out `total` by `weights`, to the last one: what is left over goes where most was cut off."""
    shares = [total * weight // sum(weights) for weight in weights]
    cut_off = [total * weight % sum(weights) for weight in weights]
    by_need = sorted(range(len(weights)), key=lambda place: -cut_off[place])
    for place in by_need[: total - sum(shares)]:
        shares[place] += 1
    return shares


_BY_NAME = {str(endpoint): endpoint for endpoint in ENDPOINTS}
_GATEWAY, _RAG, _MCP = (_BY_NAME[name] for name in ("GET /api/users", "POST /rag/query", "POST /mcp/tools"))

BASELINE = Scenario("baseline", (Step(users=9, seconds=300, requests=540),), {_GATEWAY: 4, _RAG: 4, _MCP: 1})
"""Light and steady: every user makes a request every five seconds."""

API = Scenario(
    "api",
    (
        Step(users=10, seconds=60, requests=120),
        Step(users=20, seconds=60, requests=240),
        Step(users=30, seconds=60, requests=360),
        Step(users=40, seconds=60, requests=480),
        Step(users=50, seconds=60, requests=600),
    ),
    {_GATEWAY: 1, _RAG: 1},
    (Shortage("api_gateway", Capacity(rate=4.0, places=8)),),
)
"""Progressive, at the same pace: the gateway gets 1 to 5 requests per second, of which it can answer 4."""

SCENARIOS = {scenario.name: scenario for scenario in (BASELINE, API)}
