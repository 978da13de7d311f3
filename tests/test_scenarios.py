"""Scenarios: their stages, and `soakwatch scenarios` on this machine, with real Locust processes."""

import json
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from command_line import soakwatch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from locust_runs import free_port
from scenario_runs import OUT, Scenarios, demo_target, processes_with, run_in, stored_requests

from soakwatch.core.errors import UsageError
from soakwatch.scheduler.readiness import Target, problem_with
from soakwatch.scheduler.scenario import FASTEST_SPAWN, SCENARIOS, scenario_named, stage_at
from soakwatch.scheduler.scenario_files import Progress, ScenarioFiles, Totals
from soakwatch.store.execution_metadata import FILE_NAME

ROOT = Path(__file__).parent.parent
NAMES = ["baseline", "api", "spike", "soak"]

LOCUST = pytest.mark.processes


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with demo_target() as address:
        yield address


# the stages


@given(st.floats(5, 100_000), st.integers(1, 100_000))
def test_every_scenario_lasts_as_long_and_has_as_many_users_as_it_is_told(seconds: float, users: int) -> None:
    for scenario in SCENARIOS:
        stages = scenario.stages(seconds, users)
        assert stages[-1].until == pytest.approx(seconds)
        assert all(earlier.until < later.until for earlier, later in pairwise(stages))
        assert all(1 <= stage.users <= users for stage in stages)
        assert all(1 <= stage.spawn_rate <= FASTEST_SPAWN for stage in stages)


def users_over_time(name: str) -> list[int]:
    """Users at the beginning of each tenth of a scenario of 100 s with 24 users at most."""
    stages = scenario_named(name).stages(100, 24)
    return [stage.users for second in range(0, 100, 10) if (stage := stage_at(stages, second))]


def test_the_baseline_is_steady_and_light_and_the_soak_steady_and_moderate() -> None:
    assert users_over_time("baseline") == [8] * 10
    assert users_over_time("soak") == [16] * 10


def test_the_api_scenario_climbs_in_steps_and_only_its_users_take_part() -> None:
    assert users_over_time("api") == [6, 6, 6, 12, 12, 18, 18, 18, 24, 24]
    assert scenario_named("api").user_classes == ("APIGatewayUser",)
    assert all(not scenario_named(name).user_classes for name in ("baseline", "spike", "soak"))


def test_the_spike_comes_within_a_second_and_goes_again() -> None:
    assert users_over_time("spike") == [8, 8, 8, 8, 24, 24, 8, 8, 8, 8]
    light, peak, _ = scenario_named("spike").stages(100, 24)
    assert peak.spawn_rate >= peak.users - light.users


def test_a_scenario_is_over_after_its_last_stage() -> None:
    stages = scenario_named("api").stages(60, 24)
    assert stage_at(stages, 59.9) is not None
    assert stage_at(stages, 60) is None


# Locust's files

HISTORY = """Timestamp,User Count,Type,Name,Total Request Count,Total Failure Count
1000,4,,Aggregated,10,0
1001,4,GET,Aggregated,12,0
1001,4,,Aggregated,30,2
1002,4,GET,Aggregated,14,0
1002,4,,Aggr"""

STATS = """Type,Name,Request Count,Failure Count,95%
GET,Aggregated,12,0,80
,Aggregated,30,2,110
POST,/query,18,2,120
"""


def test_an_endpoint_that_is_called_as_the_sum_of_all_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "spike_stats_history.csv").write_text(HISTORY, encoding="utf-8")
    (tmp_path / "spike_stats.csv").write_text(STATS, encoding="utf-8")
    files = ScenarioFiles(tmp_path, "spike")
    assert files.progress() == Progress(seconds=1, users=4, requests=30, failures=2)
    assert files.totals() == Totals(requests=30, failures=2, p95=110)


# the command line


def test_the_list_shows_the_four_with_their_stages(tmp_path: Path) -> None:
    listed = json.loads(soakwatch("scenarios", "list", "--json", "--seconds", "100", folder=tmp_path).stdout)
    assert [scenario["scenario"] for scenario in listed] == NAMES
    assert listed[2]["stages"] == [
        {"until": 40.0, "users": 8, "spawn_rate": 8},
        {"until": 60.0, "users": 24, "spawn_rate": 16},
        {"until": 100.0, "users": 8, "spawn_rate": 16},
    ]
    shown = soakwatch("scenarios", "list", folder=tmp_path).stdout
    assert all(name in shown for name in NAMES)
    assert "APIGatewayUser" in shown


