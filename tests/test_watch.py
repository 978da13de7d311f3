"""The daemon and the single pass as processes: what they print, and how they end."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from command_line import FOR_EVER, soakwatch
from fake_faults import Asked, Fault, silent
from fake_github import FakeGitHub
from fake_grafana import FakeGrafana, trouble
from influxd_process import Server
from influxdb_server import new_bucket, section_of
from postgresql_server import new_database
from pydantic import SecretStr
from spooled import a_window, left_by_a_dead_process
from version_service import Service, serving
from watched_history import Place, write_minutes

from soakwatch.cli.pass_lock import one_pass_at_a_time
from soakwatch.core.configuration import Configuration
from soakwatch.core.deploy import changes
from soakwatch.core.detector_settings import LedgerSection
from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger_opening import open_ledger
from soakwatch.store.opening import create_store, open_store

HTTP = {"SOAKWATCH_HTTP__PORT": "0"}
DURATIONS = {"SOAKWATCH_DETECTOR__LEARNING": "0.5", "SOAKWATCH_DETECTOR__HISTORY": "1"}


@pytest.fixture(scope="module")
def just_now(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store in which an endpoint got slower 40 minutes ago, and no ledger. Not to be changed: copy it."""
    place = Place(tmp_path_factory.mktemp("just-now"))
    with create_store(place.configuration) as store:
        write_until_now(store)
    return place


def write_until_now(store: WindowStore) -> None:
    """And half an hour on, so that there is something in each minute, however long the tests take."""
    now = time.time() // MINUTE * MINUTE
    write_minutes(store, now + 30 * MINUTE, now - 40 * MINUTE)


@pytest.fixture
def folder(just_now: Place, tmp_path: Path) -> Path:
    return just_now.copy(tmp_path).folder


