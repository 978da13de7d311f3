"""A Dockerfile, read as far as tests need it, and its steps done where no engine is needed for them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile.locust"
DAEMON_DOCKERFILE = ROOT / "docker" / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, and the rest of its line."""

    word: str
    rest: str


def read_instructions(path: Path = DOCKERFILE) -> list[Instruction]:
    """The instructions of a Dockerfile, in order."""
    return list(_instructions(path.read_text(encoding="utf-8")))


def _instructions(text: str) -> Iterator[Instruction]:
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in without_comments.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word, rest.strip())


def stages(instructions: Sequence[Instruction]) -> list[list[Instruction]]:
    """The instructions of each stage; a stage begins with FROM."""
    found: list[list[Instruction]] = []
    for step in instructions:
        if step.word == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def last(word: str, instructions: Sequence[Instruction]) -> str:
    """What the last instruction `word` says."""
    return [instruction.rest for instruction in instructions if instruction.word == word][-1]


def entrypoint(instructions: Sequence[Instruction]) -> list[str]:
    """The command that the image runs, before its arguments."""
    words = json.loads(last("ENTRYPOINT", instructions))
    assert isinstance(words, list)
    return words


def settings(instructions: Sequence[Instruction]) -> dict[str, str]:
    """What the ENV instructions set."""
    lines = [step.rest for step in instructions if step.word == "ENV"]
    return dict(setting.split("=", 1) for line in lines for setting in line.split())


def copied(instructions: Sequence[Instruction]) -> set[str]:
    """What is copied from the context."""
    copies = [step.rest.split() for step in instructions if step.word == "COPY" and "--from=" not in step.rest]
    return {source for words in copies for source in words[:-1]}


@dataclass
class Image:
    """A folder that stands for the root of an image, and a virtual environment that stands for its Python.

    `stages` are the images of the stages before, by name.
    """

    root: Path
    stages: Mapping[str, "Image"] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"

    @classmethod
    def built(cls, root: Path, instructions: Sequence[Instruction]) -> "Image":
        """All steps done, in folders within `root`; gives the last stage."""
        done: dict[str, Image] = {}
        for number, steps in enumerate(stages(instructions)):
            name = steps[0].rest.partition(" AS ")[2] or str(number)
            place = root / name
            subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True, timeout=120)
            image = cls(place, dict(done))
            for step in steps:
                image.do(step)
            done[name] = image
        return image

    @property
    def environment(self) -> Mapping[str, str]:
        own = {name: value for name, value in self.variables.items() if name not in {"HOME", "PATH"}}
        pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "http", "HTTP", "SSL"))}
        first = [f"{self.root}{folder}" for folder in self.variables.get("PATH", "").split(":") if folder[:1] == "/"]
        path = os.pathsep.join([*first, f"{self.root}/venv/bin", os.defpath])
        return {**pip, **own, "PATH": path, "HOME": str(self.root)}

    def path(self, place: str) -> Path:
        """A place of the image on this machine."""
        return self.root / os.path.join(self.workdir, place).lstrip("/")  # noqa: PTH118  (an absolute one replaces)

    def do(self, step: Instruction) -> None:
        """Do one step as an engine would."""
        if step.word == "ENV":
            self.variables |= settings([step])
        elif step.word == "WORKDIR":
            self.workdir = step.rest
            self.path("").mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY":
            *sources, target = step.rest.split()
            for source in sources:
                if not source.startswith("--from="):
                    self._copy(self._source(sources, source), self.path(target))
        elif step.word == "RUN":
            self.run(step.rest)

    def _source(self, words: Sequence[str], source: str) -> Path:
        stage = [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
        return self.stages[stage[0]].path(source) if stage else ROOT / source

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".mypy_cache")
            shutil.copytree(source, target, ignore=ignored, symlinks=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def run(self, command: str) -> None:
        """Run a shell command in the working directory; absolute paths in it are the image's."""
        done = subprocess.run(
            ["/bin/sh", "-c", re.sub(r"(?<=\s)/(?=\w)", f"{self.root}/", command)],
            cwd=self.path(""),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
