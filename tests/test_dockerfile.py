"""docker/Dockerfile.locust: its steps, done one by one where no engine is needed for them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from dockerfile import DOCKERFILE, ROOT, Instruction, entrypoint, last, read_instructions

INSTRUCTIONS = read_instructions()
STRANGER = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
"""Lets a command run as a user without an entry, as `docker run --user` may name, where the kernel allows that."""


@dataclass
class Image:
    """A folder that stands for the root of an image, and a virtual environment that stands for its Python."""

    root: Path
    workdir: str = "/"

    @property
    def environment(self) -> Mapping[str, str]:
        own = {name: value for name, value in settings().items() if name != "HOME"}
        pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "http", "HTTP", "SSL"))}
        return {**pip, **own, "PATH": f"{self.root}/venv/bin{os.pathsep}{os.defpath}", "HOME": str(self.root)}

    def path(self, place: str) -> Path:
        """A place of the image on this machine."""
        return self.root / os.path.join(self.workdir, place).lstrip("/")  # noqa: PTH118  (an absolute one replaces)

    def do(self, step: Instruction) -> None:
        """Do one step as an engine would."""
        if step.word == "WORKDIR":
            self.workdir = step.rest
            self.path("").mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY":
            *sources, target = step.rest.split()
            for source in sources:
                self._copy(ROOT / source, self.path(target))
        elif step.word == "RUN":
            self.run(step.rest)

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
        else:
            shutil.copy(source, target)

    def run(self, command: str) -> None:
        """Run a shell command in the working directory; absolute paths in it are the image's."""
        local = re.sub(r"(?<=\s)/(?=\w)", f"{self.root}/", command)
        done = subprocess.run(
            ["/bin/sh", "-c", local],
            cwd=self.path(""),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def settings() -> dict[str, str]:
    """What the ENV instructions set."""
    lines = [step.rest for step in INSTRUCTIONS if step.word == "ENV"]
    return dict(setting.split("=", 1) for line in lines for setting in line.split())


def python_of_the_image() -> str:
    (found,) = re.findall(r"^python:(\d+\.\d+)-slim$", last("FROM", INSTRUCTIONS))
    return str(found)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """All steps done."""
    with tempfile.TemporaryDirectory(prefix="soakwatch-image-") as root:
        subprocess.run([sys.executable, "-m", "venv", f"{root}/venv"], check=True, timeout=120)
        made = Image(Path(root))
        for step in INSTRUCTIONS:
            made.do(step)
        yield made


def test_it_copies_every_package_and_the_context_holds_what_it_copies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    copied = {source for step in INSTRUCTIONS if step.word == "COPY" for source in step.rest.split()[:-1]}
    assert set(project["tool"]["setuptools"]["package-dir"].values()) <= copied
    assert all((ROOT / source).exists() for source in copied)
    ignore = Path(f"{DOCKERFILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == copied


def as_stranger() -> tuple[str, ...]:
    """`STRANGER` where it works."""
    if shutil.which(STRANGER[0]) is None:
        return ()
    tried = subprocess.run([*STRANGER, "true"], capture_output=True, timeout=30, check=False)
    return () if tried.returncode else STRANGER


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_its_steps_make_a_locust_with_the_plugin_that_starts_as_any_user(image: Image) -> None:
    assert image.path("/results").stat().st_mode & 0o7777 == 0o1777
    command = [str(image.root / "venv/bin/python"), *entrypoint(INSTRUCTIONS)[1:]]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (locust,) = re.findall(r"^locust==(\S+)$", constraints, re.MULTILINE)
    assert output_of([*command, "--version"], image).startswith(f"locust {locust} ")
    assert "--soakwatch-test" in output_of([*as_stranger(), *command, "--help"], image)
    files = [image.path(f"/opt/soakwatch/{name}") for name in ("scheduler/scenario_shape.py", "demo/locustfile.py")]
    options = ["--locustfile", ",".join(map(str, files)), "--scenario", "api", "--list"]
    assert "APIGatewayUser" in output_of([*as_stranger(), *command, *options], image)


def output_of(command: Sequence[str], image: Image) -> str:
    done = subprocess.run(
        command,
        cwd=image.path("/results"),
        env={**image.environment, "HOME": "/tmp"},  # noqa: S108  (as the image says)
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_all_that_it_installs_comes_as_wheels_for_its_python(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    copy = tmp_path / "copy"
    image = Image(copy)
    for step in INSTRUCTIONS:
        if step.word != "RUN":
            image.do(step)
    sources = copy / "opt/soakwatch"
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(sources)], check=True, timeout=200)
    (wheel,) = tmp_path.glob("*.whl")
    resolved = subprocess.run(
        [
            *(*pip, "install", "--dry-run", "--ignore-installed", "--target", str(tmp_path / "nowhere")),
            *("--python-version", python_of_the_image(), "--only-binary", ":all:"),
            *("--constraint", str(ROOT / "constraints.txt"), str(wheel)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert resolved.returncode == 0, resolved.stderr
