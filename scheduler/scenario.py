"""Scenarios: how many users when, in the four load tests that are run in sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

from soakwatch.core.errors import UsageError

FASTEST_SPAWN = 100
"""Users per second; above it Locust warns that its load generator may not keep up."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Until `until`, in seconds from the beginning, there are `users`, reached by `spawn_rate` users per second."""

    until: float
    users: int
    spawn_rate: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load test without its size: each of `steps` is the share of the time until which a share of the users is there.

    `user_classes` of the locustfile take part; all of them where none is named.
    """

    name: str
    description: str
    steps: tuple[tuple[float, float], ...]
    user_classes: tuple[str, ...] = ()

    def stages(self, seconds: float, users: int) -> tuple[Stage, ...]:
        """The scenario for so many `seconds`, with `users` at its peak."""
        stages: list[Stage] = []
        before = 0
        for until, user_share in self.steps:
            wanted = max(1, round(user_share * users))
            stages.append(Stage(until * seconds, wanted, min(max(1, abs(wanted - before)), FASTEST_SPAWN)))
            before = wanted
        return tuple(stages)


SCENARIOS = (
    Scenario("baseline", "steady and light, all services", ((1, 1 / 3),)),
    Scenario(
        "api",
        "progressive steps on the API gateway",
        tuple((step / 4, step / 4) for step in range(1, 5)),
        ("APIGatewayUser",),
    ),
    Scenario("spike", "light, a sudden peak, light again, all services", ((2 / 5, 1 / 3), (3 / 5, 1), (1, 1 / 3))),
    Scenario("soak", "steady and moderate, all services", ((1, 2 / 3),)),
)
"""In the order in which they are run. With users in multiples of 24 the demo's endpoints get equal shares in each."""


@dataclass(frozen=True, slots=True)
class SizedScenario:
    """A scenario with its length in seconds and its users at the peak."""

    scenario: Scenario
    seconds: float
    users: int

    @property
    def name(self) -> str:
        """That of the scenario."""
        return self.scenario.name

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What happens when."""
        return self.scenario.stages(self.seconds, self.users)

    @property
    def most_users(self) -> int:
        """The largest number of users at a time."""
        return max(stage.users for stage in self.stages)


def scenario_named(name: str) -> Scenario:
    """The scenario `name`. Raises UsageError that lists those there are."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise UsageError(f"there is no scenario {name!r}; there are {', '.join(one.name for one in SCENARIOS)}")


def stage_at(stages: Sequence[Stage], elapsed: float) -> Stage | None:
    """The stage at `elapsed` seconds from the beginning; None when all are over."""
    return next((stage for stage in stages if elapsed < stage.until), None)
