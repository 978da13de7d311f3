"""Series: what is measured over time, one endpoint of one service in one test of one environment."""

from dataclasses import dataclass

OTHER = "other"
"""Where requests go whose series would be one too many (see the guard of the collector)."""

UNKNOWN_SERVICE = "unknown"
"""The service of a request of which neither a rule nor its name nor a host tells it."""

WHOLE_SERVICE = "*"
"""The endpoint and method that stand for all endpoints of a service together."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One (environment, test, service, method, endpoint); any text, also empty or with line breaks, is allowed."""

    environment: str
    test: str
    service: str
    method: str
    endpoint: str

    def __str__(self) -> str:
        """Short name for people: `rag_service POST /query`."""
        return " ".join(part for part in (self.service, self.method, self.endpoint) if part)
