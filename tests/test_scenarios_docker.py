"""Scenarios in containers: what Docker is asked for, and what becomes of its answers.

There is no Docker engine in most places where tests run. tests/recording_docker.py stands in for it: it takes what
Docker takes, and executes the container's command on this machine, with the mounted folders in their places.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import soakwatch
from recording_docker import IMAGE_ID, Call, parse
from scenario_runs import Scenarios, demo_target, processes_with, run_in, stored_requests

from soakwatch.store.sqlite import SqliteStore

ROOT = Path(__file__).parent.parent

LOCUST = pytest.mark.processes


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with demo_target() as address:
        yield address


@dataclass(frozen=True)
class Dock:
    """A folder whose `docker` is the recording one."""

    folder: Path
    host: str

    def scenarios(self, trouble: str = "", **settings: str) -> Scenarios:
        """Scenarios that find this `docker` first on their path."""
        return Scenarios(self.folder, self.host, {**self.environment(trouble), **settings})

    def environment(self, trouble: str = "") -> dict[str, str]:
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        docker = programs / "docker"
        docker.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests/recording_docker.py"} "$@"\n', "utf-8")
        docker.chmod(0o755)
        (self.folder / "docker").mkdir(exist_ok=True)
        return {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "SOAKWATCH_TEST_DOCKER": str(self.folder / "docker"),
            "SOAKWATCH_TEST_TROUBLE": trouble,
        }

    def calls(self, command: str) -> list[Call]:
        """How `docker COMMAND` was called, in order."""
        lines = (self.folder / "docker" / "calls.jsonl").read_text(encoding="utf-8").splitlines()
        return [call for call in map(parse, map(json.loads, lines)) if call.command == command]

    def left_behind(self) -> list[str]:
        """Containers that still run, and processes of theirs."""
        return [
            *(str(path) for path in (self.folder / "docker").glob("*.container")),
            *processes_with(str(self.folder)),
        ]


@pytest.fixture
def dock(tmp_path: Path, demo: str) -> Dock:
    return Dock(tmp_path, demo)


TWO = ("--docker", "--only", "baseline", "--only", "soak")


@LOCUST
def test_results_metadata_and_runs_of_containers_appear_on_the_host(dock: Dock) -> None:
    scenarios = dock.scenarios(SOAKWATCH_VERSION="4.2")
    (dock.folder / "soakwatch.toml").write_text('environment = "staging"\n', encoding="utf-8")
    done = scenarios.run(*TWO, "--test", "nightly")
    assert done.returncode == 0, done.stdout + done.stderr
    assert scenarios.outcomes() == {"baseline": "completed", "soak": "completed"}
    for name in ("baseline", "soak"):
        execution = scenarios.execution(name)
        assert (execution.kind.value, execution.image, execution.exit_code) == ("docker", IMAGE_ID, 0)
        assert IMAGE_ID in execution.command
        assert execution.requests == scenarios.counted(name) > 50
        assert f"{name}/{name}_stats_history.csv" in {written.file for written in execution.files}
        for store in (scenarios.store, scenarios.results / name / "soakwatch.db"):
            run = run_in(store, execution.run)
            assert (run.test, run.environment, run.version) == (f"nightly-{name}", "staging", "4.2")
            assert stored_requests(store, execution.run) == execution.requests
    assert [call.rest[0] for call in dock.calls("run")] == [IMAGE_ID, IMAGE_ID]
    assert not dock.left_behind()


@LOCUST
def test_the_run_in_the_store_is_all_that_the_containers_store_knows(dock: Dock) -> None:
    scenarios = dock.scenarios()
    done = scenarios.run("--docker", "--only", "baseline")
    assert done.returncode == 0, done.stdout + done.stderr
    run = str(scenarios.execution("baseline").run)
    with (
        SqliteStore.open(scenarios.store) as ours,
        SqliteStore.open(scenarios.results / "baseline" / "soakwatch.db") as theirs,
    ):
        assert list(ours.windows(run)) == list(theirs.windows(run))
        assert list(ours.load(run)) == list(theirs.load(run)) != []
        assert list(ours.errors(run)) == list(theirs.errors(run))
        assert ours.tallies(run) == theirs.tallies(run) != []
        assert ours.runs() == theirs.runs()


def dry_run(dock: Dock, *options: str) -> list[list[str]]:
    secret = {"SOAKWATCH_STORE__TOKEN": "not to be seen", "SOAKWATCH_STORE": '{"org": "not to be seen"}'}
    environment = {**dock.environment(), "SOAKWATCH_COMMIT": "not to be seen", **secret}
    arguments = ("--docker", "--dry-run", "--json", "--out", "results", *options)
    done = soakwatch("scenarios", "run", *arguments, folder=dock.folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return [entry["command"] for entry in json.loads(done.stdout)]


def test_a_container_sees_the_hosts_network_its_results_and_the_locustfile_and_no_more(dock: Dock) -> None:
    (dock.folder / "users.py").touch()
    for command in dry_run(dock, "-f", "users.py"):
        assert command[0] == "docker"
        call = parse(command[1:])
        image, *arguments = call.rest
        scenario = arguments[arguments.index("--scenario") + 1]
        assert (image, call.one("--network")) == ("soakwatch-locust", "host")
        assert call.one("--user") == f"{os.getuid()}:{os.getgid()}"
        assert call.one("--name").startswith(f"soakwatch-{scenario}-")
        assert call.options["--volume"] == [
            f"{dock.folder}/results/{scenario}:/results",
            f"{dock.folder}/users.py:/locust/users.py:ro",
            f"{ROOT}/scheduler/scenario_shape.py:/scenario/scenario_shape.py:ro",
        ]
        assert "--rm" in call.options
        assert "not to be seen" not in json.dumps(command)
        settings = call.options["--env"]
        assert "SOAKWATCH_COMMIT" in settings
        assert [setting for setting in settings if setting.startswith("SOAKWATCH_STORE")] == [
            "SOAKWATCH_STORE__KIND=sqlite",
            "SOAKWATCH_STORE__PATH=/results/soakwatch.db",
        ]


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker program that could read the options")
def test_docker_itself_understands_what_it_is_asked(dock: Dock) -> None:
    nowhere = {**os.environ, "DOCKER_HOST": f"unix://{dock.folder}/nowhere.sock"}
    commands = [*dry_run(dock), ["docker", "stop", "-t", "30", "x"], ["docker", "rm", "-f", "x"]]
    for command in commands:
        done = subprocess.run(command, env=nowhere, capture_output=True, text=True, timeout=60, check=False)
        assert "nowhere.sock" in done.stderr, done.stderr
        assert "unknown" not in done.stderr


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("no daemon", "docker does not reach its daemon: Cannot connect to the Docker daemon"),
        ("no image", "`soakwatch scenarios build --image soakwatch-locust` makes it"),
    ],
)
def test_what_docker_lacks_is_said_before_anything_runs(dock: Dock, trouble: str, said: str) -> None:
    scenarios = dock.scenarios(trouble)
    done = scenarios.run(*TWO)
    assert done.returncode == 3
    assert said in done.stderr
    assert not dock.calls("run")
    assert scenarios.outcomes() == {"baseline": "not started", "soak": "not started"}
    assert said in scenarios.execution("soak").reason


def test_without_docker_on_the_path_it_says_so(dock: Dock) -> None:
    done = dock.scenarios(PATH=str(dock.folder)).run(*TWO)
    assert done.returncode == 3
    assert "there is no docker on the PATH; install Docker, or leave out --docker" in done.stderr


def test_a_real_docker_without_a_daemon_is_the_same(dock: Dock) -> None:
    if shutil.which("docker") is None:
        pytest.skip("there is no docker program")
    done = Scenarios(dock.folder, dock.host, {"DOCKER_HOST": f"unix://{dock.folder}/nowhere.sock"}).run(*TWO)
    assert done.returncode == 3
    assert "docker does not reach its daemon" in done.stderr


def test_a_folder_that_docker_would_take_for_two_is_refused(dock: Dock) -> None:
    done = dock.scenarios().run(*TWO, "--out", "at 12:00")
    assert done.returncode == 2
    assert "Docker takes a colon for the end of a path" in done.stderr


@LOCUST
@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        ("exit 1 of baseline", 1, "ended with exit code 1 in its container; {log} ends with:\nModuleNotFoundError"),
        ("no space for baseline", 125, "could not start the container (exit code 125); the disk is full; make room"),
        ("killed in baseline", 137, "the container was killed (exit code 137): by somebody, or because memory ran out"),
    ],
)
def test_a_container_that_fails_is_explained_and_the_others_run(dock: Dock, trouble: str, code: int, said: str) -> None:
    scenarios = dock.scenarios(trouble)
    done = scenarios.run(*TWO)
    assert done.returncode == 3
    assert scenarios.outcomes() == {"baseline": "failed", "soak": "completed"}
    failed = scenarios.execution("baseline")
    assert failed.exit_code == code
    assert said.format(log=scenarios.results / "baseline" / "locust.log") in failed.reason
    assert scenarios.execution("soak").requests == scenarios.counted("soak") > 50
    assert not dock.left_behind()


@LOCUST
def test_what_a_killed_container_had_measured_is_kept(dock: Dock) -> None:
    scenarios = dock.scenarios("killed in baseline")
    scenarios.run("--docker", "--only", "baseline")
    killed = scenarios.execution("baseline")
    assert (killed.requests or 0) > 0
    assert stored_requests(scenarios.store, killed.run) > 0


@LOCUST
@pytest.mark.parametrize("trouble", ["", "slow start of baseline"])
def test_ctrl_c_stops_the_container_in_order_and_leaves_none_behind(dock: Dock, trouble: str) -> None:
    scenarios = dock.scenarios(trouble)
    with scenarios.begun(*TWO, "--seconds", "60") as process:
        if trouble:
            wait_for_call(dock, "run")
        else:
            scenarios.wait_for_requests("baseline")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 3
    assert scenarios.outcomes() == {"baseline": "interrupted", "soak": "not started"}
    assert len(dock.calls("run")) == 1
    assert {call.rest[0] for call in dock.calls("stop")} == {dock.calls("run")[0].one("--name")}
    assert not dock.left_behind()
    if not trouble:
        stopped = scenarios.execution("baseline")
        assert stopped.exit_code == 0
        assert stopped.requests == scenarios.counted("baseline") == stored_requests(scenarios.store, stopped.run) > 10


@LOCUST
def test_a_container_that_comes_into_being_after_its_client_was_ended_is_removed_too(dock: Dock) -> None:
    scenarios = dock.scenarios("late container of baseline")
    with scenarios.begun(*TWO, "--seconds", "60") as process:
        wait_for_call(dock, "run")
        interrupt_twice(process)
        assert process.wait(60) == 3
    time.sleep(2.5)
    assert not dock.left_behind()
    assert "did not remove" not in scenarios.execution("baseline").reason


@LOCUST
def test_a_docker_that_hangs_does_not_keep_soakwatch_and_what_may_be_left_is_said(dock: Dock) -> None:
    scenarios = dock.scenarios("hangs")
    with scenarios.begun(*TWO, "--seconds", "60") as process:
        scenarios.wait_for_requests("baseline")
        interrupt_twice(process)
        assert process.wait(60) == 3
    name = dock.calls("run")[0].one("--name")
    container = dock.folder / "docker" / f"{name}.container"
    os.kill(int(container.read_text(encoding="utf-8")), signal.SIGKILL)
    assert f"see to it with `docker rm -f {name}`" in scenarios.execution("baseline").reason
    assert (scenarios.execution("baseline").requests or 0) > 0


@LOCUST
def test_a_container_whose_client_was_killed_is_removed(dock: Dock) -> None:
    scenarios = dock.scenarios()
    with scenarios.begun("--docker", "--only", "baseline", "--seconds", "60") as process:
        scenarios.wait_for_requests("baseline")
        os.kill(client_of(dock), signal.SIGKILL)
        assert process.wait(60) == 3
    assert not dock.left_behind()
    assert "`docker run` was ended by SIGKILL" in scenarios.execution("baseline").reason


def interrupt_twice(process: "subprocess.Popen[str]") -> None:
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)


def client_of(dock: Dock) -> int:
    """The process of `docker run`."""
    wanted = f"recording_docker.py\0run\0--rm\0--name\0{dock.calls('run')[0].one('--name')}\0".encode()
    (found,) = [path for path in Path("/proc").glob("[0-9]*/cmdline") if wanted in read_or_nothing(path)]
    return int(found.parent.name)


def read_or_nothing(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_for_call(dock: Dock, command: str) -> None:
    deadline = time.monotonic() + 30
    while not (dock.folder / "docker" / "calls.jsonl").exists() or not dock.calls(command):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_image_is_built_from_a_clone(dock: Dock) -> None:
    done = soakwatch(
        "scenarios", "build", str(ROOT), "--image", "mine", folder=dock.folder, environment=dock.environment()
    )
    assert done.returncode == 0, done.stderr
    (call,) = dock.calls("build")
    assert (call.one("--file"), call.one("--tag")) == (str(ROOT / "docker" / "Dockerfile.locust"), "mine")
    assert call.rest == [str(ROOT)]


def test_an_image_is_not_built_from_anything_else(dock: Dock) -> None:
    done = soakwatch("scenarios", "build", folder=dock.folder, environment=dock.environment())
    assert done.returncode == 2
    assert "there is no docker/Dockerfile.locust; name a clone of soakwatch" in done.stderr
