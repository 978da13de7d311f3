"""The composite action, step by step as the runner's shell would, with real Locust against a target with faults."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from command_line import PastRun, soakwatch, store_with
from github_runner import JobResult, Runner

from soakwatch.reporter.embedding import read_verdicts

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]

LOCUSTFILE = """
from locust import task
from soakwatch.demo.locustfile import APIGatewayUser, MCPServerUser, PacedUser, RAGServiceUser

class NamesThatGiveCommands(PacedUser):
    fixed_count = 1

    @task
    def first(self):
        self.client.get("/no-such-page", name="::error::from a name")

    @task
    def second(self):
        self.client.get("/no-such-page", name="##[error]from a name")
"""

LOAD = "-f locustfile.py -u 25 -r 100 -t 15s --soakwatch-version '1.0 $(touch evaluated) `id`'"
SLOW = [{"endpoint": "POST /rag/query", "kind": "latency_factor", "value": 3.0}]


def test_no_input_is_ever_part_of_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", ""), step["name"]


def test_every_output_comes_from_a_step_that_sets_it() -> None:
    scripts = {step["id"]: step["run"] for step in STEPS if "id" in step}
    for name, output in ACTION["outputs"].items():
        match = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.([\w-]+) \}\}", output["value"])
        assert match, name
        assert f'echo "{match[2]}=' in scripts[match[1]]


GOOD = {"locust-args": "-u 1 -t 5s", "host": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({**GOOD, "scenario": "api"}, "not both"),
        ({"host": GOOD["host"]}, "give one of 'scenario'"),
        ({"host": GOOD["host"], "scenario": "api; id"}, "'scenario' is one of"),
        ({**GOOD, "fail-on": "sometimes"}, "'fail-on' is one of"),
        ({**GOOD, "host": "staging.example.com"}, "'host' begins with"),
        ({**GOOD, "host": ""}, "'host' begins with"),
        ({**GOOD, "locust-args": "-f 'a b"}, "is not closed"),
        ({**GOOD, "scenario-args": "--users 4"}, "go with 'scenario'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_before_anything_is_installed(
    tmp_path: Path, inputs: dict[str, str], problem: str
) -> None:
    result = Runner(tmp_path, path_with_python()).action(ROOT / "action.yml", inputs)
    assert len(result.steps) == 1
    assert result.steps[0].code == 2
    assert problem in result.steps[0].commands[0].message


def test_a_runner_without_linux_is_refused_in_the_first_step(tmp_path: Path) -> None:
    runner = Runner(tmp_path, path_with_python(), {"RUNNER_OS": "macOS"})
    (step,) = runner.action(ROOT / "action.yml", GOOD).steps
    assert step.code == 2
    assert "runners with Linux, such as ubuntu-latest; this one has macOS" in step.commands[0].message


# Compare and Judge alone, on runs that a store holds already

SCENARIOS = ("baseline", "api", "spike", "soak")
ENDPOINTS = tuple(f"/query-{number}" for number in range(4))


class Compared:
    """What a load would have left: runs of all scenarios, each with a baseline file in the workspace."""

    def __init__(self, folder: Path, runs: Sequence[PastRun], pinned: Mapping[str, str]) -> None:
        self.runner = Runner(folder, path_with_python())
        self.results = folder / "results"
        self.results.mkdir()
        store = store_with(self.results, *runs)
        for name, run in pinned.items():
            target = str(self.runner.workspace / f"bases-{name}.json")
            done = soakwatch("baseline", "pin", run, target, "--store", str(store), folder=folder)
            assert done.returncode == 0, done.stderr

    def judge(self, runs: Mapping[str, str], **inputs: str) -> JobResult:
        """Compare `runs`, and judge them."""
        lines = "".join(f"{name}\t{run}\n" for name, run in runs.items())
        (self.results / "runs").write_text(lines, encoding="utf-8")
        given = {"scenario": "all", "baseline": "bases.json", "report": "report.md", "fail-on": "regression", **inputs}
        install = {"python": sys.executable, "results": str(self.results)}
        return self.runner.steps(STEPS[-2:], {"inputs": given}, provided={"install": install, "load": {}})


@pytest.mark.processes
def test_the_annotations_of_all_scenarios_together_are_as_many_as_github_shows(tmp_path: Path) -> None:
    runs = [
        PastRun(f"{name}-{when}", start, median, ENDPOINTS, test=f"nightly-{name}")
        for name in SCENARIOS
        for when, start, median in (("before", 1e9, 50), ("after", 1e9 + 86_400, 150))
    ]
    compared = Compared(tmp_path, runs, {name: f"{name}-before" for name in SCENARIOS})
    result = compared.judge({name: f"{name}-after" for name in SCENARIOS})
    assert result.failed is not None, result.log
    assert (result.failed.name, result.failed.code) == ("Judge", 1)
    told = [command for step in result.steps for command in step.commands if command.name in {"error", "warning"}]
    assert len(told) == 10
    assert re.fullmatch(r"\d+ more regressed", told[-1].title)
    assert {command.title.partition(":")[0] for command in told[:-1]} <= {f"nightly-{name}" for name in SCENARIOS}


COMMANDS = ("##[error]evil", "::error::evil")


@pytest.mark.processes
def test_names_give_no_commands_either_where_runs_do_not_fit_together(tmp_path: Path) -> None:
    runs = [PastRun("before", 1e9, endpoints=COMMANDS), PastRun("after", 1e9 + 86_400, endpoints=("/other",))]
    compared = Compared(tmp_path, runs, {"locust": "before"})
    result = compared.judge({"locust": "after"})
    assert result.failed is not None
    assert (result.failed.name, result.failed.code) == ("Compare", 2)
    assert "evil" in result.failed.output
    assert result.failed.commands == []


@pytest.mark.processes
def test_a_run_that_is_too_short_to_be_a_baseline_is_warned_of_and_its_verdict_stands(tmp_path: Path) -> None:
    runs = [PastRun("before", 1e9), PastRun("short", 1e9 + 86_400, windows=1)]
    result = Compared(tmp_path, runs, {"locust": "before"}).judge({"locust": "short"})
    assert result.failed is None, result.log
    compare = result.step("Compare")
    assert (compare.outputs["verdict"], compare.outputs["new-baseline"]) == ("unknown", "")
    (warning,) = compare.commands
    assert (warning.name, warning.title) == ("warning", "No new baseline")
    assert "this run cannot be a baseline" in warning.message


def path_with_python() -> str:
    """The programs of this machine, with the Python that runs this as python3."""
    return f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


def copy_of_the_tree(place: Path) -> Path:
    """What a runner has of the action: the files of the repository, and none that were made from them."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and not name.startswith((".typing/", "tests/")) and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    return place


