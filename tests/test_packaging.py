"""The wheel holds what the tree holds: each package with its modules and data files, and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
NOT_SHIPPED = {"tests", "benchmarks", "docs"}


def files_in(folder: Path) -> set[str]:
    """Files below `folder` that git would keep."""
    command = ["git", "-C", str(folder), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    return {name for name in output.split("\0") if name and (folder / name).is_file()}


def build_command(target: Path) -> list[str]:
    """With the setuptools that is here where it is new enough, so that no network is needed; else with a fresh one."""
    needed = PROJECT["build-system"]["requires"][0].partition(">=")[2]
    try:
        here = version("setuptools")
    except PackageNotFoundError:
        here = "0"
    if int(here.partition(".")[0]) >= int(needed):
        return [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target)]
    return [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), "."]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel, made from a copy: building leaves folders beside the sources."""
    copy, target = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in files_in(ROOT):
        if name.partition("/")[0] not in NOT_SHIPPED | {".typing"}:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    built = subprocess.run(build_command(target), cwd=copy, capture_output=True, text=True, check=False, timeout=150)
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = target.glob("*.whl")
    return zipfile.Path(file)


def names_in(wheel: zipfile.Path) -> set[str]:
    return {name for name in wheel.root.namelist() if not name.endswith("/")}


def metadata_of(wheel: zipfile.Path, file: str) -> str:
    (name,) = [name for name in names_in(wheel) if name.endswith(f".dist-info/{file}")]
    return wheel.root.read(name).decode("utf-8")


def packages_in_the_tree() -> set[str]:
    """Top-level folders with modules that are no tests or tools."""
    return {
        init.parent.name for init in ROOT.glob("*/__init__.py") if init.parent.name not in NOT_SHIPPED | {"build"}
    }  # fmt: skip


def test_every_package_of_the_tree_is_listed() -> None:
    assert set(FOLDERS.values()) == packages_in_the_tree()
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(FOLDERS)
    assert all(package == f"soakwatch.{folder}" for package, folder in FOLDERS.items())


def test_every_package_is_under_the_rules_for_imports_and_types() -> None:
    assert sorted(PROJECT["tool"]["importlinter"]["root_packages"]) == sorted(FOLDERS)
    assert sorted(PROJECT["tool"]["mypy"]["packages"]) == sorted(FOLDERS)
    links = {link.name: link.resolve() for link in (ROOT / ".typing" / "soakwatch").iterdir() if link.is_symlink()}
    assert links == {folder: ROOT / folder for folder in FOLDERS.values()}


def test_the_wheel_holds_all_files_of_all_packages_and_nothing_else(wheel: zipfile.Path) -> None:
    in_tree = {f"soakwatch/{folder}/{name}" for folder in FOLDERS.values() for name in files_in(ROOT / folder)}
    in_wheel = {name for name in names_in(wheel) if ".dist-info/" not in name}
    assert in_wheel == in_tree


def test_every_package_says_that_it_is_typed(wheel: zipfile.Path) -> None:
    typed = {f"soakwatch/{folder}/py.typed" for folder in FOLDERS.values()}
    assert typed <= names_in(wheel)


def test_the_namespace_itself_holds_no_module(wheel: zipfile.Path) -> None:
    assert "soakwatch/__init__.py" not in names_in(wheel)


def test_the_wheel_brings_its_license_and_readme(wheel: zipfile.Path) -> None:
    assert any(re.search(r"\.dist-info/.*LICENSE$", name) for name in names_in(wheel))
    metadata = HeaderParser().parsestr(metadata_of(wheel, "METADATA"))
    assert metadata["Name"] == "soakwatch"
    assert metadata["Requires-Python"] == PROJECT["project"]["requires-python"]
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def test_the_wheel_brings_the_command(wheel: zipfile.Path) -> None:
    assert "soakwatch = soakwatch.cli.main:main" in metadata_of(wheel, "entry_points.txt")
