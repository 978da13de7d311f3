"""`soakwatch mark`: deploys go into the store and come back; a wrong time says what would be right."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import soakwatch

from soakwatch.core.deploy_mark import parse_moment
from soakwatch.core.errors import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
TWO_AT_NIGHT = datetime(2026, 11, 23, 2, tzinfo=UTC).timestamp()


def test_a_deploy_that_was_marked_is_listed_without_what_only_repeats_it(tmp_path: Path) -> None:
    for at, version in (("2026-10-01", "1"), ("2026-10-02", "1"), ("2026-10-03T04:05:06.5+02:00", "2")):
        done = soakwatch("mark", "deploy", "--service", "cart", "--version", version, "--at", at, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    marked = soakwatch(
        *("mark", "deploy", "--commit", "3f9a", "--title", "new [index]", "-e", "perf", "--json"), folder=tmp_path
    )
    listed = json.loads(soakwatch("mark", "list", "--json", folder=tmp_path).stdout)
    assert [(one["at"], one["service"], one["version"]) for one in listed[:2]] == [
        ("2026-10-01T00:00:00Z", "cart", "1"),
        ("2026-10-03T02:05:06.5Z", "cart", "2"),
    ]
    assert listed[2] == json.loads(marked.stdout)
    assert (listed[2]["environment"], listed[2]["service"], listed[2]["title"]) == ("perf", "*", "new [index]")
    assert "new [index]" in soakwatch("mark", "list", folder=tmp_path).stdout


def test_a_mark_goes_into_the_store_and_the_environment_that_are_configured(tmp_path: Path) -> None:
    variables = {"SOAKWATCH_ENVIRONMENT": "staging", "SOAKWATCH_STORE__PATH": "kept.db"}
    done = soakwatch("mark", "deploy", "--version", "2.4.1", "--commit", "3f9a", folder=tmp_path, environment=variables)
    assert re.search(r"marked 2\.4\.1 \(3f9a\) of all services in staging at .* UTC in kept\.db", done.stderr)
    assert "2.4.1" in soakwatch("mark", "list", "--store", "kept.db", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T02:00:00Z", TWO_AT_NIGHT),
        ("2026-11-23 02:00", TWO_AT_NIGHT),
        ("2026-11-23T03:00:00+01:00", TWO_AT_NIGHT),
        ("20261123T020000Z", TWO_AT_NIGHT),
        ("2026-11-23T02:00:00.25Z", TWO_AT_NIGHT + 0.25),
        ("2026-11-23T12:30Z", NOW + 1800),
    ],
)
def test_moments_are_in_utc_unless_they_say_otherwise(text: str, seconds: float) -> None:
    assert parse_moment(text, NOW, "--at") == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "is no time; write it as 2026-11-23T02:00:00Z"),
        ("", "is no time"),
        ("2026-02-30", "is no time"),
        ("1763863200", "is no time"),
        ("0001-01-01", "is before 1970"),
        ("2026-11-23T14:00:00", "is yet to come"),
        ("9999-12-31T23:59:59-23:59", "yet to come|no time"),
    ],
)
def test_a_wrong_moment_says_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"--at: {re.escape(repr(text))} .*({said})"):
        parse_moment(text, NOW, "--at")


def test_a_mark_that_says_nothing_is_refused(tmp_path: Path) -> None:
    done = soakwatch("mark", "deploy", "--service", "cart", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--version, --commit or --title" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_a_store_there_is_nothing_to_list(tmp_path: Path) -> None:
    done = soakwatch("mark", "list", folder=tmp_path)
    assert done.returncode == 3
    assert "there is no store at soakwatch.db yet" in " ".join(done.stderr.split())
