"""docs/detection.md says what the code does: settings, numbers and commands are the code's, pictures come out of it."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from soakwatch.cli.main import app
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.errors import ExitCode
from soakwatch.core.incident import State
from soakwatch.detector.conditions import Reason
from soakwatch.detector.fast_layer import FastBounds
from soakwatch.detector.timing import Timing

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SCRIPT = DOCS / "detection_figures.py"
PAGE = (DOCS / "detection.md").read_text(encoding="utf-8")
PICTURES = sorted(file.stem for file in (DOCS / "detection").glob("*.png"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def words_below(page: str, picture: str) -> str:
    found = re.search(rf"\(detection/{picture}\.png\)\n\n(.*?)\n\n", page, flags=re.DOTALL)
    assert found is not None, picture
    return found[1]


def test_the_settings_of_the_page_are_taken_as_they_stand_and_are_the_defaults(tmp_path: Path) -> None:
    (settings,) = blocks("toml")
    file = tmp_path / "soakwatch.toml"
    file.write_text(settings, encoding="utf-8")
    configuration = load_configuration(file)
    assert configuration.detector == DetectorSection()
    assert (len(configuration.maintenance), len(configuration.due)) == (1, 1)
    assert set(tomllib.loads(settings)["detector"]) == set(DetectorSection.model_fields)


@pytest.mark.parametrize("line", "".join(blocks("console")).splitlines())
def test_the_commands_of_the_page_exist_with_their_options(line: str) -> None:
    setting, _, rest = line.partition(" ") if line.startswith("SOAKWATCH_") else ("", "", line)
    assert not setting or setting.partition("=")[0].removeprefix("SOAKWATCH_DETECTOR__").lower() in set(
        DetectorSection.model_fields
    )
    program, *arguments = shlex.split(rest)
    assert program == "soakwatch"
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    # reads the options and arguments, and runs nothing
    command.make_context(command.name, arguments)


def test_the_page_names_the_durations_that_hold() -> None:
    timing = Timing.of(DetectorSection())
    windows = FastBounds.of(DetectorSection(), timing, 1).windows
    shares = [f"{round(window.steps * window.persistent)} of {window.steps}" for window in windows]
    assert f"{shares[0].replace(' of ', ' of the last ')} minutes, or {shares[1]}, or {shares[2]}" in PAGE
    assert f"and so are most of the last {timing.short}" in PAGE
    assert f"it did so for {timing.hold} minutes" in PAGE
    assert f"everything in it was normal for {timing.patience} minutes" in PAGE
    assert f"and for {timing.healthy} altogether" in PAGE
    assert f"the last {timing.held // 60} hours" in PAGE


def thresholds() -> Iterator[tuple[float, int, str]]:
    table = PAGE[PAGE.index("| `false_incidents` | 1 series") :].split("\n\n")[0].splitlines()
    series = [int(cell.replace(",", "").split()[0]) for cell in cells(table[0])[1:]]
    for line in table[2:]:
        allowed, *shown = cells(line)
        yield from ((float(allowed), count, one) for count, one in zip(series, shown, strict=True))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("allowed", "series", "shown"), list(thresholds()))
def test_the_price_of_quiet_is_what_the_detector_asks_for(allowed: float, series: int, shown: str) -> None:
    settings = DetectorSection(false_incidents=allowed)
    assert shown == f"{FastBounds.of(settings, Timing.of(settings), series).z:.1f}"


def test_the_page_explains_every_reason_for_unknown_every_state_and_every_exit_code() -> None:
    never_now = {Reason.NONE, Reason.INCIDENT, Reason.BEFORE_ACCEPTED}
    assert all(f"| {reason.words} |" in PAGE for reason in set(Reason) - never_now)
    assert all(f"| `{state}` |" in PAGE for state in State)
    assert all(f"\n| {code:d} | " in PAGE for code in ExitCode)


def test_the_page_shows_all_pictures_that_make_draws_and_they_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    scenes = runpy.run_path(str(SCRIPT))["SCENES"]
    assert sorted(scenes) == PICTURES == sorted(re.findall(r"\(detection/([\w-]+)\.png\)", PAGE))
    assert all((DOCS / "detection" / f"{name}.png").stat().st_size < 150_000 for name in PICTURES)
    commands = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--always-make", "docs-figures"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert commands.splitlines()[-1].endswith("python docs/detection_figures.py")


def test_what_the_page_says_of_a_picture_is_what_the_detector_says_today(tmp_path: Path) -> None:
    page = tmp_path / "detection.md"
    shutil.copy(DOCS / "detection.md", page)
    page.write_text(PAGE.replace(words_below(PAGE, "errors"), "nothing yet"), encoding="utf-8")
    subprocess.run(
        [sys.executable, str(SCRIPT), "errors", "--page", str(page), "--pictures", str(tmp_path / "pictures")],
        check=True, timeout=120,
    )  # fmt: skip
    assert words_below(page.read_text(encoding="utf-8"), "errors") == words_below(PAGE, "errors"), "make docs-figures"
    assert (tmp_path / "pictures" / "errors.png").read_bytes().startswith(b"\x89PNG")
