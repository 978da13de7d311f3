"""`soakwatch gate`: whether verdicts let a pipeline go on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import soakwatch
from test_reporter_markdown import AFTER, BEFORE, QUERY, TOOLS, USERS, same, slower, unknown

from soakwatch.core.verdict import Comparison, Severity, Verdict
from soakwatch.reporter.verdicts_json import render_verdicts

CRITICAL = slower(QUERY)
WARNING = replace(slower(USERS, factor=1.2), severity=Severity.WARNING)
REQUIRED = '[[require]]\nservice = "mcp_server"\n'


def verdicts(folder: Path, *found: Verdict, name: str = "verdicts.json") -> str:
    (folder / name).write_text(render_verdicts(Comparison([BEFORE], AFTER, found)), encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("found", "fail_on", "code"),
    [
        ([CRITICAL, WARNING], "regression", 1),
        ([WARNING], "regression", 1),
        ([same(USERS)], "regression", 0),
        ([unknown(TOOLS)], "regression", 0),
        ([CRITICAL, WARNING], "critical", 1),
        ([WARNING], "critical", 0),
        ([CRITICAL, unknown(TOOLS)], "undecided", 1),
        ([same(USERS), unknown(TOOLS)], "undecided", 4),
        ([same(USERS), unknown(QUERY)], "undecided", 0),
        ([unknown(QUERY)], "undecided", 4),
        ([CRITICAL, unknown(TOOLS)], "never", 0),
    ],
)
def test_the_exit_code_follows_from_the_verdicts_and_from_what_shall_fail(
    tmp_path: Path, found: list[Verdict], fail_on: str, code: int
) -> None:
    (tmp_path / "soakwatch.toml").write_text(REQUIRED, encoding="utf-8")
    done = soakwatch("gate", verdicts(tmp_path, *found), "--fail-on", fail_on, folder=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr


def test_of_several_files_the_worst_counts_and_each_is_told(tmp_path: Path) -> None:
    fine = verdicts(tmp_path, same(USERS), name="fine.json")
    bad = verdicts(tmp_path, CRITICAL, WARNING, name="bad.json")
    done = soakwatch("gate", fine, bad, folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "fine.json: same\nbad.json: regressed (critical: 1, warnings: 1)\n"


def test_json_says_the_same_to_machines(tmp_path: Path) -> None:
    done = soakwatch("gate", verdicts(tmp_path, CRITICAL), "--json", folder=tmp_path)
    expected = {"file": "verdicts.json", "verdict": "regressed", "critical": 1, "warnings": 0, "exit_code": 1}
    assert json.loads(done.stdout) == [expected]


@pytest.mark.parametrize("content", [None, b"{}", b"\xff", b"[1]"])
def test_what_are_no_verdicts_is_wrong_usage_and_never_fine(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "verdicts.json").write_bytes(content)
    done = soakwatch("gate", "verdicts.json", "--fail-on", "never", folder=tmp_path)
    assert done.returncode == 2
    assert "verdicts.json: " in done.stderr
