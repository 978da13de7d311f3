"""Alerts: what Grafana's alerting says is wrong, for what soakwatch has not found itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of Grafana, as it was last told. Times are seconds since the epoch.

    `fingerprint` is Grafana's own: the same for the same labels. `incident` is the fingerprint of the incident that it
    is about, or empty. `ended` is None while it fires; `heard` is when it was told last. All text may be hostile.
    """

    fingerprint: str
    name: str
    labels: tuple[tuple[str, str], ...]
    summary: str
    description: str
    values: str
    started: float
    ended: float | None
    page: str = ""
    panel: str = ""
    silence: str = ""
    incident: str = ""
    heard: float = 0.0

    @property
    def fires(self) -> bool:
        """Whether it fires now."""
        return self.ended is None

    def label(self, name: str) -> str:
        """A label's value, or nothing."""
        return dict(self.labels).get(name, "")
