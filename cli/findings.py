"""Findings: what the checks of `soakwatch doctor` come out with."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from soakwatch.cli.terminal import results
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import SoakwatchError


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    state: State
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check and its name. One that raises has failed; `remedy` is what to do then, where the error does not say."""

    name: str
    run: Callable[[Configuration], Iterator[Finding]]
    remedy: str = ""

    def findings(self, configuration: Configuration) -> Iterator[Finding]:
        """What it found, or why it could not be done."""
        try:
            yield from self.run(configuration)
        except (SoakwatchError, OSError) as error:
            yield Finding(self.name, State.FAILED, str(error), self.remedy)


def show(findings: Iterable[Finding]) -> None:
    """Print findings for people, a line each, and a line for what to do."""
    colours = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}
    for finding in findings:
        results.print(f"[{colours[finding.state]}]{finding.state:>8}[/]  {finding.check}: ", end="")
        results.print(finding.message, markup=False, soft_wrap=True)
        if finding.remedy:
            results.print(f"          -> {finding.remedy}", markup=False, soft_wrap=True)
