"""Load classes: which steps had about as many users, so that they can be compared."""

from collections.abc import Collection, Mapping
from math import log, log1p

from soakwatch.detector.observation import Load, Test

UNKNOWN_LOAD = 0
"""The class of tests of which nothing is known of the load: all their steps are comparable."""

NO_USERS = -1
"""No step like this is ever judged."""

_MOST = 32
"""Classes of one test; what is yet another load is comparable with nothing."""

_FREE = 0.0
"""In the place of a class that nothing remembered is of: its number is given again."""


class LoadClasses:
    """Classes of load by test, each around the users at which it was first seen; numbered from 1.

    The first class that fits is taken, so that a class once given stays what it is for as long as anything is of it.
    """

    def __init__(self, difference: float, centres: dict[Test, list[float]]) -> None:
        """Users that differ by no more than `difference`, as a share, are alike."""
        self.centres = centres
        self._tolerance = log1p(difference)

    @property
    def count(self) -> int:
        """How many there are, of all tests."""
        return sum(centre != _FREE for centres in self.centres.values() for centre in centres)

    def of(self, test: Test, load: Load | None) -> int:
        """Class of `load`, a new one where none of the test's fits."""
        if load is None:
            return UNKNOWN_LOAD
        if load.users <= 0:
            return NO_USERS
        centres = self.centres.setdefault(test, [])
        for number, centre in enumerate(centres, start=1):
            if centre != _FREE and abs(log(load.users / centre)) <= self._tolerance:
                return number
        if _FREE in centres:
            free = centres.index(_FREE)
            centres[free] = load.users
            return free + 1
        if len(centres) == _MOST:
            return NO_USERS
        centres.append(load.users)
        return len(centres)

    def keep_only(self, used: Mapping[Test, Collection[int]]) -> list[tuple[Test, int]]:
        """Forget all classes but those `used`; the forgotten ones."""
        forgotten = []
        for test, centres in self.centres.items():
            for number in range(1, len(centres) + 1):
                if centres[number - 1] != _FREE and number not in used.get(test, ()):
                    centres[number - 1] = _FREE
                    forgotten.append((test, number))
        self.centres = {test: centres for test, centres in self.centres.items() if any(centres)}
        return forgotten