def test_a_dry_run_prints_what_would_be_run_and_runs_nothing(tmp_path: Path) -> None:
    host = "http://somebody:secret@127.0.0.1:1"
    done = soakwatch("scenarios", "run", "--dry-run", "--host", host, "--soak-seconds", "3600", folder=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.removeprefix("# ") for line in lines[::2]] == NAMES
    assert all("-m soakwatch.collector.launcher" in line for line in lines[1::2])
    assert lines[3].endswith("APIGatewayUser")
    assert "--scenario-seconds 3600" in lines[7]
    assert "secret" not in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--only", "spikes"], "there is no scenario 'spikes'; there are baseline, api, spike, soak"),
        (["--locustfile", "gone.py"], "there is no locustfile gone.py"),
        (["--host", "localhost:8000"], "--host 'localhost:8000' is no address such as http://localhost:8000"),
        (["--host", "http://localhost:http"], "is no address such as"),
        (["--ready-path", "healthz"], "--ready-path 'healthz' is no path such as /healthz"),
        (["--config", "gone.toml"], "gone.toml: no such file"),
        (["--locustfile", "a,b.py"], "a,b.py: Locust takes a comma for the end of a file name"),
        (["--out", "other"], "other/test_execution_metadata.json"),
    ],
)
def test_what_is_given_wrong_is_said_before_anything_runs(tmp_path: Path, options: list[str], expected: str) -> None:
    (tmp_path / "a,b.py").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "test_execution_metadata.json").write_text("mine", encoding="utf-8")
    done = soakwatch("scenarios", "run", *options, folder=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / "soakwatch-scenarios" / "baseline").exists()
    assert (tmp_path / "other" / "test_execution_metadata.json").read_text(encoding="utf-8") == "mine"


# readiness


@contextmanager
def answering(*statuses: int, path: str = "/healthz") -> Iterator[str]:
    """A server that answers GETs of `path` with `statuses` in turn, the last one for ever, and others with 503."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = (left.pop(0) if len(left) > 1 else left[0]) if self.path == path else 503
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its signature)
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def problem(host: str, patience: float, ready_path: str = "/healthz") -> str:
    waited = threading.Event().wait
    return problem_with(Target.parse(host, ready_path), patience, lambda seconds: void(waited(seconds)), lambda: False)


def void(_: object) -> None:
    pass


@pytest.mark.parametrize("status", [200, 204, 302, 401, 404])
def test_any_answer_below_500_means_ready(status: int) -> None:
    with answering(status) as host:
        assert not problem(host, 1)


def test_a_target_without_the_path_is_asked_for_its_root() -> None:
    with answering(200, path="/") as host:
        assert not problem(host, 1)


def test_a_host_below_a_path_is_asked_below_that_path() -> None:
    with answering(200, path="/staging/healthz") as host:
        assert not problem(f"{host}/staging/", 1)


def test_a_target_that_is_still_starting_is_waited_for() -> None:
    with answering(503, 502, 200) as host:
        assert not problem(host, 20)


def test_a_target_that_only_has_errors_is_not_ready_and_it_is_said_what_was_tried() -> None:
    with answering(500) as host:
        said = problem(host.replace("//", "//somebody:secret@"), 0.4)
    assert f"GET {host}/healthz: HTTP 500, {host}/: HTTP 503" in said
    assert "within 0.4 s" in said
    assert "secret" not in said


def test_a_target_is_not_asked_when_nobody_wants_to_wait() -> None:
    assert not problem(f"http://127.0.0.1:{free_port()}", 0)


def test_an_address_without_a_scheme_is_no_target() -> None:
    with pytest.raises(UsageError, match="no address such as"):
        Target.parse("localhost", "/")


def test_a_target_that_never_answers_ends_with_exit_code_3_and_says_what_was_tried(tmp_path: Path) -> None:
    scenarios = Scenarios(tmp_path, f"http://127.0.0.1:{free_port()}")
    done = scenarios.run("--ready-timeout", "0.5", "--only", "baseline", "--only", "soak", "--json")
    assert done.returncode == 3
    assert f"GET {scenarios.host}/healthz: [Errno 111] Connection refused" in done.stderr
    assert scenarios.outcomes() == {"baseline": "not started", "soak": "not started"}
    printed = json.loads(done.stdout)["executions"]
    assert [(one["scenario"], one["outcome"]) for one in printed] == list(scenarios.outcomes().items())
    assert not (scenarios.results / "baseline").exists()


# real runs


@LOCUST
def test_all_four_run_in_sequence_and_leave_their_results_on_the_host(tmp_path: Path, demo: str) -> None:
    scenarios = Scenarios(tmp_path, demo)
    done = scenarios.run("--test", "nightly", "--seconds", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_executed_in_order(scenarios)
    assert_files_left(scenarios)
    assert_users_of_the_stages(scenarios)
    assert_runs_in_the_store(scenarios, "nightly")
    assert_told(scenarios, done.stdout, done.stderr)
    assert_valid(scenarios)


def assert_executed_in_order(scenarios: Scenarios) -> None:
    executions = scenarios.metadata.executions
    assert [(one.scenario, one.outcome.value) for one in executions] == [(name, "completed") for name in NAMES]
    for earlier, later in pairwise(executions):
        assert earlier.ended is not None
        assert later.started is not None
        assert (later.started - earlier.ended).total_seconds() >= 0.5


def assert_files_left(scenarios: Scenarios) -> None:
    """Locust's files of each scenario are there, and the metadata names them and what they count."""
    for one in scenarios.metadata.executions:
        endings = ("_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv", ".json")
        expected = {f"{one.scenario}/{one.scenario}{ending}" for ending in endings} | {f"{one.scenario}/locust.log"}
        assert {written.file for written in one.files} == expected
        assert all((scenarios.results / name).is_file() for name in expected)
        assert one.requests == scenarios.counted(one.scenario) > 50


