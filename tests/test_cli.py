"""What the commands promise to people and to machines, as real processes."""

import errno
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import PastRun, soakwatch, store_with
from scripted_server import Answer, scripted

from soakwatch.cli.main import main
from soakwatch.core.configuration import Configuration

OLD, OLDER, NEW = (
    PastRun("20261102-220000-bbbb", 2e9),
    PastRun("20261101-220000-aaaa", 1e9),
    PastRun("20261103-1-cc", 3e9),
)
SLOW = PastRun("20261103-220000-dddd", 3e9, median=100.0)


WARNING_AT_THE_END = """
import atexit
import logging
from soakwatch.cli.main import main
atexit.register(logging.getLogger("soakwatch.collector").warning, "something is wrong with the spool")
main()
"""


def test_a_page_instead_of_an_answer_does_not_change_how_warnings_read(tmp_path: Path) -> None:
    with scripted(Answer(500, b"<h1>upstream went away</h1>", {"Content-Type": "text/html"})) as server:
        variables = {"SOAKWATCH_STORE__URL": server.url, "SOAKWATCH_STORE__TOKEN": "made-up"}
        done = subprocess.run(
            [sys.executable, "-c", WARNING_AT_THE_END, "runs", "list", "--store", "influxdb"],
            cwd=tmp_path,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 3
    assert server.received
    assert "500 Internal Server Error" in done.stderr
    assert "upstream" not in done.stderr
    assert done.stderr.splitlines()[-1] == "something is wrong with the spool"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "baseline.json"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "soakwatch.toml"), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 3),
        (OSError(errno.EMFILE, "Too many open files"), 3),
    ],
)
def test_a_wrong_path_is_for_people_to_mend_and_a_full_disk_may_be_over_at_the_next_try(
    error: OSError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("soakwatch.cli.main.app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert str(error.strerror) in capsys.readouterr().err


def test_a_slower_run_ends_with_exit_code_1_and_names_the_endpoint(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, SLOW)
    done = soakwatch("compare", "previous", "latest", folder=tmp_path)
    assert done.returncode == 1
    assert "critical" in done.stdout
    assert "rag_service POST /query" in done.stdout


def test_an_equal_run_ends_with_exit_code_0(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, NEW)
    done = soakwatch("compare", "previous", "latest", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "regressed" not in done.stdout


def test_json_is_all_that_is_printed_on_standard_output(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, SLOW)
    verdicts = json.loads(soakwatch("compare", OLD.id, SLOW.id, "--json", folder=tmp_path).stdout)
    assert verdicts["schema"] == 1
    assert (verdicts["baseline"]["id"], verdicts["current"]["id"]) == (OLD.id, SLOW.id)
    assert {verdict["verdict"] for verdict in verdicts["verdicts"] if verdict["metric"] == "p95"} == {"regressed"}
    assert [run["id"] for run in json.loads(soakwatch("runs", "list", "--json", folder=tmp_path).stdout)] == [
        OLD.id,
        SLOW.id,
    ]
    shown = json.loads(soakwatch("runs", "show", "latest", "--json", folder=tmp_path).stdout)
    assert shown["endpoints"][0]["requests"] == 3000
    assert json.loads(soakwatch("doctor", "--json", folder=tmp_path).stdout)


def test_several_earlier_runs_are_one_baseline(tmp_path: Path) -> None:
    store_with(tmp_path, OLDER, OLD, SLOW)
    done = soakwatch("compare", "previous:2", "latest", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["baselines"] == [OLDER.id, OLD.id]


def test_previous_means_the_same_test(tmp_path: Path) -> None:
    store_with(tmp_path, OLDER, PastRun("20261102-1-other", 2e9, test="smoke"), SLOW)
    done = soakwatch("compare", "previous", "latest", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["baseline"]["id"] == OLDER.id


def test_the_report_and_the_verdicts_are_written_where_asked(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, SLOW)
    soakwatch("compare", "previous", "latest", "--report", "out/r.md", "--verdicts", "out/v.json", folder=tmp_path)
    assert "/query" in (tmp_path / "out" / "r.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "out" / "v.json").read_text(encoding="utf-8"))["verdicts"]
    assert soakwatch("report", "previous", "latest", folder=tmp_path).stdout.startswith("#")


def test_a_required_series_that_stays_undecided_is_exit_code_4(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, PastRun("20261103-220000-tiny", 3e9, windows=10, requests=2))
    assert soakwatch("compare", "previous", "latest", folder=tmp_path).returncode == 0
    (tmp_path / "soakwatch.toml").write_text('[[require]]\nservice = "rag_*"\n', encoding="utf-8")
    assert soakwatch("compare", "previous", "latest", folder=tmp_path).returncode == 4
    (tmp_path / "soakwatch.toml").write_text('[[require]]\nservice = "api_*"\n', encoding="utf-8")
    assert soakwatch("compare", "previous", "latest", folder=tmp_path).returncode == 0


def test_an_objective_is_checked_beside_the_comparison(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, NEW)
    (tmp_path / "soakwatch.toml").write_text('[[objective]]\nbound = "p95 < 20 ms"\n', encoding="utf-8")
    done = soakwatch("compare", "previous", "latest", "--json", folder=tmp_path)
    assert done.returncode == 1
    (objective,) = [verdict for verdict in json.loads(done.stdout)["verdicts"] if verdict["verdict"] == "regressed"]
    assert objective["reason"].startswith("objective")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("compare", "latest", "20991231"), 2, f"there is no run '20991231'; there are {SLOW.id}, {OLD.id}"),
        (("compare", "previous", OLD.id), 2, "there is no run before"),
        (("compare", "previous:many", "latest"), 2, "'previous:5'"),
        (("compare", "2026110", "latest"), 2, "several runs begin with '2026110'"),
        (("compare", "latest", "latest"), 2, "cannot be compared with itself"),
        (("compare", "previous", "latest", "--report", "/dev/null/report.md"), 2, "/dev/null"),
        (("run", "--headless"), 2, "No such option: --headless"),
        (("runs", "show", "20991231"), 2, "there is no run '20991231'"),
        (("compare", "previous", "latest", "--store", "elsewhere.db"), 3, "there is no store at elsewhere.db yet"),
        (("compare", "previous", "latest", "--config", "elsewhere.toml"), 2, "elsewhere.toml: no such file"),
        (("compare", "--colour"), 2, "No such option: --colour"),
        (("compare",), 2, "Missing argument"),
    ],
)
def test_wrong_usage_says_what_would_be_right(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    store_with(tmp_path, OLD, SLOW)
    done = soakwatch(*arguments, folder=tmp_path)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_runs_without_a_common_endpoint_cannot_be_compared(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, PastRun("20261103-220000-dddd", 3e9, endpoints=("/other",)))
    done = soakwatch("compare", "previous", "latest", folder=tmp_path)
    assert done.returncode == 2
    assert "/other" in done.stderr
    assert "/query" in done.stderr


def test_an_empty_run_cannot_be_compared(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, PastRun("20261103-220000-none", 3e9, windows=0))
    done = soakwatch("compare", "previous", "latest", folder=tmp_path)
    assert done.returncode == 2
    assert "20261103-220000-none" in done.stderr


def test_a_run_of_three_requests_is_unknown(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, PastRun("20261103-220000-tiny", 3e9, windows=1, requests=3))
    done = soakwatch("compare", "previous", "latest", "--json", folder=tmp_path)
    assert done.returncode == 0
    assert {verdict["verdict"] for verdict in json.loads(done.stdout)["verdicts"]} == {"unknown"}


def test_hostile_endpoint_names_are_shown_on_one_line_and_read_back_whole(tmp_path: Path) -> None:
    names = ("/a,b", '/say "hi"', "/two\nlines", "/🚀", "/" + "x" * 150, "[red]/markup[/red]", "/\x1b[2J")
    store_with(tmp_path, *(PastRun(run.id, run.start, run.median, names) for run in (OLD, SLOW)))
    done = soakwatch("compare", "previous", "latest", folder=tmp_path)
    assert done.returncode == 1
    assert "\x1b[2J" not in done.stdout
    assert "[red]/markup[/red]" in done.stdout.replace("\n", "")
    document = json.loads(soakwatch("compare", "previous", "latest", "--json", folder=tmp_path).stdout)
    assert {verdict["endpoint"] for verdict in document["verdicts"]} >= set(names)


def test_a_reader_that_goes_early_does_not_change_the_exit_code(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, SLOW)
    command = f"{sys.executable} -m soakwatch.cli.main compare previous latest --json | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 1
    command = command.replace("compare previous latest --json", "runs list")
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 0


def test_a_run_id_in_a_log_can_be_copied(tmp_path: Path) -> None:
    store_with(tmp_path, OLD, SLOW)
    assert OLD.id in soakwatch("runs", "list", folder=tmp_path, environment={"COLUMNS": "60"}).stdout


def test_init_writes_every_setting_with_its_default(tmp_path: Path) -> None:
    assert soakwatch("init", folder=tmp_path).returncode == 0
    text = (tmp_path / "soakwatch.toml").read_text(encoding="utf-8")
    assert Configuration(**tomllib.loads(text)) == Configuration()
    switched_on = re.sub(r"^# (?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE)
    examples = {"service", "objective", "require", "deploy", "maintenance", "due", "soak", "assignee"}
    assert Configuration(**tomllib.loads(switched_on)).model_dump(exclude=examples) == (
        Configuration().model_dump(exclude=examples)
    )
    assert soakwatch("doctor", folder=tmp_path).returncode == 0


def test_init_overwrites_nothing_unless_told(tmp_path: Path) -> None:
    (tmp_path / "soakwatch.toml").write_text('environment = "mine"\n', encoding="utf-8")
    done = soakwatch("init", folder=tmp_path)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert "mine" in (tmp_path / "soakwatch.toml").read_text(encoding="utf-8")
    assert soakwatch("init", "--force", folder=tmp_path).returncode == 0


def test_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "soakwatch.toml").write_text('environmnt = "staging"\n', encoding="utf-8")
    done = soakwatch("doctor", folder=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'environment'?" in done.stdout
    (tmp_path / "soakwatch.toml").unlink()
    (tmp_path / "soakwatch.db").write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    done = soakwatch("doctor", folder=tmp_path)
    assert done.returncode == 3
    assert "not a database" in done.stdout


def test_every_command_has_a_help_text_with_an_example(tmp_path: Path) -> None:
    for command in (
        ["demo"],
        ["init"],
        ["run"],
        ["runs", "list"],
        ["runs", "show"],
        ["compare"],
        ["report"],
        ["doctor"],
        ["mark", "deploy"],
        ["mark", "list"],
    ):
        done = soakwatch(*command, "--help", folder=tmp_path)
        assert done.returncode == 0
        assert f"soakwatch {' '.join(command)}" in done.stdout
        assert "Example" in done.stdout


def test_the_version_and_the_shells_completion(tmp_path: Path) -> None:
    assert soakwatch("--version", folder=tmp_path).stdout.startswith("soakwatch 0.")
    completion = soakwatch("--show-completion", "bash", folder=tmp_path, environment={"_TYPER_COMPLETE_TESTING": "1"})
    assert "complete" in completion.stdout
