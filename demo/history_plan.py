"""Plan of a simulated history: which series, how long, how noisy, and what happens."""

from dataclasses import dataclass
from functools import cached_property

from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.demo.history_events import DAY, Event

MINUTES_OF_DAY = 1440

A_MONDAY = 1_790_553_600.0
"""Midnight (UTC) of a Monday, seconds since the epoch: histories that nobody dates begin then."""

_SERVICES = ("api_gateway", "rag_service", "mcp_server", "cart", "search", "payment", "accounts", "catalogue")
_METHODS = ("GET", "POST")


@dataclass(frozen=True)
class HistoryPlan:
    """What `seed` makes a history of: so many `series`, spread over so many `services`, for so many days.

    `start` is in seconds since the epoch, whole ten minutes; `requests_per_minute` are those of each series with the
    usual `users`. `wander` is the standard deviation of the level's drift over hours, as a share. Without `spikes`
    there are neither these nor bumps nor bursts of errors: nothing but noise.
    """

    seed: int = 1
    series: int = 50
    days: int = 28
    start: float = A_MONDAY
    services: int = 5
    requests_per_minute: float = 300.0
    wander: float = 0.03
    spikes: bool = True
    users: int = 50
    environment: str = "simulated"
    test: str = "soak"
    events: tuple[Event, ...] = ()

    @property
    def span(self) -> Span:
        """From the first moment to the last, in seconds since the epoch."""
        return Span(self.start, self.start + self.days * DAY)

    @property
    def minutes(self) -> int:
        """How many minutes it has."""
        return self.days * MINUTES_OF_DAY

    @cached_property
    def endpoints(self) -> tuple[Series, ...]:
        """All series by number; those of a service are neighbours."""
        return tuple(self._endpoint(number) for number in range(self.series))

    def _endpoint(self, number: int) -> Series:
        service = service_name(number * min(self.services, self.series) // self.series)
        return Series(self.environment, self.test, service, _METHODS[number % 2], f"/{service}/{number}")

    @property
    def service_names(self) -> list[str]:
        """Names of the services, in the order of their series."""
        return list(dict.fromkeys(series.service for series in self.endpoints))

    def events_of(self, number: int) -> list[Event]:
        """What happens to the series of this number."""
        return [event for event in self.events if number in event.series]


def service_name(number: int) -> str:
    """Name of the service of this number."""
    return _SERVICES[number] if number < len(_SERVICES) else f"service_{number}"
