"""The demo, as somebody who has just installed soakwatch sees it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from soakwatch.reporter.markdown import read_verdicts

pytestmark = [pytest.mark.processes, pytest.mark.alone, pytest.mark.timeout(600)]

ROOT = Path(__file__).parent.parent


def assert_left_behind(folder: Path) -> None:
    """All that the demo promises to leave, each readable."""
    verdicts = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert verdicts["schema"] == 1
    for run in (verdicts["baseline"], verdicts["current"]):
        assert run["reconciled"]["exact"]
    embedded = read_verdicts((folder / "regression-analysis.md").read_text(encoding="utf-8"))
    assert len(embedded.verdicts) == len(verdicts["verdicts"])
    assert (folder / "soakwatch.db").stat().st_size > 0
    for run in ("healthy", "faulty"):
        assert "Aggregated" in (folder / f"{run}_stats.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_exactly_the_two_injected_faults_are_found(tmp_path: Path, seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "soakwatch.cli.main", "demo", "--seed", str(seed), "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly these two were found" in done.stderr
    assert_left_behind(tmp_path)


def test_a_wheel_in_an_empty_environment_runs_the_demo(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--constraint", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    program = environment / "bin" / "soakwatch"
    done = subprocess.run(
        [program, "demo", "--seed", "104"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_left_behind(tmp_path / "soakwatch-demo")
