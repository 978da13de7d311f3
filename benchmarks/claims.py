"""Claims: what was promised beside what was measured."""

from collections.abc import Iterable
from dataclasses import dataclass

from measuring import verdict

from soakwatch.core.numbers import format_duration


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure of one study; `target` is "" and `holds` None where nothing was promised of it."""

    study: str
    figure: str
    target: str
    measured: str
    holds: bool | None = None

    def __str__(self) -> str:
        """One line of the table."""
        said = "" if self.holds is None else verdict(holds=self.holds)
        return f"{self.study:20}  {self.figure:34}  {self.target:>10}  {self.measured:>24}  {said}".rstrip()


def at_most(study: str, figure: str, value: float | None, limit: float | None) -> Claim:
    """A time in seconds; None where there is none, because too few came that far."""
    measured = "never" if value is None else format_duration(value)
    if limit is None:
        return Claim(study, figure, "", measured)
    return Claim(study, figure, f"<= {format_duration(limit)}", measured, value is not None and value <= limit)


def at_least(study: str, figure: str, share: float | None, limit: float | None) -> Claim:
    """A share; None where there was nothing to count."""
    measured = "none" if share is None else f"{share:.1%}"
    if limit is None:
        return Claim(study, figure, "", measured)
    return Claim(study, figure, f">= {limit:.0%}", measured, share is not None and share >= limit)


def all_hold(claims: Iterable[Claim]) -> bool:
    """Whether none of them was missed."""
    return all(claim.holds is not False for claim in claims)