class Bench:
    """A runner, a copy of the action, and a target whose faults can be switched."""

    def __init__(self, folder: Path, host: str) -> None:
        self.host = host
        self.action = copy_of_the_tree(folder / "action") / "action.yml"
        self.runner = Runner(folder, path_with_python(), {"SOAKWATCH_COLLECTOR__WINDOW": "1"})
        (self.runner.workspace / "locustfile.py").write_text(LOCUSTFILE, encoding="utf-8")

    def switch(self, faults: list[dict[str, object]]) -> None:
        request = urllib.request.Request(f"{self.host}/faults", json.dumps(faults).encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def run(self, **inputs: str) -> JobResult:
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        return self.runner.action(self.action, {"host": self.host, **given})

    def judge(self, result: JobResult, fail_on: str) -> int:
        """The last step once more, with another `fail-on`."""
        contexts = {**result.contexts, "inputs": {**result.contexts["inputs"], "fail-on": fail_on}}
        judged = self.runner.steps(STEPS[-1:], contexts, provided=outputs_of(result))
        return judged.steps[0].code


def outputs_of(result: JobResult) -> dict[str, dict[str, str]]:
    return {name: step["outputs"] for name, step in result.contexts["steps"].items()}


def output(result: JobResult, name: str) -> str:
    """An output of the action."""
    _, step, _, key = ACTION["outputs"][name]["value"].strip("${} ").split(".")
    return str(result.contexts["steps"][step]["outputs"][key])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    command = [sys.executable, "-m", "soakwatch.demo.target", "--port", "0", "--seed", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout is not None
        try:
            address = target.stdout.readline().removeprefix("listening on ").strip()
            yield Bench(tmp_path_factory.mktemp("action"), address)
        finally:
            target.terminate()


@pytest.fixture(scope="module")
def first(bench: Bench) -> JobResult:
    """A run without a baseline, which becomes that of the others."""
    result = bench.run(locust_args=LOAD)
    assert result.failed is None, result.log
    shutil.copy(output(result, "new-baseline"), bench.runner.workspace / "performance-baselines-v2.json")
    return result


@pytest.fixture(scope="module")
def faulty(bench: Bench, first: JobResult) -> JobResult:  # noqa: ARG001  (its baseline)
    bench.switch(SLOW)
    try:
        return bench.run(locust_args=LOAD, report="out/report.md")
    finally:
        bench.switch([])


real = [pytest.mark.processes, pytest.mark.alone, pytest.mark.timeout(600)]
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class TestRealRuns:
    pytestmark = real

    def test_without_a_baseline_the_verdict_is_unknown_and_the_run_is_offered_as_one(self, first: JobResult) -> None:
        assert (output(first, "verdict"), output(first, "report")) == ("unknown", "")
        assert json.loads(Path(output(first, "new-baseline")).read_text(encoding="utf-8"))["schema"] == 2
        assert "no file `performance-baselines-v2.json`" in first.step("Compare").summary
        assert (Path(output(first, "results")) / "locust" / "locust_stats_history.csv").stat().st_size > 0

    def test_what_a_workflow_gives_is_words_and_nothing_is_evaluated(self, bench: Bench, first: JobResult) -> None:
        (run,) = json.loads(Path(output(first, "new-baseline")).read_text(encoding="utf-8"))["runs"]
        assert run["version"] == "1.0 $(touch evaluated) `id`"
        assert not (bench.runner.workspace / "evaluated").exists()

    def test_what_a_service_is_called_gives_the_runner_no_commands(self, first: JobResult, faulty: JobResult) -> None:
        for result in (first, faulty):
            assert "::error::from a name" in result.log
            assert [step.name for step in result.steps for one in step.commands if "from a name" in one.message] == []

    def test_a_service_that_is_as_before_passes(self, bench: Bench, first: JobResult) -> None:  # noqa: ARG002  (comes after it)
        result = bench.run(locust_args=LOAD)
        assert result.failed is None, result.log
        assert output(result, "verdict") in {"same", "improved"}
        assert output(result, "report") == "regression-analysis.md"
        assert "**No regression**" in result.step("Compare").summary
        assert result.step("Compare").commands == []

    def test_a_slower_service_fails_the_job_with_all_that_explains_it(self, bench: Bench, faulty: JobResult) -> None:
        assert faulty.failed is not None, faulty.log
        assert (faulty.failed.name, faulty.failed.code) == ("Judge", 1)
        assert (output(faulty, "verdict"), output(faulty, "report")) == ("regressed", "out/report.md")
        report = (bench.runner.workspace / "out" / "report.md").read_text(encoding="utf-8")
        assert faulty.step("Compare").summary == report
        regressed = {one.endpoint for one in read_verdicts(report).verdicts if one.verdict == "regressed"}
        assert regressed == {"/rag/query"}
        assert faulty.step("Compare").commands == []
        (annotation,) = faulty.step("Judge").commands
        assert (annotation.name, "rag_service POST /rag/query" in annotation.title) == ("error", True)
        junit = ET.parse(Path(output(faulty, "results")) / "locust" / "junit.xml")  # noqa: S314  (our own)
        assert {case.get("classname") for case in junit.iter("testcase") if case.find("failure") is not None} == {
            "rag_service"
        }

    @pytest.mark.parametrize(("fail_on", "code"), [("regression", 1), ("critical", 1), ("undecided", 1), ("never", 0)])
    def test_fail_on_says_what_fails_the_job(self, bench: Bench, faulty: JobResult, fail_on: str, code: int) -> None:
        assert bench.judge(faulty, fail_on) == code

    def test_later_steps_have_the_command_and_keep_their_own_python(self, bench: Bench, faulty: JobResult) -> None:
        added = (bench.runner.folder / "steps" / "2-GITHUB_PATH").read_text(encoding="utf-8").strip()
        assert [path.name for path in Path(added).iterdir()] == ["soakwatch"]
        report = str(bench.runner.workspace / output(faulty, "report"))
        command = [f"{added}/soakwatch", "issues", "create", report, "--dry-run", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["labels"] == ["soakwatch", "severity: critical", "service: rag_service"]

    def test_scenarios_run_in_sequence_each_with_a_baseline_of_its_own(self, bench: Bench) -> None:
        arguments = "--seconds 8 --users 24 --cool-down 0"
        made = bench.run(scenario="all", scenario_args=arguments, baseline="bases/b.json", report="scenarios/r.md")
        assert made.failed is None, made.log
        assert output(made, "verdict") == "unknown"
        results = Path(output(made, "results"))
        names = {"baseline", "api", "spike", "soak"}
        assert {file.parent.name for file in results.glob("*/performance-baselines-v2.json")} == names
        (bench.runner.workspace / "bases").mkdir()
        shutil.copy(results / "spike" / "performance-baselines-v2.json", bench.runner.workspace / "bases" / "b.json")
        one = bench.run(scenario="spike", scenario_args=arguments, baseline="bases/b.json", report="scenarios/r.md")
        assert output(one, "report") == "scenarios/r.md", one.log
        assert (Path(output(one, "results")) / "spike" / "verdicts.json").exists()

    def test_a_target_that_does_not_answer_ends_the_job_with_exit_code_3(self, bench: Bench) -> None:
        result = bench.run(scenario="soak", scenario_args="--ready-timeout 1", host="http://127.0.0.1:9")
        assert result.failed is not None
        assert (result.failed.name, result.failed.code) == ("Judge", 3)
        assert output(result, "verdict") == "unknown"
