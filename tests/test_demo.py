"""The demo, as somebody who has just installed soakwatch sees it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from influxd_process import Server
from pydantic import SecretStr

from soakwatch.core.run import Run
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.reporter.markdown import read_verdicts
from soakwatch.store.influxdb import InfluxStore

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


def test_exactly_the_two_injected_faults_are_found(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "soakwatch.cli.main", "demo", "--seed", "101", "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly these two were found" in done.stderr
    assert_left_behind(tmp_path)


@pytest.mark.influxdb
def test_with_influxdb_it_finds_its_own_two_runs_among_others(tmp_path: Path, influxdb: Server) -> None:
    bucket = f"demo-{uuid4().hex[:12]}"
    store = {"URL": influxdb.url, "ORG": influxdb.org, "BUCKET": bucket, "TOKEN": influxdb.token}
    environment = {**os.environ, **{f"SOAKWATCH_STORE__{key}": value for key, value in store.items()}}
    influxdb.make_buckets(bucket)
    section = StoreSection(
        kind=StoreKind.INFLUXDB, url=influxdb.url, org=influxdb.org, bucket=bucket, token=SecretStr(influxdb.token)
    )
    with InfluxStore.connect(section) as others:
        now = time.time()
        others.write([Run(f"other-{n}", "demo", "demo", now + n, version="healthy", commit="abc") for n in (-60, 60)])
    done = subprocess.run(
        [sys.executable, "-m", "soakwatch.cli.main", "demo", "--store", "influxdb", "--seed", "105"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    influxdb.delete_buckets(bucket)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly these two were found" in done.stderr
    folder = tmp_path / "soakwatch-demo"
    assert not (folder / "soakwatch.db").exists()
    written = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert not any(influxdb.token.encode() in content for content in [*written, (done.stdout + done.stderr).encode()])


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
