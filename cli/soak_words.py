"""Soak words: what a soak does at a moment, as every command calls it."""

from soakwatch.scheduler.soak_state import SoakState


def what_it_does(soak: SoakState) -> str:
    """In a word or two."""
    if soak.process:
        return "runs" if soak.wanted else "ends"
    return "is due" if soak.wanted else "rests"