@pytest.fixture(params=["files", pytest.param("servers", marks=[pytest.mark.influxdb, pytest.mark.postgresql])])
def kept(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Where the same is kept: in the folder's files, or in InfluxDB and PostgreSQL."""
    if request.param == "files":
        yield {}
        return
    server: Server = request.getfixturevalue("influxdb")
    with new_bucket(server) as bucket, new_database(request.getfixturevalue("postgresql")) as ledger:
        section = section_of(server, bucket)
        with create_store(Configuration(store=section)) as store:
            write_until_now(store)
        yield {**section.variables, "SOAKWATCH_STORE__TOKEN": server.token, "SOAKWATCH_LEDGER__URL": ledger}


def position_in(folder: Path, kept: Mapping[str, str]) -> str:
    """How far detection has come, as its ledger says; nothing where it has not begun."""
    section = LedgerSection(path=folder / "soakwatch-ledger.db", url=SecretStr(kept.get("SOAKWATCH_LEDGER__URL", "")))
    with suppress(StoreUnavailable), open_ledger(Configuration(ledger=section)) as ledger:
        return ledger.cursor("detection")
    return ""


@contextmanager
def watching(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon; killed where it does not end by itself."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SOAKWATCH_")}
    with subprocess.Popen(
        [sys.executable, "-m", "soakwatch.cli.main", "watch", *arguments],
        cwd=folder,
        env={**clean, **FOR_EVER, **DURATIONS, **HTTP, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as daemon:
        try:
            yield daemon
        finally:
            daemon.kill()


def said(stream: "subprocess.Popen[str]", words: str) -> str:
    """Wait until the daemon says `words` on standard error."""
    assert stream.stderr is not None
    heard = ""
    for line in stream.stderr:
        heard += line
        if words in line:
            return line
    raise AssertionError(f"never said {words!r}, but {heard}")


def test_one_pass_finds_what_goes_on_and_tells_the_shell(folder: Path) -> None:
    first = soakwatch("detect", folder=folder, environment=DURATIONS)
    assert first.returncode == 1, first.stderr
    assert "rag_service POST /query" in re.sub(r"\s+", " ", first.stdout)
    assert "learnt from" in first.stderr
    again = json.loads(soakwatch("detect", "--json", folder=folder, environment=DURATIONS).stdout)
    assert again["learnt"] == 0
    (incident,) = again["incidents"]
    why = ("--why", "known", "--for", "7d")
    assert soakwatch("incidents", "ignore", incident["fingerprint"][:6], *why, folder=folder).returncode == 0
    assert soakwatch("detect", folder=folder, environment=DURATIONS).returncode == 0


def test_a_required_series_that_is_still_learning_is_undecided(folder: Path) -> None:
    (folder / "soakwatch.toml").write_text('[[require]]\nservice = "rag_service"\n', encoding="utf-8")
    longer = {"SOAKWATCH_DETECTOR__LEARNING": "5"}
    done = soakwatch("detect", "--json", folder=folder, environment=longer)
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert "learning what is normal until" in document["undecided"][0]
    assert document["learning_until"] > document["until"]


def test_a_required_series_that_cannot_be_told_is_undecided_and_detect_and_watch_say_why(folder: Path) -> None:
    (folder / "soakwatch.toml").write_text('[[require]]\nservice = "rag_service"\n', encoding="utf-8")
    with closing(sqlite3.connect(folder / "soakwatch.db")) as connection, connection:
        # four times the users since ten minutes before anything got slower: after an hour of it, it would be comparable
        ((last,),) = connection.execute("SELECT max(start) FROM load").fetchall()
        connection.execute("UPDATE load SET users = 40 WHERE start >= ?", (last - 80 * MINUTE,))
    done = soakwatch("detect", "--json", folder=folder, environment=DURATIONS)
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert {one["reason"] for one in document["unknown"]} == {"there is no comparable load in the baseline"}
    assert "no comparable load" in document["undecided"][0]
    assert "no comparable load" in soakwatch("detect", folder=folder, environment=DURATIONS).stderr
    with watching(folder) as daemon:
        assert "because there is no comparable load" in said(daemon, "unknown for 2 of")


def test_a_clock_that_is_behind_what_was_judged_is_told(folder: Path) -> None:
    assert soakwatch("detect", folder=folder, environment=DURATIONS).returncode == 1
    with closing(sqlite3.connect(folder / "soakwatch-ledger.db")) as connection, connection:
        ((text,),) = connection.execute("SELECT position FROM ledger_cursors WHERE name = 'detection'").fetchall()
        ahead = json.dumps({**json.loads(text), "until": time.time() // MINUTE * MINUTE + 86_400})
        connection.execute("UPDATE ledger_cursors SET position = ? WHERE name = 'detection'", (ahead,))
    done = soakwatch("detect", folder=folder, environment=DURATIONS)
    assert done.returncode == 3
    assert "ahead of this clock" in re.sub(r"\s+", " ", done.stderr)
    with watching(folder) as daemon:
        said(daemon, "ahead of this clock")


def test_without_a_store_there_is_nothing_to_detect(tmp_path: Path) -> None:
    done = soakwatch("detect", folder=tmp_path)
    assert done.returncode == 3
    assert "soakwatch run" in done.stderr


def test_a_daemon_prints_each_change_and_ends_well_when_it_is_asked_to(folder: Path) -> None:
    with watching(folder, "--json") as daemon:
        assert daemon.stdout is not None
        lines = [json.loads(daemon.stdout.readline()) for _ in range(2)]
        daemon.send_signal(signal.SIGTERM)
        rest, _ = daemon.communicate(timeout=10)
    assert daemon.returncode == 0
    assert rest == ""
    assert [(line["before"], line["incident"]["state"]) for line in lines] == [
        (None, "suspect"),
        ("suspect", "confirmed"),
    ]


def test_a_daemon_that_is_interrupted_while_it_learns_goes_on_from_there(folder: Path) -> None:
    with watching(folder) as daemon:
        said(daemon, "watching")
        time.sleep(0.5)
        daemon.send_signal(signal.SIGINT)
        daemon.communicate(timeout=10)
    assert daemon.returncode == 0
    assert soakwatch("detect", folder=folder, environment=DURATIONS).returncode == 1


def test_a_daemon_that_is_killed_in_the_middle_of_a_tick_goes_on_and_finds_the_one_incident(
    folder: Path, kept: Mapping[str, str]
) -> None:
    with watching(folder, **kept) as daemon:
        while not (begun := position_in(folder, kept)):
            assert daemon.poll() is None
            time.sleep(0.05)
        daemon.send_signal(signal.SIGKILL)
        daemon.communicate(timeout=10)
    with watching(folder, "--json", **kept) as daemon:
        assert daemon.stdout is not None
        confirmed = [json.loads(daemon.stdout.readline()) for _ in range(2)][-1]["incident"]
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=10)
    assert daemon.returncode == 0
    assert position_in(folder, kept) != begun
    listed = soakwatch("incidents", "list", "--json", folder=folder, environment=kept)
    (incident,) = json.loads(listed.stdout)["incidents"]
    assert (incident["fingerprint"], incident["state"]) == (confirmed["fingerprint"], "confirmed")
    assert {finding["endpoint"] for finding in incident["findings"]} == {"/query"}


def test_while_a_daemon_is_at_work_others_say_so_and_wait(folder: Path) -> None:
    with watching(folder) as daemon:
        assert daemon.stdout is not None
        assert "suspect" in (daemon.stdout.readline() or daemon.communicate()[1])
        other = soakwatch("detect", folder=folder, environment=DURATIONS)
        assert other.returncode == 3
        assert f"process {daemon.pid} on" in other.stderr
        with watching(folder) as second:
            assert f"process {daemon.pid} on" in said(second, "keeps this ledger")


def test_whether_a_daemon_is_alive_is_told_by_an_exit_code(folder: Path) -> None:
    assert soakwatch("watch", "--alive", folder=folder).returncode == 3
    with watching(folder) as daemon:
        assert daemon.stdout is not None
        assert "suspect" in daemon.stdout.readline()
        alive = soakwatch("watch", "--alive", folder=folder)
        assert alive.returncode == 0
        assert f"process {daemon.pid} on" in alive.stderr
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
    dead = soakwatch("watch", "--alive", folder=folder)
    assert dead.returncode == 3
    assert "no daemon is at work" in dead.stderr


def test_what_goes_wrong_in_a_tick_is_told_and_the_next_one_goes_on(folder: Path) -> None:
    store = Place(folder).configuration.store
    # ten seconds from tick to tick
    with watching(folder, SOAKWATCH_DETECTOR__TIME_SCALE="0.01") as daemon:
        with one_pass_at_a_time(store):
            said(daemon, "is rolling up or copying this store")
        said(daemon, "all is well again")


def test_wrong_configuration_ends_the_daemon_at_once(folder: Path) -> None:
    done = soakwatch("watch", folder=folder, environment={"SOAKWATCH_DETECTOR__LEARNING": "a week"})
    assert done.returncode == 2
    assert "SOAKWATCH_DETECTOR__LEARNING" in done.stderr


def test_a_daemon_with_a_token_for_grafana_keeps_each_incident_there_once(folder: Path) -> None:
    with FakeGrafana.running() as grafana:
        named = {"SOAKWATCH_GRAFANA__URL": grafana.url, "SOAKWATCH_GRAFANA__TOKEN": grafana.token, **DURATIONS}
        for _ in range(2):
            done = soakwatch("watch", "--once", folder=folder, environment=named)
            assert done.returncode == 1, done.stderr
            assert grafana.token not in done.stdout + done.stderr
        (incident,) = [one for one in grafana.annotations if "incident" in one.tags]
        assert "service:rag_service" in incident.tags
        assert incident.time_end > incident.time
        assert grafana.violations == []


def test_grafana_in_trouble_stops_no_detection_and_is_named(folder: Path) -> None:
    with FakeGrafana.running() as grafana:
        grafana.faults = lambda _asked: trouble(503)
        named = {"SOAKWATCH_GRAFANA__URL": grafana.url, "SOAKWATCH_GRAFANA__TOKEN": grafana.token, **DURATIONS}
        done = soakwatch("watch", "--once", folder=folder, environment=named)
        assert done.returncode == 1, done.stderr
        assert grafana.url in done.stderr
        assert "503" in done.stderr


SCALED = {"SOAKWATCH_DETECTOR__TIME_SCALE": "0.01"}
"""Ten seconds from tick to tick, and as long for a lease."""


def test_a_daemon_that_is_asked_to_stop_while_a_server_hangs_ends_well_within_ten_seconds(folder: Path) -> None:
    asked = threading.Event()

    def hanging(_asked: Asked) -> Fault:
        asked.set()
        return silent()

    with FakeGrafana.running() as grafana:
        grafana.faults = hanging
        named = {"SOAKWATCH_GRAFANA__URL": grafana.url, "SOAKWATCH_GRAFANA__TOKEN": grafana.token}
        hangs = {"SOAKWATCH_GRAFANA__TIMEOUT": "120", "SOAKWATCH_SCHEDULE__ANNOTATIONS": "1"}
        with watching(folder, **named, **hangs) as daemon:
            assert daemon.stdout is not None
            assert "suspect" in daemon.stdout.readline()
            assert asked.wait(60)
            daemon.send_signal(signal.SIGTERM)
            _, told = daemon.communicate(timeout=10)
    assert daemon.returncode == 0
    assert "left in the middle of what they were at: annotations" in told
    assert soakwatch("watch", "--alive", folder=folder).returncode == 3, "the lease was given back all the same"


@pytest.mark.parametrize("when", ["before it has the lease", "at work"])
def test_a_daemon_that_is_asked_to_stop_while_its_ledger_takes_nothing_ends_well_within_ten_seconds(
    folder: Path, when: str
) -> None:
    assert soakwatch("watch", "--once", folder=folder, environment=DURATIONS).returncode in {0, 1}
    with closing(sqlite3.connect(folder / "soakwatch-ledger.db", isolation_level=None)) as somebody:
        if when == "before it has the lease":
            somebody.execute("BEGIN IMMEDIATE")
        with watching(folder) as daemon:
            said(daemon, "watching")
            if when == "at work":
                wait_for(lambda: soakwatch("watch", "--alive", folder=folder).returncode == 0)
                somebody.execute("BEGIN IMMEDIATE")
            daemon.send_signal(signal.SIGTERM)
            _, told = daemon.communicate(timeout=10)
    assert daemon.returncode == 0, told
    assert "stopped" in told


HANGS_WHILE_ANOTHER_IS_WRONG = """
import threading, time
from soakwatch.cli.daemon import do_until_stopped
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.rhythm import Every
from soakwatch.scheduler.job import Job
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.ledger_opening import create_ledger

hangs = threading.Event()

def hang(_now, _stopping):
    hangs.set()
    time.sleep(600)

def be_wrong(_now, _stopping):
    hangs.wait()
    raise ConfigurationError("no such repository")

jobs = [Job("detection", Every(60.0), hang, 300.0), Job("issues", Every(60.0), be_wrong, 300.0)]
configuration = load_configuration(None)
with create_ledger(configuration) as ledger:
    do_until_stopped(jobs, configuration, None, ledger, Tenure(ledger), lambda: None)
"""


def test_wrong_configuration_ends_a_daemon_soon_also_when_another_job_hangs(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS_WHILE_ANOTHER_IS_WRONG],
        cwd=tmp_path,
        env={**os.environ, **HTTP},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "soakwatch: no such repository" in ended.stderr


def test_another_daemon_takes_over_within_two_intervals_from_one_that_says_nothing_more(folder: Path) -> None:
    with watching(folder, **SCALED) as first:
        said(first, "watching")
        with watching(folder, **SCALED) as second:
            said(second, "keeps this ledger")
            begin = time.monotonic()
            first.send_signal(signal.SIGSTOP)  # not killed: whether it has ended cannot be told from elsewhere either
            said(second, "this daemon is at work now")
            assert time.monotonic() - begin < 20.0
            first.send_signal(signal.SIGCONT)
            assert f"process {second.pid} on" in said(first, "waiting: ")
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=10)
            assert first.returncode == 0
            assert soakwatch("watch", "--alive", folder=folder).returncode == 0, "the second one is still at work"


def test_a_daemon_delivers_what_a_load_test_that_was_killed_left_on_this_machine(folder: Path) -> None:
    spool = Place(folder).configuration.store.spool_folder
    left_by_a_dead_process(spool, [[a_window(0, start=time.time() // 10 * 10)]])
    assert soakwatch("watch", "--once", folder=folder, environment=DURATIONS).returncode in {0, 1}
    with open_store(Place(folder).configuration) as store:
        assert sum(window.count for window in store.windows("run")) == 3
    assert not list(spool.glob("*.spool"))


def test_a_daemon_asks_services_for_their_versions_and_keeps_what_is_news(folder: Path) -> None:
    with serving(Service()) as service:
        (folder / "soakwatch.toml").write_text(
            f'environment = "staging"\n[[deploy]]\nservice = "rag"\nversion_url = "{service.url}"\ninterval = 1\n',
            encoding="utf-8",
        )
        with watching(folder) as daemon:
            wait_for(lambda: versions_in(folder) == ["1.0"])
            service.body = b"1.1"
            wait_for(lambda: versions_in(folder) == ["1.0", "1.1"])
            service.code = 500
            assert "it answers 500" in said(daemon, "version of rag: ")
            service.code = 200
            said(daemon, "version of rag: all is well again")
    assert versions_in(folder) == ["1.0", "1.1"]


def test_a_daemon_keeps_the_issues_of_a_repository_and_writes_none_in_a_dry_run(folder: Path) -> None:
    with FakeGitHub.running() as github:
        named = {"GITHUB_REPOSITORY": github.name, "GITHUB_API_URL": github.url, "GITHUB_TOKEN": github.token}
        shown = soakwatch("watch", "--once", folder=folder, environment={**DURATIONS, **named})
        assert "would open an issue" in shown.stderr, shown.stderr
        assert github.issues == []
        for _ in range(2):
            done = soakwatch("watch", "--once", "--apply", folder=folder, environment={**DURATIONS, **named})
            assert done.returncode == 1, done.stderr
            assert github.token not in done.stdout + done.stderr
        (issue,) = github.issues
        assert "rag_service" in issue.title
        assert github.violations == []


def test_issues_that_should_be_written_without_saying_where_end_the_daemon_at_once(folder: Path) -> None:
    done = soakwatch("watch", "--apply", folder=folder, environment=DURATIONS)
    assert done.returncode == 2
    assert "which repository?" in done.stderr


def versions_in(folder: Path) -> list[str]:
    with open_store(Place(folder).configuration) as store:
        deploys = changes(store.deploys(Span(0.0, time.time() + 60)))
        return [one.version for one in deploys if one.service == "rag"]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
