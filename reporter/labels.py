"""Labels: what issues wear, and what each label does."""

import hashlib
from collections.abc import Iterable

from soakwatch.core.verdict import Severity
from soakwatch.reporter.escaping import clean

OURS = "soakwatch"
ACCEPT = "soakwatch:accept"
IGNORED = "soakwatch:ignored"
SUMMARY = "soakwatch:summary"

LONGEST_LABEL = 50
MOST_LABELS = 100
"""What GitHub takes, in characters and labels."""

_SEVERITY = "severity: "
_SERVICE = "service: "
_MARK_OF_THE_REST = 6
"""Hexadecimal digits that tell shortened labels apart."""

_LOOKS = {
    OURS: ("1f6feb", "Found and kept by soakwatch, which finds its issues by this label"),
    ACCEPT: ("0e8a16", "Put it on an issue: the new level is what is normal from now on"),
    IGNORED: ("cfd3d7", "soakwatch is silent about this until the label is taken off"),
    SUMMARY: ("1f6feb", "Stands for several incidents that came at once"),
    f"{_SEVERITY}critical": ("b60205", "A regression that is critical"),
    f"{_SEVERITY}warning": ("fbca04", "A regression that is worth a look"),
}
_SERVICE_LOOKS = ("c5def5", "A service under load")


def severity_label(severity: Severity) -> str:
    """The label for how bad it is."""
    return f"{_SEVERITY}{'critical' if severity is Severity.CRITICAL else 'warning'}"


def service_label(service: str) -> str:
    """The label of a service; a long name is shortened, and told apart from others that begin alike."""
    # GitHub's API separates the labels that it is asked for by commas
    label = f"{_SERVICE}{clean(service.replace(',', ' ')) or '(empty)'}"
    if len(label) <= LONGEST_LABEL:
        return label
    mark = hashlib.sha256(service.encode(errors="replace")).hexdigest()[:_MARK_OF_THE_REST]
    return f"{label[: LONGEST_LABEL - _MARK_OF_THE_REST - 1]}…{mark}"


def looks_of(label: str) -> tuple[str, str]:
    """Colour and description of a label of ours."""
    return _LOOKS.get(label, _SERVICE_LOOKS)


def distinct(labels: Iterable[str]) -> tuple[str, ...]:
    """Without those that differ only in case, which GitHub takes for one, and no more than it takes."""
    found: dict[str, str] = {}
    for label in labels:
        found.setdefault(label.casefold(), label)
    return tuple(found.values())[:MOST_LABELS]


def relabelled(worn: Iterable[str], gains: Iterable[str], loses: Iterable[str]) -> tuple[str, ...]:
    """The labels `worn`, with those it gains and without those it loses, as GitHub compares them."""
    lost = {label.casefold() for label in loses}
    return distinct([*(label for label in worn if label.casefold() not in lost), *gains])


def severities(labels: Iterable[str]) -> tuple[str, ...]:
    """Those of `labels` that say how bad it is."""
    return tuple(label for label in labels if label.casefold().startswith(_SEVERITY))
