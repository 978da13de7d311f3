"""Steps of a workflow or a composite action, run as GitHub's runner would run them on this machine.

It knows what our own files need and refuses the rest: contexts, `==`, `!=`, `!`, `&&`, `||`, and the status functions
in expressions; the files behind GITHUB_OUTPUT, GITHUB_PATH, GITHUB_ENV and GITHUB_STEP_SUMMARY; and commands in the
output of a step, in both of their forms.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")
PASSED_ON = ("PATH", "HOME", "LANG", "PIP_", "SSL_CERT_")
"""Beginnings of variables of this machine that a runner has as well; pip must find its packages."""

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMMAND = re.compile(r"::(?P<name>[\w-]+)(?: (?P<properties>.*?))?::(?P<data>.*)")
_OLD_COMMAND = re.compile(r"##\[(?P<name>[\w-]+)(?: (?P<properties>.*?))?\](?P<data>.*)")

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Command:
    """What a step told the runner: `::error title=...::...`."""

    name: str
    title: str
    message: str


@dataclass
class StepResult:
    """One step: its exit code, what it printed, and what it left."""

    name: str
    code: int = 0
    output: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[Command]:
        """What the runner would have obeyed; between `stop-commands` and its token that is nothing."""
        found: list[Command] = []
        stopped = ""
        for line in self.output.splitlines():
            match = _COMMAND.match(line.lstrip()) or _OLD_COMMAND.search(line)
            if match is None:
                continue
            if stopped:
                stopped = "" if match["name"] == stopped else stopped
            elif match["name"] == "stop-commands":
                stopped = match["data"]
            else:
                found.append(Command(match["name"], _unescaped(match["properties"] or ""), _unescaped(match["data"])))
        return found


@dataclass
class JobResult:
    """All steps that ran, and the values of their outputs by id."""

    steps: list[StepResult]
    contexts: Mapping[str, Any]

    @property
    def failed(self) -> StepResult | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.code), None)

    @property
    def log(self) -> str:
        return "\n".join(f"=== {step.name}: {step.code}\n{step.output}" for step in self.steps)

    def step(self, name: str) -> StepResult:
        (found,) = [step for step in self.steps if step.name == name]
        return found


@dataclass
class Runner:
    """A machine with a workspace. `provided` are outputs of steps that use other actions, which are not run."""

    folder: Path
    path: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace.mkdir(parents=True, exist_ok=True)
        self.temp.mkdir(exist_ok=True)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    def action(self, file: Path, inputs: Mapping[str, str]) -> JobResult:
        """Run a composite action; `inputs` are what a workflow gives it, the rest has its default."""
        action = yaml.safe_load(file.read_text(encoding="utf-8"))
        unknown = inputs.keys() - action["inputs"].keys()
        assert not unknown, f"no inputs of the action: {unknown}"
        values = {name: str(inputs.get(name, about.get("default", ""))) for name, about in action["inputs"].items()}
        contexts = {"inputs": values, "github": {"action_path": str(file.parent)}}
        return self.steps(action["runs"]["steps"], contexts, {"GITHUB_ACTION_PATH": str(file.parent)})

    def steps(
        self,
        steps: Steps,
        contexts: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        provided: Mapping[str, Mapping[str, str]] | None = None,
    ) -> JobResult:
        """Run `steps` in order; after one that fails only those whose condition asks for it."""
        outputs: dict[str, Any] = {name: {"outputs": dict(values)} for name, values in (provided or {}).items()}
        expressions = Expressions({**contexts, "steps": outputs})
        variables = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        variables |= {
            "PATH": self.path,
            "CI": "true",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
            **self.environment,
            **(environment or {}),
        }
        done: list[StepResult] = []
        for number, step in enumerate(steps):
            expressions.failed = any(result.code for result in done)
            if "run" in step and expressions.condition(str(step.get("if", "success()"))):
                result = self._run(step, number, expressions, variables)
                done.append(result)
                if "id" in step:
                    outputs[step["id"]] = {"outputs": result.outputs}
        return JobResult(done, expressions.contexts)

    def _run(
        self, step: Mapping[str, Any], number: int, expressions: "Expressions", variables: dict[str, str]
    ) -> StepResult:
        place = self.folder / "steps"
        place.mkdir(exist_ok=True)
        files = {name: place / f"{number}-{name}" for name in FILES}
        for file in files.values():
            file.write_text("", encoding="utf-8")
        script = place / f"{number}.sh"
        script.write_text(expressions.interpolate(step["run"]), encoding="utf-8")
        own = {name: expressions.interpolate(str(value)) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            [*SHELL, str(script)],
            cwd=self.workspace,
            env={**variables, **own, **{name: str(file) for name, file in files.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=600,
            check=False,
        )
        written = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
        variables["PATH"] = ":".join([*reversed(written["GITHUB_PATH"].split()), variables["PATH"]])
        variables |= _pairs(written["GITHUB_ENV"])
        return StepResult(
            str(step.get("name", number)),
            done.returncode,
            done.stdout,
            written["GITHUB_STEP_SUMMARY"],
            _pairs(written["GITHUB_OUTPUT"]),
        )


@dataclass
class Expressions:
    """GitHub's expressions, as far as ours go."""

    contexts: Mapping[str, Any]
    failed: bool = False

    def interpolate(self, text: str) -> str:
        """Put values in the place of `${{ ... }}`."""
        return _EXPRESSION.sub(lambda match: str(self.value(match[1])), text)

    def condition(self, text: str) -> bool:
        """Whether a step with `if: text` runs; a condition without a status function holds only while none failed."""
        bare = _EXPRESSION.sub(lambda match: match[1], text)
        says_when = re.search(r"\b(success|failure|always|cancelled)\(\)", bare)
        return bool(self.value(bare)) and (bool(says_when) or not self.failed)

    def value(self, text: str) -> Any:
        text = text.strip()
        for operator in ("||", "&&"):
            left, found, right = text.partition(operator)
            if found:
                value = self.value(left)
                return value if bool(value) == (operator == "||") else self.value(right)
        for operator in ("!=", "=="):
            left, found, right = text.partition(operator)
            if found:
                equal = str(self.value(left)).lower() == str(self.value(right)).lower()
                return equal == (operator == "==")
        if text.startswith("!"):
            return not self.value(text[1:])
        return self._atom(text)

    def _atom(self, text: str) -> Any:
        functions = {"always()": True, "cancelled()": False, "failure()": self.failed, "success()": not self.failed}
        if text in functions:
            return functions[text]
        if quoted := re.fullmatch(r"'([^']*)'", text):
            return quoted[1]
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", text), f"this runner does not know {text!r}"
        value: Any = self.contexts
        for part in text.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return value


def _pairs(text: str) -> dict[str, str]:
    """What a file of outputs or variables says: `name=value`, or `name<<END`, lines, and `END`."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, value = line.partition("=")
        if "<<" in name:
            name, _, end = line.partition("<<")
            value = "\n".join(iter(lambda: next(lines), end))
        else:
            assert sign, f"the runner would refuse the line {line!r}"
        found[name] = value
    return found


def _unescaped(text: str) -> str:
    text = text.removeprefix("title=").replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
