"""`init`, `doctor`, `run` and `mark` with a real InfluxDB; no token is ever shown."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from uuid import uuid4

import pytest
from command_line import soakwatch
from influxd_process import Server
from influxdb_client.client.influxdb_client import InfluxDBClient
from pydantic import SecretStr
from scenario_runs import demo_target, processes_with

from soakwatch.core.retention import Retention
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.influx_buckets import Buckets
from soakwatch.store.influx_setup import InfluxSetup

pytestmark = pytest.mark.influxdb

DAY = 86_400
WRITER, DAEMON, READER = (f"soakwatch-{role}.token" for role in ("writer", "daemon", "reader"))
UNKNOWN = "hush-3f9a2c1d77=="


@dataclass
class Team:
    """Somebody in a folder, with a server and the buckets that they will want to have."""

    folder: Path
    server: Server
    bucket: str = field(default_factory=lambda: f"commands-{uuid4().hex[:12]}")
    said: list[str] = field(default_factory=list)

    def __call__(
        self, *arguments: str, code: int = 0, token: str = "", file: str = "", **settings: str
    ) -> CompletedProcess[str]:
        """Run a command, with the administrator's token unless another or a file is given."""
        done = soakwatch(*arguments, folder=self.folder, environment=self.variables(token, file) | settings)
        self.said += [done.stdout, done.stderr]
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def variables(self, token: str = "", file: str = "") -> dict[str, str]:
        store = {"URL": self.server.url, "ORG": self.server.org, "BUCKET": self.bucket}
        secret = {"TOKEN_FILE": file} if file else {"TOKEN": token or self.server.token}
        retention = {"SOAKWATCH_RETENTION__RAW": "", "SOAKWATCH_RETENTION__TEN_MINUTES": ""}  # the defaults
        return {f"SOAKWATCH_STORE__{key}": value for key, value in (store | secret).items()} | retention

    def kept(self) -> dict[str, int | None]:
        """How long the buckets on the server keep points, in seconds, by the end of their names."""
        section = StoreSection(
            kind=StoreKind.INFLUXDB, url=self.server.url, org=self.server.org, token=SecretStr(self.server.token)
        )
        with InfluxSetup.connect(section) as server:
            found = server.existing(Buckets.of(self.bucket, Retention()))
        return {bucket.name.removeprefix(self.bucket): bucket.keep for bucket in found}

    def everything(self) -> str:
        """All that is stored, as the server gives it."""
        with InfluxDBClient(self.server.url, self.server.token, org=self.server.org) as client:
            return "".join(
                client.query_api().query_raw(f'from(bucket: "{bucket.name}") |> range(start: 0)').data.decode()
                for bucket in Buckets.of(self.bucket, Retention())
            )

    def findings(
        self, *, code: int = 0, token: str = "", file: str = "", **settings: str
    ) -> dict[str, tuple[str, str]]:
        done = self("doctor", "--store", "influxdb", "--json", code=code, token=token, file=file, **settings)
        return {one["check"]: (one["state"], f"{one['message']} {one['remedy']}") for one in json.loads(done.stdout)}

    def tokens(self) -> set[str]:
        files = (self.folder / name for name in (WRITER, DAEMON, READER))
        return {self.server.token, *(file.read_text(encoding="ascii").strip() for file in files if file.exists())}


@pytest.fixture
def team(tmp_path: Path, influxdb: Server) -> Iterator[Team]:
    made = Team(tmp_path, influxdb)
    yield made
    influxdb.delete_buckets(made.bucket)
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".token"]
    for token in made.tokens():
        assert token not in "".join(made.said)
        assert not any(token.encode() in content for content in written)


# init