def assert_users_of_the_stages(scenarios: Scenarios) -> None:
    """Locust had the users that the stages say, and only the gateway's in `api`."""
    assert set(scenarios.users_by_second("baseline")[1:-1]) == {4}
    assert set(scenarios.users_by_second("soak")[1:-1]) == {8}
    assert {3, 6, 9, 12} <= set(scenarios.users_by_second("api")) <= {0, 3, 6, 9, 12}
    spike = scenarios.users_by_second("spike")
    assert (spike[1], max(spike), spike[-2]) == (4, 12, 4)
    most = {one.scenario: one.users for one in scenarios.metadata.executions}
    assert most == {"baseline": 4, "api": 12, "spike": 12, "soak": 8}
    services = {one.scenario: one.services for one in scenarios.metadata.executions}
    all_services = ("api_gateway", "mcp_server", "rag_service")
    assert services == dict.fromkeys(NAMES, all_services) | {"api": ("api_gateway",)}


def assert_runs_in_the_store(scenarios: Scenarios, test: str) -> None:
    """Each run is in the store whole, under a test of its own."""
    for one in scenarios.metadata.executions:
        assert run_in(scenarios.store, one.run).test == f"{test}-{one.scenario}"
        assert stored_requests(scenarios.store, one.run) == one.requests
        reconciled = run_in(scenarios.store, one.run).reconciled
        assert reconciled
        assert reconciled.exact


def assert_valid(scenarios: Scenarios) -> None:
    """What was run stands in a document that keeps to the published schema."""
    schema = json.loads(soakwatch("schema", "execution-metadata", folder=scenarios.folder).stdout)
    document = json.loads((scenarios.results / FILE_NAME).read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)


def assert_told(scenarios: Scenarios, printed: str, said: str) -> None:
    """The table at the end and a line for each on the way say how it went."""
    for name in NAMES:
        (line,) = [line for line in printed.splitlines() if line.split()[:1] == [name]]
        assert line.split()[1:3] == ["completed", str(scenarios.counted(name))]
        assert f"{OUT}/{name}" in line
        assert f"{name}: completed" in said


FAILING_USERS = """
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.1)

    @task
    def page(self):
        self.client.get("/nowhere")
"""

STUBBORN = """
import gevent
from locust import events

@events.quitting.add_listener
def linger(**_):
    gevent.sleep(300)
"""

OWN_SHAPE = """
from locust import LoadTestShape

class Mine(LoadTestShape):
    def tick(self):
        return (50, 50)
"""


