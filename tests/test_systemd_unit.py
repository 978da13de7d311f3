"""The systemd unit: systemd itself reads it, and holds that the service may do little."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from soakwatch.core.errors import ExitCode

pytestmark = pytest.mark.systemd

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "docs" / "systemd" / "soakwatch.service"
PROGRAM = "/opt/soakwatch/bin/soakwatch"
MOST_EXPOSED = 2.5
"""Of ten; systemd calls what is below 3 well protected."""


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze (Debian's package systemd brings it)")
    return program


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that exists in the place of the installed one."""
    program = tmp_path / "soakwatch"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    text = UNIT.read_text(encoding="utf-8")
    assert PROGRAM in text
    placed = tmp_path / UNIT.name
    placed.write_text(text.replace(PROGRAM, str(program)), encoding="utf-8")
    return placed


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def service() -> configparser.SectionProxy:
    read = configparser.ConfigParser(interpolation=None)
    # as its documentation says how the case of keys is kept; its types know nothing of that
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(UNIT.read_text(encoding="utf-8"))
    return read["Service"]


def complaints(analyze: str, unit: Path) -> str:
    done = run(analyze, "verify", "--man=no", str(unit))
    return "".join(line for line in done.stderr.splitlines(keepends=True) if unit.stem in line) + (
        f"exit code {done.returncode}" if done.returncode else ""
    )


def test_systemd_reads_it_without_a_word(analyze: str, unit: Path) -> None:
    assert complaints(analyze, unit) == ""


def test_a_mistake_would_be_noticed(analyze: str, unit: Path) -> None:
    unit.write_text(unit.read_text(encoding="utf-8").replace("KillMode=process", "KillMode=gently"), encoding="utf-8")
    assert "gently" in complaints(analyze, unit)


def test_the_service_may_do_little(analyze: str, unit: Path) -> None:
    said = run(analyze, "security", "--offline=true", str(unit)).stdout
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(exposure) <= MOST_EXPOSED, said


def test_locust_outlives_a_crash_of_the_daemon_and_a_wrong_configuration_is_not_tried_again() -> None:
    section = service()
    assert section["KillMode"] == "process", "what a crash leaves is adopted by the next daemon"
    assert section["Restart"] == "on-failure"
    assert section["RestartPreventExitStatus"] == str(int(ExitCode.USAGE))
    assert section["WorkingDirectory"] == f"/var/lib/{section['StateDirectory']}"
    assert section["ProtectSystem"] == "strict"


def test_the_page_installs_what_the_unit_names() -> None:
    page, section = (ROOT / "docs" / "daemon.md").read_text(encoding="utf-8"), service()
    program, *_, configuration = section["ExecStart"].split()
    for named in (program, configuration, section["EnvironmentFile"].removeprefix("-"), section["WorkingDirectory"]):
        assert named in page
    assert re.search(rf"^useradd .* {section['User']}$", page, re.MULTILINE)
