"""Load classes: which loads are alike, and that there is always room for another one."""

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.detector.load_classes import NO_USERS, UNKNOWN_LOAD, LoadClasses
from soakwatch.detector.observation import Load

TEST = ("staging", "soak")


def classes() -> LoadClasses:
    return LoadClasses(DetectorSection().max_load_difference, {})


def test_loads_that_differ_little_are_alike_and_others_are_not() -> None:
    known = classes()
    assert known.of(TEST, Load(100.0)) == known.of(TEST, Load(115.0)) == known.of(TEST, Load(90.0))
    assert known.of(TEST, Load(200.0)) != known.of(TEST, Load(100.0))
    assert known.of(("staging", "other"), Load(200.0)) == 1
    assert (known.of(TEST, None), known.of(TEST, Load(0.0))) == (UNKNOWN_LOAD, NO_USERS)


def test_of_loads_that_nothing_remembered_is_of_the_numbers_are_given_again() -> None:
    known = classes()
    loads = [2.0**power for power in range(40)]
    numbers = [known.of(TEST, Load(load)) for load in loads]
    assert numbers[-1] == NO_USERS
    assert known.keep_only({TEST: {1, 2}}) == [(TEST, number) for number in range(3, max(numbers) + 1)]
    assert known.of(TEST, Load(loads[1])) == 2
    assert known.of(TEST, Load(loads[-1])) == 3


def test_tests_of_which_nothing_is_remembered_are_forgotten() -> None:
    known = classes()
    for name in ("monday", "tuesday"):
        known.of(("staging", name), Load(10.0))
    known.keep_only({("staging", "tuesday"): {1}})
    assert known.centres == {("staging", "tuesday"): [10.0]}
