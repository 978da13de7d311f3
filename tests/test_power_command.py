"""What `power` tells of a history that `detect` has learnt: the real command."""

import json
from math import inf
from pathlib import Path
from typing import Any

import pytest
from command_line import soakwatch
from watched_history import SERIES, Place, learnt, stored

from soakwatch.cli.power_views import print_powers
from soakwatch.detector.power import EndpointPower
from soakwatch.detector.power_slowdown import Sight

SETTINGS = {"SOAKWATCH_DETECTOR__LEARNING": "0.5", "SOAKWATCH_DETECTOR__HISTORY": "1"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A day that was learnt from, in which nothing had happened yet."""
    return learnt().copy(tmp_path_factory.mktemp("power"))


def told(place: Place, *arguments: str) -> Any:
    done = soakwatch("power", "--json", *arguments, folder=place.folder, environment=SETTINGS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_tells_of_each_endpoint_what_this_soak_would_find(place: Place) -> None:
    document = told(place)
    assert document["probability"] == 0.8
    assert [one["endpoint"] for one in document["endpoints"]] == ["/query", "/search"]
    for one in document["endpoints"]:
        assert one["reason"] == ""
        assert one["requests_per_minute"] == 300
        assert 0.05 <= one["slowdown"]["within_24h"] <= one["slowdown"]["within_1h"] < 0.5
        assert 0.003 < one["error_rate"]["within_24h"] <= one["error_rate"]["within_1h"] < 0.02
        assert one["slowdown_at_twice_the_load"]["within_1h"] <= one["slowdown"]["within_1h"]


def test_what_is_asked_for_alone_is_told_as_among_all(place: Place) -> None:
    alone = told(place, "--service", "rag_service", "--endpoint", "post /sea")["endpoints"]
    assert alone == [one for one in told(place)["endpoints"] if one["endpoint"] == "/search"]


def test_on_a_terminal_there_is_a_line_for_each_and_what_the_numbers_are(place: Place) -> None:
    done = soakwatch("power", folder=place.folder, environment=SETTINGS)
    assert done.returncode == 0, done.stderr
    assert "/query" in done.stdout
    assert "would be confirmed in time with 80% probability" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("share", "written"), [(1.0, "100 %"), (0.996, "100 %"), (0.061, "6.1 %"), (0.0055, "0.55 %"), (1e-7, "< 0.01 %")]
)
def test_shares_are_written_as_people_write_them(
    capsys: pytest.CaptureFixture[str], share: float, written: str
) -> None:
    print_powers([EndpointPower(SERIES[0], 300.0, share, errors=Sight(share, share))], 0.0)
    assert capsys.readouterr().out.count(f" {written} ") == 3


def test_failures_that_would_not_be_found_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    print_powers([EndpointPower(SERIES[0], 1.0, 0.0, errors=Sight(inf, 1.0))], 0.0)
    assert "not found by this soak: not even when every request fails" in capsys.readouterr().out


def test_an_endpoint_that_is_not_there_is_named_with_those_that_are(place: Place) -> None:
    done = soakwatch("power", "--endpoint", "/nothing", folder=place.folder, environment=SETTINGS)
    assert done.returncode == 2
    assert "/query" in done.stderr


def test_before_anything_was_learnt_it_says_what_learns(tmp_path: Path) -> None:
    place = stored().copy(tmp_path)
    done = soakwatch("power", folder=place.folder, environment=SETTINGS)
    assert done.returncode == 3
    assert "soakwatch watch" in done.stderr
