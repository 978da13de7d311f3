"""The Dockerfiles: their steps, done one by one where no engine is needed for them."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from dockerfile import (
    DAEMON_DOCKERFILE,
    DOCKERFILE,
    ROOT,
    Image,
    copied,
    entrypoint,
    last,
    read_instructions,
    stages,
)

LOCUST, DAEMON = read_instructions(DOCKERFILE), read_instructions(DAEMON_DOCKERFILE)
BOTH = [pytest.param(file, id=file.name) for file in (DOCKERFILE, DAEMON_DOCKERFILE)]
STRANGER = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
"""Lets a command run as a user without an entry, as `docker run --user` may name, where the kernel allows that."""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Locust's, all steps done."""
    with tempfile.TemporaryDirectory(prefix="soakwatch-image-") as root:
        yield Image.built(Path(root), LOCUST)


@pytest.mark.parametrize("file", BOTH)
def test_it_copies_every_package_and_the_context_holds_what_it_copies(file: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    sources = copied(read_instructions(file))
    assert set(project["tool"]["setuptools"]["package-dir"].values()) <= sources
    assert all((ROOT / source).exists() for source in sources)
    ignore = Path(f"{file}.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == sources


@pytest.mark.parametrize("file", BOTH)
def test_it_runs_as_somebody_without_rights_on_a_python_of_which_the_version_is_named(file: Path) -> None:
    instructions = read_instructions(file)
    assert last("USER", instructions) == "10001"
    bases = {steps[0].rest.partition(" AS ")[0] for steps in stages(instructions)}
    assert bases == {f"python:{python_of(file)}-slim"}


def test_the_last_stage_of_the_daemon_has_what_runs_and_not_what_builds() -> None:
    _, final = stages(DAEMON)
    assert not [step for step in final if step.word == "RUN" and re.search(r"\b(pip|apt-get|gcc)\b", step.rest)]
    assert {step.word for step in final} >= {"LABEL", "HEALTHCHECK"}
    assert copied(final) == {"docker/health.py"}


def python_of(file: Path) -> str:
    (found,) = set(re.findall(r"^FROM python:(\d+\.\d+)-slim\b", file.read_text(encoding="utf-8"), re.MULTILINE))
    return str(found)


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
    command = [str(image.root / "venv/bin/python"), *entrypoint(LOCUST)[1:]]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (locust,) = re.findall(r"^locust==(\S+)$", constraints, re.MULTILINE)
    assert output_of([*command, "--version"], image, "/results").startswith(f"locust {locust} ")
    assert "--soakwatch-test" in output_of([*as_stranger(), *command, "--help"], image, "/results")
    files = [image.path(f"/opt/soakwatch/{name}") for name in ("scheduler/scenario_shape.py", "demo/locustfile.py")]
    options = ["--locustfile", ",".join(map(str, files)), "--scenario", "api", "--list"]
    assert "APIGatewayUser" in output_of([*as_stranger(), *command, *options], image, "/results")


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_its_steps_make_a_soakwatch_without_pip_that_starts_as_any_user(tmp_path: Path) -> None:
    image = Image.built(tmp_path, DAEMON)
    for folder in ("/data", "/tokens/daemon", "/tokens/reader", "/tokens/writer"):
        assert image.path(folder).stat().st_mode & 0o7777 == 0o1777
    program, *arguments = json.loads(last("CMD", DAEMON))
    found = shutil.which(program, path=image.environment["PATH"])
    assert found == str(image.path("/opt/soakwatch/bin/soakwatch"))
    assert "Watch for regressions" in output_of([*as_stranger(), found, *arguments, "--help"], image, "/data")
    python = str(image.path("/opt/soakwatch/bin/python"))
    assert "pip" not in output_of([python, "-c", "import pkgutil; print(*[m.name for m in pkgutil.iter_modules()])"],
                                  image, "/data").split()  # fmt: skip
    assert "--host" in output_of([*as_stranger(), python, "-m", "soakwatch.demo.target", "--help"], image, "/data")


def output_of(command: Sequence[str], image: Image, folder: str) -> str:
    done = subprocess.run(
        command,
        cwd=image.path(folder),
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
def test_all_that_they_install_comes_as_wheels_for_their_python(tmp_path: Path) -> None:
    assert python_of(DOCKERFILE) == python_of(DAEMON_DOCKERFILE)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    image = Image(tmp_path / "copy")
    for step in LOCUST:
        if step.word != "RUN":
            image.do(step)
    sources = image.path("/opt/soakwatch")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(sources)], check=True, timeout=200)
    (wheel,) = tmp_path.glob("*.whl")
    resolved = subprocess.run(
        [
            *(*pip, "install", "--dry-run", "--ignore-installed", "--target", str(tmp_path / "nowhere")),
            *("--python-version", python_of(DOCKERFILE), "--only-binary", ":all:"),
            *("--constraint", str(ROOT / "constraints.txt"), str(wheel)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert resolved.returncode == 0, resolved.stderr
