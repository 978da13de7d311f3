"""Requests of a test: events with the arguments that Locust's FastHttpUser gives them."""

import random
from dataclasses import dataclass
from typing import Any

from locust.contrib.fasthttp import FastResponse

from soakwatch.collector.naming import Naming
from soakwatch.collector.recorder import Recorder, RecorderSettings

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is requested: lognormal times around a median of 55 ms, log sd 0.5."""

    series: int = 200
    failing: float = 0.0
    context: dict[str, str] | None = None

    def events(self, number: int) -> list[Event]:
        """So many requests, in random order."""
        return [self._event() for _ in range(number)]

    def _event(self) -> Event:
        endpoint = f"/endpoint/{random.randrange(self.series)}"
        return {
            "request_type": "GET",
            "name": endpoint,
            "context": dict(self.context or {}),
            "response": RESPONSE,
            "exception": RuntimeError("refused") if random.random() < self.failing else None,
            "start_time": 1_780_000_000.0,
            "url": f"http://localhost:8080{endpoint}",
            "response_length": 1234,
            "response_time": random.lognormvariate(4.0, 0.5),
        }


RESPONSE = object.__new__(FastResponse)
"""Stands for the response of each event; nothing of it is read for a success."""


def new_recorder(now: float, width: float = 10.0, max_series: int = 10_000) -> Recorder:
    settings = RecorderSettings("20261123-154700-3f9a", "0123456789ab", width, max_series, 20)
    return Recorder(settings, Naming("staging", "benchmark", "http://localhost:8080", ()), now)
