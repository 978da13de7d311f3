"""`soakwatch doctor`: what is not as it must be names itself, and how to mend it."""

import json
from math import inf
from pathlib import Path

import pytest
from command_line import PastRun, soakwatch, store_with

from soakwatch.cli.findings import Finding, State
from soakwatch.cli.server_checks import clock_finding, rights_finding, version_finding
from soakwatch.cli.store_checks import delivery_finding, position_findings, roll_up_finding
from soakwatch.collector.dead_letters import DeadLetters, Letter
from soakwatch.collector.spool import Spool
from soakwatch.core.health import Health
from soakwatch.core.retention import Retention
from soakwatch.store.influx_buckets import Buckets
from soakwatch.store.influx_setup import BucketRights

TOKEN = "hush-3f9a2c1d77=="  # noqa: S105  (made up)
DAY = 86_400.0
NOW = 1.8e9
NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing answers there."""


def findings(folder: Path, *options: str, code: int = 0, **variables: str) -> dict[str, Finding]:
    done = soakwatch("doctor", "--json", *options, folder=folder, environment=variables)
    assert done.returncode == code, done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    found = [Finding(**one) for one in json.loads(done.stdout)]
    assert all(finding.remedy for finding in found if finding.state != State.OK)
    return {finding.check: finding for finding in found}


# Delivery


def left_in(folder: Path) -> Spool:
    spool = Spool(folder, "left", 1 << 20)
    spool.append([b"a window"])
    spool.close()
    return spool


def test_what_ended_processes_left_in_the_spool_is_told_from_what_is_being_written(tmp_path: Path) -> None:
    left = left_in(tmp_path / "soakwatch.db.spool")
    found = findings(tmp_path)["spool"]
    assert found.state == State.WARNING
    assert "ended processes left in soakwatch.db.spool" in found.message
    assert "soakwatch spool replay" in found.remedy
    assert left.take()
    assert "1 processes are writing into soakwatch.db.spool" in findings(tmp_path)["spool"].message
    left.close()


def test_what_the_store_refused_is_shown_with_the_reason(tmp_path: Path) -> None:
    DeadLetters(tmp_path / "soakwatch.db.spool").append([Letter("outside retention", (Health(*"abc", *[0.0] * 6),))])
    found = findings(tmp_path)["dead letters"]
    assert found.state == State.WARNING
    assert "1 points were refused by the store: outside retention" in found.message


def test_the_spool_that_is_configured_is_the_one_that_is_looked_at(tmp_path: Path) -> None:
    left_in(tmp_path / "elsewhere")
    assert "elsewhere" in findings(tmp_path, SOAKWATCH_STORE__SPOOL="elsewhere")["spool"].message


def health(source: str, *, dropped: int = 0, lag: float = 0.0) -> Health:
    return Health("perf", "soak", source, 1.8e9, 1000, 20, dropped, 3, lag)


def test_delivery_adds_up_what_the_processes_say() -> None:
    found = delivery_finding([health("a"), health("b", lag=12)])
    assert found.state == State.OK
    assert "2 processes" in found.message
    assert "2,000 requests written, 40 waited, 0 lost or refused, 6 tries failed, longest wait 12 s" in found.message


def test_loss_and_long_waits_are_worth_a_warning() -> None:
    lost, late = delivery_finding([health("a"), health("b", dropped=7)]), delivery_finding([health("a", lag=90)])
    assert (lost.state, late.state) == (State.WARNING, State.WARNING)
    assert "7 lost" in lost.message
    assert "soakwatch spool status" in late.remedy


@pytest.mark.parametrize(
    ("oldest", "kept", "state"),
    [
        (inf, 7 * DAY, State.OK),
        (NOW - 3 * DAY, 7 * DAY, State.OK),
        (NOW - 4 * DAY, 7 * DAY, State.WARNING),
        (NOW - 400 * DAY, inf, State.OK),
    ],
)
def test_what_may_be_gone_before_it_is_rolled_up_is_worth_a_warning(oldest: float, kept: float, state: State) -> None:
    found = roll_up_finding(oldest, kept, NOW)
    assert found.state == state
    assert ("soakwatch store roll-up" in found.remedy) == (state == State.WARNING)


def test_a_sound_store_says_what_it_holds(tmp_path: Path) -> None:
    store_with(tmp_path, PastRun("20261101-220000-aaaa", 1e9, windows=6))
    found = findings(tmp_path)
    assert {finding.state for finding in found.values()} == {State.OK}
    assert found["store"].message == "soakwatch.db holds 1 runs"
    assert found["reconciliation"].message == "run 20261101-220000-aaaa: reconciled 600 of 600"


# InfluxDB


def test_a_server_that_does_not_answer_is_named_and_nothing_is_guessed_about_it(tmp_path: Path) -> None:
    found = findings(tmp_path, "--store", "influxdb", code=3, SOAKWATCH_STORE__URL=NOBODY, SOAKWATCH_STORE__TOKEN=TOKEN)
    assert found["server"].state == State.FAILED
    assert NOBODY in found["server"].message
    assert "store.url" in found["server"].remedy
    assert found["token"].message == "taken from SOAKWATCH_STORE__TOKEN"
    assert not {"clock", "rights", "retention"} & set(found)


def test_a_missing_token_is_said_before_the_server_is_asked(tmp_path: Path) -> None:
    found = findings(tmp_path, "--store", "influxdb", code=3, SOAKWATCH_STORE__URL=NOBODY)
    assert found["token"].state == State.FAILED
    assert "SOAKWATCH_STORE__TOKEN" in found["token"].message
    assert "docs/influxdb.md" in found["token"].remedy
    assert "server" not in found


def test_a_token_in_the_place_of_its_file_is_not_shown(tmp_path: Path) -> None:
    found = findings(
        tmp_path, "--store", "influxdb", code=3, SOAKWATCH_STORE__URL=NOBODY, SOAKWATCH_STORE__TOKEN_FILE=TOKEN
    )
    assert found["token"].state == State.FAILED
    assert "SOAKWATCH_STORE__TOKEN_FILE" in found["token"].message


@pytest.mark.parametrize(
    ("position", "state"), [("", None), (str(int(NOW * 1e9)), None), (str(int((NOW + 3600) * 1e9)), State.WARNING)]
)
def test_a_server_whose_clock_was_set_back_is_worth_a_warning(position: str, state: State | None) -> None:
    found = list(position_findings(position, NOW))
    assert [finding.state for finding in found] == ([state] if state else [])
    assert all("3600 s ahead" in finding.message for finding in found)


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("v2.7.12", State.OK),
        ("2.0.9", State.OK),
        ("1.8.10", State.FAILED),
        ("v3.0.1", State.FAILED),
        ("nightly", State.WARNING),
    ],
)
def test_only_influxdb_2_will_do(version: str, state: State) -> None:
    found = version_finding("http://db:8086", version)
    assert found.state == state
    assert found.message.startswith(f"http://db:8086 is InfluxDB {version}")
    assert ("InfluxDB 2" in found.remedy) == (state != State.OK)


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        (100.0, "within 2 s"),
        (100.99, "within 2 s"),
        (102.6, "2 s ahead of"),
        (90.0, "10 s behind"),
        (3700.5, "3600 s ahead"),
    ],
)
def test_clocks_that_differ_by_two_seconds_are_noticed(ours: float, said: str) -> None:
    found = clock_finding(ours, theirs=100.0)
    assert said in found.message
    assert (found.state == State.OK) == said.startswith("within")


def rights(*, lacking: dict[str, str]) -> Finding:
    buckets = Buckets.of("soakwatch", Retention())
    known = {
        bucket.name: BucketRights(
            bucket.name,
            exists=True,
            reads="r" not in lacking.get(bucket.name, ""),
            writes="w" not in lacking.get(bucket.name, ""),
        )
        for bucket in buckets
    }
    return rights_finding(buckets, known)


def test_the_two_tokens_of_init_are_enough_for_what_they_are_made_for() -> None:
    assert rights(lacking={}).message == "the token reads and writes all buckets"
    writer = rights(lacking={"soakwatch_1m": "rw", "soakwatch_10m": "r", "soakwatch": "r"})
    assert writer.state == State.OK
    assert "enough for load generators" in writer.message


@pytest.mark.parametrize("bucket", ["soakwatch_raw", "soakwatch_10m", "soakwatch"])
def test_a_token_that_cannot_write_what_a_run_leaves_has_failed(bucket: str) -> None:
    found = rights(lacking={bucket: "w"})
    assert found.state == State.FAILED
    assert found.message == f"the token may not write {bucket}"
