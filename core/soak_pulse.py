"""The pulse of a soak: what its Locust says of itself each second, in a file that its daemon reads."""

import json
from dataclasses import asdict, dataclass
from typing import Self

PULSE_FILE = "pulse.json"
"""Is written by Locust each second."""

HEARTBEAT_FILE = "heartbeat"
"""Is touched by the daemon each time that it looks after the soak."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One second of a soak's leading Locust process: `number` grows with each, as `windows` with each that it closed.

    `start` is the token of this start. `state` is Locust's word. Counts are of the run: `unanswered` are the requests
    that failed without any answer. It `ended` when its test came to an end in order.
    """

    start: str
    number: int = 0
    windows: int = 0
    run: str = ""
    state: str = ""
    users: int = 0
    workers: int = 0
    requests: int = 0
    unanswered: int = 0
    ended: bool = False

    def encode(self) -> str:
        """As text; see `decode`."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """What `encode` made; None for anything else, such as another version's."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
