"""Pass accounts: what one pass of the daemon did, and what it cost, for those who watch soakwatch itself."""

from dataclasses import dataclass
from enum import StrEnum


class PassName(StrEnum):
    """What a pass is for."""

    ROLL_UP = "roll-up"
    DETECTION = "detection"
    ISSUES = "issues"
    ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class PassAccount:
    """A pass that ended at `at` (seconds since the epoch) and took `duration` seconds.

    `requests` went to GitHub or Grafana. Of detection, `steps` were judged, `series` are known, of which `learning` are
    watched too shortly and something of `unknown` cannot be told, and what it has seen is `lag` seconds old.
    """

    at: float
    environment: str
    name: PassName
    duration: float
    is_in_trouble: bool = False
    requests: int = 0
    steps: int = 0
    series: int = 0
    learning: int = 0
    unknown: int = 0
    lag: float = 0.0

    @property
    def seen(self) -> float:
        """The end of the last step that detection has seen, in seconds since the epoch."""
        return self.at - self.lag