def test_init_makes_the_file_and_the_buckets_and_the_second_time_nothing(team: Team) -> None:
    team("init", "--store", "influxdb")
    assert team.kept() == {"_raw": 7 * DAY, "_1m": 30 * DAY, "_10m": 400 * DAY, "": None}
    file = team.folder / "soakwatch.toml"
    written = file.read_text(encoding="utf-8")
    for line in ('kind = "influxdb"', f'url = "{team.server.url}"', f'bucket = "{team.bucket}"'):
        assert line in written.splitlines()
    again = team("init", "--store", "influxdb")
    assert "all buckets are there as they should be" in again.stderr
    assert file.read_text(encoding="utf-8") == written
    assert team("runs", "list").stdout.startswith("no runs yet")


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(team: Team) -> None:
    said = team("init", "--store", "influxdb", "--tokens", "--dry-run").stderr
    for name in ("soakwatch.toml", f"{team.bucket}_raw", WRITER, DAEMON, READER):
        assert name in said
    assert team.kept() == {}
    assert not list(team.folder.iterdir())


def test_another_retention_is_reported_and_changed_only_when_asked_for(team: Team) -> None:
    team("init", "--store", "influxdb")
    said = team("init", "--store", "influxdb", SOAKWATCH_RETENTION__RAW="3").stderr
    assert f"bucket '{team.bucket}_raw' keeps points 7 days, and should 3 days, which would delete" in said
    assert "--update-retention" in said
    assert team.findings(SOAKWATCH_RETENTION__RAW="3")["retention"][0] == "warning"
    assert team.kept()["_raw"] == 7 * DAY
    said = team("init", "--store", "influxdb", "--update-retention", SOAKWATCH_RETENTION__RAW="3").stderr
    assert "keeps points 3 days, not 7 days; what is older is deleted" in said
    assert team.kept()["_raw"] == 3 * DAY
    team("init", "--store", "influxdb", "--update-retention", SOAKWATCH_RETENTION__RAW="0")
    assert team.kept()["_raw"] is None


def test_a_token_without_the_right_to_make_buckets_is_told_so(team: Team) -> None:
    team("init", "--store", "influxdb", "--tokens")
    team.server.delete_buckets(f"{team.bucket}_1m")
    said = team("init", "--store", "influxdb", file=DAEMON, code=3).stderr
    assert "token" in said
    assert "all-access" in said
    assert "_1m" not in team.kept()


def test_a_server_that_does_not_answer_is_exit_code_3_and_the_file_is_there(team: Team) -> None:
    said = team("init", "--store", "influxdb", code=3, SOAKWATCH_STORE__URL="http://127.0.0.1:9").stderr
    assert "nothing answers there" in said
    assert (team.folder / "soakwatch.toml").exists()


# Tokens


def test_the_tokens_are_for_the_owner_only_and_kept_when_they_are_there(team: Team) -> None:
    team("init", "--store", "influxdb", "--tokens")
    tokens = team.tokens()
    assert len(tokens) == 4
    for name in (WRITER, DAEMON, READER):
        assert stat.S_IMODE((team.folder / name).stat().st_mode) == 0o600
    assert "left alone" in team("init", "--store", "influxdb", "--tokens").stderr
    assert team.tokens() == tokens


def test_each_token_may_do_what_it_is_for_and_no_more(team: Team) -> None:
    team("init", "--store", "influxdb", "--tokens")
    assert team.findings(file=DAEMON)["rights"][1].startswith("the token reads and writes all buckets")
    writer = team.findings(file=WRITER)
    assert writer["rights of a load generator"][0] == "ok"
    assert "store" not in writer
    team("mark", "deploy", "--version", "2.4.1", file=WRITER)
    assert "2.4.1" in team("mark", "list", file=DAEMON).stdout
    assert "token does not see it" in team("mark", "list", file=WRITER, code=3).stderr
    other = team.findings(file=DAEMON, code=3, SOAKWATCH_STORE__BUCKET="elsewhere")
    assert other["buckets"][0] == "failed"


LOCUSTFILE = """
import locust


class Visitor(locust.HttpUser):
    wait_time = locust.constant(0.05)

    @locust.task
    def look(self):
        self.client.get("/")
"""


