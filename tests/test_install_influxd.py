"""The script that finds or builds the InfluxDB of the tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "install-influxd"
(VERSION,) = re.findall(r"^readonly version=(\S+)$", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with a shell, and without anything that could build."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "bash").symlink_to("/bin/bash")
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """What was built before."""
    path = tmp_path / "cache" / "soakwatch-test-servers" / f"influxd-v{VERSION}"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def install(programs: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(programs), "XDG_CACHE_HOME": str(programs.parent / "cache")}
    return subprocess.run([SCRIPT, *options], env=environment, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("options", [(), ("--cached",)])
def test_what_was_built_before_is_found_and_not_built_again(
    programs: Path, server: Path, options: tuple[str, ...]
) -> None:
    done = install(programs, *options)
    assert (done.returncode, done.stdout) == (0, f"{server}\n"), done.stderr


def test_where_nothing_was_built_the_cache_has_nothing_and_nothing_is_built(programs: Path) -> None:
    done = install(programs, "--cached")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"run {SCRIPT}, which builds it" in done.stderr
    assert not (programs.parent / "cache").exists()


def test_a_tool_that_is_missing_is_named_before_anything_is_fetched(programs: Path) -> None:
    done = install(programs)
    assert (done.returncode, done.stdout) == (2, "")
    assert "building InfluxDB needs go" in done.stderr


@pytest.mark.parametrize("script", [".ci/run", "tests/install-influxd"])
def test_the_scripts_have_no_flaw_that_a_linter_knows(script: str) -> None:
    linter = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([linter, script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
