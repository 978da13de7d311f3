"""Step conditions: why the series of a step do not count in it, and at which load they were."""

from collections.abc import Collection

import numpy as np

from soakwatch.detector.conditions import Reason, reason_of
from soakwatch.detector.load_classes import NO_USERS, LoadClasses
from soakwatch.detector.observation import Load, Observation, Place, Test, place_of
from soakwatch.detector.sample import IntArray


def conditions_of(
    observation: Observation, maintenance: Collection[Place], known: LoadClasses
) -> tuple[IntArray, IntArray]:
    """The reasons (s,) and classes of load (s,) of what was observed while the services `maintenance` were worked on.

    A load like none in `known` is added to it.
    """
    tests: dict[Test, tuple[int, int]] = {}
    reasons = np.zeros(len(observation.series), dtype=np.int64)
    classes = np.zeros(len(observation.series), dtype=np.int64)
    for place, series in enumerate(observation.series):
        test = series.environment, series.test
        if test not in tests:
            tests[test] = _condition(test, observation.load.get(test), known)
        reasons[place], classes[place] = tests[test]
        if maintenance and place_of(series) in maintenance:
            reasons[place] = int(Reason.MAINTENANCE)
    return reasons, classes


def _condition(test: Test, load: Load | None, known: LoadClasses) -> tuple[int, int]:
    reason = int(reason_of(load))
    # while users still rise, each minute would be a load of its own
    number = known.of(test, load) if reason == int(Reason.NONE) else NO_USERS
    return (reason or int(Reason.OTHER_LOAD), number) if number == NO_USERS else (reason, number)