@pytest.mark.processes
def test_a_load_generator_needs_the_writers_token_only(team: Team, host: str) -> None:
    team("init", "--store", "influxdb", "--tokens")
    (team.folder / "locustfile.py").write_text(LOCUSTFILE, encoding="utf-8")
    locust = ("--headless", "-u", "4", "-r", "4", "-t", "3", "--host", host, "--exit-code-on-error", "0")
    gated = team(
        "run", "--gate", "--store", "influxdb", "--", *locust, file=WRITER, code=3, SOAKWATCH_COLLECTOR__WINDOW="1"
    )
    assert "reconciled" in gated.stderr
    assert "token does not see it" in gated.stderr  # the comparison needs more
    (run,) = json.loads(team("runs", "list", "--json", file=DAEMON).stdout)
    assert run["reconciled"]["exact"]
    assert f"run {run['id']}: reconciled" in team.findings(file=DAEMON)["reconciliation"][1]
    assert team.findings(file=DAEMON)["delivery"][0] == "ok"


@pytest.mark.processes
def test_while_a_test_runs_no_process_list_and_afterwards_no_point_shows_the_token(team: Team, host: str) -> None:
    team("init", "--store", "influxdb")
    (team.folder / "locustfile.py").write_text(LOCUSTFILE, encoding="utf-8")
    locust = ("--headless", "-u", "4", "-t", "4", "--processes", "2", "--host", host, "--exit-code-on-error", "0")
    command = [sys.executable, "-m", "soakwatch.cli.main", "run", "--gate", "--store", "influxdb", "--", *locust]
    with (team.folder / "log").open("w", encoding="utf-8") as log:
        running = subprocess.Popen(
            command, cwd=team.folder, env={**os.environ, **team.variables()}, stdout=log, stderr=log
        )
    while running.poll() is None:
        assert processes_with(team.server.token) == []
        time.sleep(0.3)
    assert running.returncode == 0, (team.folder / "log").read_text(encoding="utf-8")
    (run,) = json.loads(team("runs", "list", "--json").stdout)
    assert run["reconciled"]["stored"]
    stored = team.everything()
    assert run["id"] in stored
    assert team.server.token not in stored


@pytest.mark.processes
def test_scenarios_leave_their_runs_in_influxdb(team: Team) -> None:
    team("init", "--store", "influxdb")
    with demo_target() as address:
        options = ("--only", "api", "--users", "4", "--seconds", "5", "--ready-timeout", "10", "--host", address)
        team("scenarios", "run", "--store", "influxdb", *options)
    (run,) = json.loads(team("runs", "list", "--json").stdout)
    metadata = (team.folder / "soakwatch-scenarios" / "test_execution_metadata.json").read_text(encoding="utf-8")
    assert run["id"] in metadata
    assert not list(team.folder.rglob("*.db"))


# doctor


def test_doctor_finds_nothing_wrong_where_nothing_is(team: Team) -> None:
    team("init", "--store", "influxdb")
    found = team.findings()
    assert {state for state, _ in found.values()} == {"ok"}
    assert {"token", "server", "clock", "buckets", "rights", "retention", "store", "spool", "disk"} <= set(found)
    assert "InfluxDB v2." in found["server"][1]


def test_doctor_names_missing_buckets_and_who_makes_them(team: Team) -> None:
    state, said = team.findings(code=3)["buckets"]
    assert state == "failed"
    assert f"{team.bucket}_raw" in said
    assert "soakwatch init --store influxdb" in said


def test_doctor_says_that_the_server_does_not_know_a_token(team: Team) -> None:
    team("init", "--store", "influxdb")
    state, said = team.findings(token=UNKNOWN, code=3)["rights"]
    assert state == "failed"
    assert "does not know the token" in said
    assert UNKNOWN not in "".join(team.said)