@LOCUST
def test_failed_requests_are_a_result_and_a_failed_scenario_does_not_lose_the_others(tmp_path: Path, demo: str) -> None:
    (tmp_path / "users.py").write_text(FAILING_USERS, encoding="utf-8")
    scenarios = Scenarios(tmp_path, demo)
    (scenarios.results / "api").mkdir(parents=True)
    (scenarios.results / "api" / "api_stats.csv").write_text("from last night", encoding="utf-8")
    done = scenarios.run("-f", "users.py", "--only", "api", "--only", "spike", "--json")
    assert done.returncode == 3
    assert scenarios.outcomes() == {"api": "failed", "spike": "completed"}
    api, spike = scenarios.execution("api"), scenarios.execution("spike")
    assert "Unknown User(s): APIGatewayUser" in api.reason
    assert api.exit_code == 1
    assert [written.file for written in api.files] == ["api/locust.log"]
    assert spike.requests == spike.failures == scenarios.counted("spike")
    assert json.loads(done.stdout)["executions"][1]["requests"] == spike.requests


@LOCUST
def test_the_users_own_shape_and_locusts_own_variables_do_not_change_a_scenario(tmp_path: Path, demo: str) -> None:
    (tmp_path / "users.py").write_text(FAILING_USERS + OWN_SHAPE, encoding="utf-8")
    scenarios = Scenarios(tmp_path, demo, {"LOCUST_RUN_TIME": "1", "LOCUST_USERS": "99", "LOCUST_MASTER": "true"})
    done = scenarios.run("-f", "users.py", "--only", "baseline")
    assert done.returncode == 0, done.stderr
    assert set(scenarios.users_by_second("baseline")[1:-1]) == {4}


@LOCUST
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_locust_in_order_keeps_what_there_is_and_starts_nothing_further(
    tmp_path: Path, demo: str, number: signal.Signals
) -> None:
    scenarios = Scenarios(tmp_path, demo)
    with scenarios.begun("--seconds", "60", "--only", "baseline", "--only", "soak") as process:
        scenarios.wait_for_requests("baseline")
        process.send_signal(number)
        assert process.wait(60) == 3
    assert scenarios.outcomes() == {"baseline": "interrupted", "soak": "not started"}
    stopped = scenarios.execution("baseline")
    assert stopped.reason == f"stopped by {number.name}"
    assert stopped.exit_code == 0
    assert stopped.requests == scenarios.counted("baseline") == stored_requests(scenarios.store, stopped.run) > 10
    assert len(stopped.files) == 6
    assert not (scenarios.results / "soak").exists()
    assert not processes_with(str(tmp_path))


@LOCUST
def test_a_second_ctrl_c_ends_a_locust_that_does_not_want_to(tmp_path: Path, demo: str) -> None:
    (tmp_path / "users.py").write_text(FAILING_USERS + STUBBORN, encoding="utf-8")
    scenarios = Scenarios(tmp_path, demo)
    with scenarios.begun("-f", "users.py", "--seconds", "60", "--only", "baseline") as process:
        scenarios.wait_for_requests("baseline")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 3
    assert scenarios.outcomes() == {"baseline": "interrupted"}
    assert scenarios.execution("baseline").exit_code == -signal.SIGKILL
    assert (scenarios.execution("baseline").requests or 0) > 0
    assert not processes_with(str(tmp_path))


@LOCUST
def test_a_killed_soakwatch_leaves_a_document_that_says_so(tmp_path: Path, demo: str) -> None:
    scenarios = Scenarios(tmp_path, demo)
    with scenarios.begun("--only", "baseline") as process:
        scenarios.wait_for_requests("baseline")
        process.kill()
        process.wait()
    left = scenarios.execution("baseline")
    assert (left.outcome.value, left.ended) == ("interrupted", None)
    assert left.reason == "soakwatch was ended before this scenario was"


# the locustfile of the three services


@LOCUST
def test_the_locustfile_works_by_itself_with_the_class_that_is_named(tmp_path: Path, demo: str) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "tests/load/locustfile.py"), "APIGatewayUser"]
    options = ["--host", demo, "--users", "100", "--spawn-rate", "100", "--run-time", "4s", "--headless", "--json"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    names = {entry["name"] for entry in json.loads(done.stdout)}
    assert names == {"api_gateway: /api/users", "api_gateway: /api/orders", "api_gateway: /api/search"}


def test_the_locustfile_offers_the_users_of_the_three_services(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "tests/load/locustfile.py"), "--list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[2:] == ["APIGatewayUser", "MCPServerUser", "RAGServiceUser"]


def test_the_locustfile_says_when_soakwatch_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soakwatch.demo.locustfile", None)
    with pytest.raises(SystemExit, match="soakwatch is not installed"):
        runpy.run_path(str(ROOT / "tests/load/locustfile.py"))


def test_the_locustfile_is_no_test(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-c", "/dev/null", str(ROOT / "tests/load")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "no tests collected" in done.stdout
