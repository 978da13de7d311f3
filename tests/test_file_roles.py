"""A comparison never writes over what it reads, never halves a file, and never compares a file with itself."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command_line import PastRun, soakwatch, store_with

from soakwatch.core.errors import UsageError
from soakwatch.store.whole_files import write_whole

OLD, NEW = PastRun("20261102-220000-bbbb", 2e9), PastRun("20261103-220000-cccc", 3e9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store_with(tmp_path, OLD, NEW)
    for run in (OLD, NEW):
        assert soakwatch("baseline", "pin", run.id, f"{run.id[-4:]}.json", folder=tmp_path).returncode == 0
    return tmp_path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--report", "bbbb.json"), "bbbb.json is read as well"),
        (("--verdicts", "./cccc.json"), "cccc.json is read as well"),
        (("--report", "r.md", "--junit", "r.md"), "r.md is written as well"),
    ],
)
def test_no_file_has_two_roles(folder: Path, options: tuple[str, ...], said: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    done = soakwatch("compare", "bbbb.json", "cccc.json", *options, folder=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert {path.name: path.read_bytes() for path in folder.glob("*.json")} == before


@pytest.mark.parametrize("copy", ["the same", "a copy", "a link"])
def test_a_file_is_not_compared_with_itself(folder: Path, copy: str) -> None:
    other = folder / "other.json"
    if copy == "a copy":
        shutil.copy(folder / "bbbb.json", other)
    elif copy == "a link":
        other.symlink_to("bbbb.json")
    done = soakwatch("compare", "bbbb.json", "bbbb.json" if copy == "the same" else "other.json", folder=folder)
    assert done.returncode == 2
    assert "compared with itself" in done.stderr


def test_a_folder_is_no_file(folder: Path) -> None:
    (folder / "results").mkdir()
    done = soakwatch("compare", "results", "cccc.json", folder=folder)
    assert (done.returncode, "results is a folder" in done.stderr) == (2, True)


def test_a_file_that_is_not_there_is_said_before_anything_else(tmp_path: Path) -> None:
    done = soakwatch("compare", "nope.csv", "latest", folder=tmp_path)
    assert (done.returncode, "nope.csv: no such file" in done.stderr) == (2, True)


def test_a_defect_of_ours_never_looks_like_a_regression(tmp_path: Path) -> None:
    broken = "import soakwatch.cli.main as it\ndef app(): raise ZeroDivisionError\nit.app = app\nit.main()"
    done = subprocess.run(
        [sys.executable, "-c", broken], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "a defect of soakwatch" in done.stderr


def test_what_is_no_ordinary_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    write_whole(pipe, "text")
    reader.join(10)
    assert read == ["text"]
    assert pipe.is_fifo()


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old", encoding="utf-8")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("path", ["/proc/no/such.md", "file/below.md"])
def test_what_cannot_be_written_is_said_with_its_name_and_leaves_nothing(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("precious", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        write_whole(tmp_path / path, "text")
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
