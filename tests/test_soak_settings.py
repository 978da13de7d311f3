"""[[soak]]: what is taken, what is refused in which words, and when a soak is to run."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.soak_settings import SoakSection
from soakwatch.scheduler.scenario import SCENARIOS
from soakwatch.scheduler.soak_book import Wish
from soakwatch.scheduler.soak_occasion import Occasion, next_begin, occasion_at

LEAST = 'name = "staging"\nlocustfile = "users.py"\nusers = 8\n'
DAY = 86_400.0
MIDNIGHT = 1_795_046_400.0
"""2026-11-19 00:00 UTC."""


def loaded(folder: Path, *entries: str) -> Configuration:
    file = folder / "soakwatch.toml"
    file.write_text("".join(f"[[soak]]\n{entry}\n" for entry in entries), encoding="utf-8")
    return load_configuration(file)


def a_soak(**settings: object) -> SoakSection:
    return SoakSection.model_validate({"name": "staging", "locustfile": "users.py", "users": 8, **settings})


def test_name_locustfile_and_users_are_all_that_is_needed(tmp_path: Path) -> None:
    (soak,) = loaded(tmp_path, LEAST).soak
    assert (soak.test_name, soak.begins_by_itself, soak.rotate) == ("staging", True, "0 0 * * *")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("name = 'a b'", "soak[0].name: it must be letters, digits, dots, dashes and underscores"),
        ("name = '../x'", "soak[0].name: it must be letters, digits, dots, dashes and underscores"),
        ("users = 0", "soak[0].users: input should be greater than or equal to 1, not 0"),
        ("locustfile = 'a,b.py'", "soak[0].locustfile: Locust takes a comma for the end of a file name"),
        ("scenario = 'storm'", "soak[0].scenario: input should be '', 'baseline', 'api', 'spike' or 'soak'"),
        ("scenario = 'spike'", "soak[0]: a scenario has an end; give its length as `duration`"),
        ("cron = '0 3 * *'\nduration = 5", "soak[0].cron: it must be a cron expression such as '0 3 * * 1-5'"),
        ("cron = '0 3 * * *'", "soak[0]: cron says when it begins; give `duration`, too"),
        (
            "cron = '* 22 * * *'\nduration = 480",
            "soak[0]: '* 22 * * *' comes again before 480 minutes are over; give a",
        ),
        ("rotate = 'daily'", "soak[0].rotate: it must be a cron expression such as '0 3 * * 1-5'"),
        ("rotate = 1", "soak[0].rotate: it must be at least 5 seconds"),
        ("rotate = nan", "soak[0].rotate: it must be at least 5 seconds"),
        ("processes = 2\nexpect_workers = 2", "soak[0]: workers are either local"),
        ("version_field = 'build'", "soak[0]: version_field says where in an answer the version is"),
        ("version_url = 'ftp://u:hidden@host'", "soak[0].version_url: it must be an address such as"),
        ("master_port = 70000", "soak[0].master_port: input should be less than or equal to 65534"),
        ("user = 3", "soak[0].user: unknown key; did you mean 'users'?"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_would_be_right(tmp_path: Path, more: str, words: str) -> None:
    given_keys = {line.split(" = ")[0] for line in more.splitlines()}
    rest = "".join(f"{line}\n" for line in LEAST.splitlines() if line.split(" = ")[0] not in given_keys)
    with pytest.raises(ConfigurationError) as refused:
        loaded(tmp_path, rest + more)
    assert words.lower() in str(refused.value).lower()
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("", "", "two [[soak]] entries are named 'staging'"),
        ("", "test = 'staging'\nname = 'b'", "two [[soak]] entries are of the test 'staging'"),
        ("expect_workers = 1", "name = 'b'\nexpect_workers = 1", "with a master on port '5557'"),
    ],
)
def test_two_soaks_that_would_be_in_each_others_way_are_refused(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    other = LEAST.replace('name = "staging"\n', "") if "name" in second else LEAST
    with pytest.raises(ConfigurationError) as refused:
        loaded(tmp_path, LEAST + first, other + second)
    assert words in str(refused.value)


def test_the_scenarios_are_those_that_there_are() -> None:
    for one in SCENARIOS:
        assert a_soak(scenario=one.name, duration=5).scenario == one.name


def test_rotation_is_by_the_clock_of_the_detector_or_so_many_seconds_after_the_beginning() -> None:
    assert a_soak().rotation_after(MIDNIGHT + 60, "UTC") == MIDNIGHT + DAY
    assert a_soak().rotation_after(MIDNIGHT + 60, "Europe/Berlin") == MIDNIGHT + DAY - 3600
    assert a_soak(rotate=90).rotation_after(MIDNIGHT + 60, "UTC") == MIDNIGHT + 150
    assert a_soak(rotate="").rotation_after(MIDNIGHT, "UTC") is None


def test_without_schedule_and_end_it_runs_unless_somebody_stopped_it() -> None:
    soak = a_soak()
    assert occasion_at(soak, None, MIDNIGHT, "UTC") == Occasion(-inf, inf)
    assert occasion_at(soak, Wish(wanted=False, at=0.0), MIDNIGHT, "UTC") is None
    assert occasion_at(soak, Wish(wanted=True, at=5.0), MIDNIGHT, "UTC") == Occasion(5.0, inf)


def test_with_an_end_and_no_schedule_it_runs_once_for_each_start() -> None:
    soak = a_soak(duration=60)
    start = Wish(wanted=True, at=MIDNIGHT)
    assert occasion_at(soak, None, MIDNIGHT, "UTC") is None
    assert occasion_at(soak, start, MIDNIGHT + 3599, "UTC") == Occasion(MIDNIGHT, MIDNIGHT + 3600)
    assert occasion_at(soak, start, MIDNIGHT + 3600, "UTC") is None
    assert next_begin(soak, start, MIDNIGHT, "UTC") is None


def test_a_schedule_begins_and_ends_it_and_what_was_stopped_stays_so() -> None:
    soak = a_soak(cron="0 22 * * *", duration=600)
    evening = MIDNIGHT - 2 * 3600
    assert occasion_at(soak, None, evening - 1, "UTC") is None
    assert occasion_at(soak, None, MIDNIGHT, "UTC") == Occasion(evening, evening + 36_000)
    assert occasion_at(soak, None, evening + 36_000, "UTC") is None
    stopped = Wish(wanted=False, at=MIDNIGHT)
    assert occasion_at(soak, stopped, MIDNIGHT + 10 * DAY, "UTC") is None
    assert next_begin(soak, stopped, MIDNIGHT, "UTC") is None
    assert next_begin(soak, None, MIDNIGHT, "UTC") == evening + DAY


def test_started_by_hand_outside_its_schedule_it_runs_for_as_long_as_it_would() -> None:
    soak = a_soak(cron="0 22 * * *", duration=60)
    noon = Wish(wanted=True, at=MIDNIGHT + DAY / 2)
    assert occasion_at(soak, noon, noon.at + 60, "UTC") == Occasion(noon.at, noon.at + 3600)
    assert occasion_at(soak, noon, noon.at + 3600, "UTC") is None
    assert occasion_at(soak, noon, MIDNIGHT + DAY - 7200, "UTC") is not None


@given(st.floats(0, 4e9), st.integers(1, 10_080))
def test_a_scheduled_occasion_holds_the_moment_that_was_asked_about(now: float, minutes: int) -> None:
    occasion = occasion_at(a_soak(cron="17 3 * * 2", duration=minutes), None, now, "Europe/Berlin")
    if occasion is not None:
        assert occasion.start <= now < occasion.end
        assert occasion.end - occasion.start == minutes * 60
