"""The README's commands do what it says, in a fresh clone and with nothing else."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from locust_runs import LOCUSTFILE

from soakwatch.store.sqlite import SqliteStore

pytestmark = [pytest.mark.processes, pytest.mark.alone, pytest.mark.timeout(900)]

ROOT = Path(__file__).parent.parent


def commands_of(readme: str) -> list[str]:
    """The lines of all console blocks."""
    return "".join(re.findall(r"```console\n(.*?)```", readme, flags=re.DOTALL)).splitlines()


def run(command: str, folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command as a shell in `folder` would, without what the tests' own environment adds."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("SOAKWATCH_", "VIRTUAL_ENV", "MAKE"))
    }
    environment = {**kept, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    return subprocess.run(
        shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def environment_of(project: Path) -> str:
    """An environment as somebody has who uses Locust: with pip. Gives the folder of its programs."""
    folder = project / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "pip"], check=True)
    return str(folder / "bin")


def test_a_fresh_clone_runs_the_demo_and_can_be_adopted_by_a_locust_project(
    tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, project = tmp_path / "soakwatch", tmp_path / "project"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    commands = commands_of((clone / "README.md").read_text(encoding="utf-8"))
    assert commands[:2] == ["make demo", "make test"]  # the second is what runs this

    monkeypatch.setenv("PIP_CONSTRAINT", str(clone / "constraints.txt"))
    demo = run("make demo", clone)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert (clone / "soakwatch-demo" / "regression-analysis.md").exists()

    project.mkdir()
    (project / "locustfile.py").write_text(LOCUSTFILE.replace('"/fail"', '"/fine"'), encoding="utf-8")
    programs = environment_of(project)
    assert len(commands) == 9
    for command in commands[2:]:
        ours = command.replace("https://staging.example.com", host).replace("--run-time 30s", "--run-time 12s")
        done = run(ours.replace("soakwatch run --", "soakwatch run -- --soakwatch-window 1"), project, programs)
        assert done.returncode == 0, command + done.stdout + done.stderr
        assert "soakwatch run" not in command or "reconciled" in done.stderr
    assert "# " in (project / "regression-analysis.md").read_text(encoding="utf-8")
    with SqliteStore.open(project / "soakwatch.db") as store:
        assert [run.reconciled.exact for run in store.runs() if run.reconciled] == [True, True]
