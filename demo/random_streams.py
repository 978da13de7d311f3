"""Random streams: one for each purpose, series and day, so that it does not matter what is drawn first."""

from enum import IntEnum

from numpy.random import SFC64, Generator, SeedSequence


class Purpose(IntEnum):
    """What is drawn."""

    CHARACTER = 0
    WANDER = 1
    NOISE = 2
    BUMPS = 3
    BURSTS = 4
    REQUESTS = 5
    DEPLOYS = 6
    EVENTS = 7


def stream(seed: int, purpose: Purpose, *numbers: int) -> Generator:
    """The stream of `purpose` for the series, or series and day, of these numbers; independent of all others.

    SFC64 is the fastest of numpy's generators, and histories need a billion numbers.
    """
    return Generator(SFC64(SeedSequence(seed, spawn_key=(purpose, *numbers))))
