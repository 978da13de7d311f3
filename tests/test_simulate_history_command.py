"""`soakwatch simulate history`, as a real process."""

import json
from pathlib import Path

import pytest
from command_line import soakwatch
from influxd_process import Server
from influxdb_server import new_bucket, section_of

from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind
from soakwatch.store.sqlite import SqliteStore
from soakwatch.store.truth_files import read_truth

SMALL = ("simulate", "history", "--days", "1", "--series", "2", "--services", "1", "--start", "2026-11-02")
MIDNIGHT = 1_793_577_600.0


def test_a_history_is_in_the_store_and_its_truth_beside_it(tmp_path: Path) -> None:
    done = soakwatch(*SMALL, "--store", "trial.db", "--event", "step:+50%@day=0,hour=6,series=1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (event,) = read_truth(tmp_path / "trial.truth.json").events
    assert (event.kind, event.size, event.span.start) == (EventKind.STEP, 0.5, MIDNIGHT + 6 * 3600)
    with SqliteStore.open(tmp_path / "trial.db") as store:
        minutes = [one.window for one in store.roll_ups(MINUTE, Span(0.0, 2e9))]
    assert len(minutes) == 1440 * 3
    assert (minutes[0].start, minutes[-1].start) == (MIDNIGHT, MIDNIGHT + 1439 * 60)
    assert "simulated 2 series of 1 services over 1 days" in done.stdout
    assert "step +50 %" in done.stdout
    assert "next: soakwatch backtest --days 1 --truth trial.truth.json --store trial.db" in done.stderr


def test_a_store_that_has_data_is_left_alone_unless_forced(tmp_path: Path) -> None:
    assert soakwatch(*SMALL, folder=tmp_path).returncode == 0
    before = (tmp_path / "soakwatch.truth.json").read_bytes()
    again = soakwatch(*SMALL, "--seed", "2", folder=tmp_path)
    assert again.returncode == 2
    assert "soakwatch.db has data already" in again.stderr
    assert "--force" in again.stderr
    assert (tmp_path / "soakwatch.truth.json").read_bytes() == before
    forced = soakwatch(*SMALL, "--seed", "2", "--force", folder=tmp_path)
    assert forced.returncode == 0, forced.stderr
    with SqliteStore.open(tmp_path / "soakwatch.db") as store:
        assert len(store.runs()) == 2


def test_for_machines_it_prints_json_and_nothing_else(tmp_path: Path) -> None:
    done = soakwatch(
        *SMALL, "--truth", "what/was.json", "--event", "gap@day=0,hour=1,for=1h", "--json", folder=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["start"], told["end"]) == ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z")
    assert (told["minutes"], told["load_samples"], told["events"]) == (1380 * 3, 1380, 1)
    assert read_truth(tmp_path / told["truth"]).seed == told["seed"]


def test_an_event_that_is_wrong_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    for option in (("--event", "step:+20%@day=3"), ("--start", "2026-11-02T00:05:00Z")):
        done = soakwatch(*SMALL, *option, folder=tmp_path)
        assert done.returncode == 2
        assert "should be" in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.influxdb
def test_what_a_server_would_not_keep_is_left_out_and_the_setting_is_named(tmp_path: Path, influxdb: Server) -> None:
    with new_bucket(influxdb) as bucket:
        section = section_of(influxdb, bucket)
        environment = {**section.variables, "SOAKWATCH_STORE__TOKEN": influxdb.token, "SOAKWATCH_RETENTION__RAW": "0.5"}
        old = (*SMALL[:-1], "2026-10-01")
        done = soakwatch(*old, folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "which the store would not keep (see [retention])" in done.stderr
