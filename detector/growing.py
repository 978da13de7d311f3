"""Growing rows: arrays of which each series is a row, while series come and go."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from soakwatch.detector.sample import IntArray

_FEWEST = 16


class GrowingRows:
    """Holds arrays whose rows are series; `blanks` are their names, with what new places are filled with."""

    blanks: ClassVar[Mapping[str, float]]

    def make_room(self, rows: int) -> None:
        """Have arrays of `rows` rows, or more."""
        for name, blank in self.blanks.items():
            setattr(self, name, with_rows(getattr(self, name), rows, blank))

    def keep_only(self, rows: IntArray) -> None:
        """Forget all rows but `rows`, which are numbered anew in their order."""
        for name in self.blanks:
            setattr(self, name, np.take(getattr(self, name), rows, axis=0))


def with_rows(array: npt.NDArray[Any], rows: int, blank: float) -> npt.NDArray[Any]:
    """`array` with at least `rows` rows, new ones filled with `blank`; doubled, so that growing costs little."""
    if array.shape[0] >= rows:
        return array
    grown = np.full((max(rows, 2 * array.shape[0], _FEWEST), *array.shape[1:]), blank, dtype=array.dtype)
    grown[: array.shape[0]] = array
    return grown


def shift_left(array: npt.NDArray[Any], places: int, blank: float) -> None:
    """Move the last axis of `array`, which is contiguous, by `places` > 0; what is left behind is `blank`."""
    places = min(places, array.shape[-1])
    if places < array.shape[-1]:
        # one move in memory, where numpy would make a copy of all rows first; what comes over from the next row is
        # blanked below
        flat = array.reshape(-1)
        flat[:-places] = flat[places:]
    array[..., array.shape[-1] - places :] = blank
