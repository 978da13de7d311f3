"""The reference is made from the code, and links lead somewhere; SOAKWATCH_TEST_UPDATE_DOCS=1 writes it anew."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from soakwatch.cli.main import app
from soakwatch.cli.template import render_template

ROOT = Path(__file__).parent.parent
UPDATE = "SOAKWATCH_TEST_UPDATE_DOCS"


def configuration_page() -> str:
    return (
        "# Configuration\n\n"
        "What `soakwatch init` writes: every key, with its default. Environment variables count more than the file:\n"
        "`SOAKWATCH_` and the key, sections set off by two underscores (`SOAKWATCH_COLLECTOR__WINDOW=5`). In Locust,\n"
        "`--soakwatch-environment`, `-test`, `-version`, `-commit` and `-window` count more still. A wrong key or\n"
        "value names itself, its place and what would be right, and ends with exit code 2.\n\n"
        f"```toml\n{render_template()}```\n"
    )


def cli_page() -> str:
    root = typer.main.get_command(app)
    parts = ["# Command line\n", str(getattr(root, "epilog", "")) + "\n", *sections(root, "soakwatch")]
    return "\n".join(parts)


def sections(command: Any, name: str) -> Iterator[str]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None or command.invoke_without_command:
        yield f"## {name}\n"
        yield f"{re.sub(r'^    ', '', command.help or '', flags=re.MULTILINE).strip()}\n"
        yield "\n".join(parameter_line(parameter) for parameter in command.params if parameter.name != "help") + "\n"
    if subcommands is None:
        return
    for subname, subcommand in subcommands.items():
        yield from sections(subcommand, f"{name} {subname}")


def parameter_line(parameter: Any) -> str:
    names = (
        ", ".join(f"`{name}`" for name in parameter.opts)
        if parameter.opts[0].startswith("-")
        else f"`{str(parameter.name).upper()}`"
    )
    return f"- {names}: {getattr(parameter, 'help', '') or ''}"


@pytest.mark.parametrize(
    ("name", "content"),
    [("configuration.md", configuration_page()), ("cli.md", cli_page())],
    ids=["configuration", "cli"],
)
def test_the_reference_says_what_the_code_does(name: str, content: str) -> None:
    page = ROOT / "docs" / "reference" / name
    if os.environ.get(UPDATE):
        page.write_text(content, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == content, f"run with {UPDATE}=1"


@pytest.mark.parametrize(
    "page", [path for path in ROOT.rglob("*.md") if ".venv" not in path.parts and "golden" not in path.parts], ids=str
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_each_file_that_the_page_on_the_architecture_names_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z0-9_.]*)`", page))
    assert len(named) > 80
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    # in the paragraph on a package its files go by their names
    for package, text in re.findall(r"^\*\*(\w+)\*\* (.*?)(?=^\*\*|^## )", page, flags=re.MULTILINE | re.DOTALL):
        files = set(re.findall(r"`([a-z0-9_]+\.py)`", text))
        assert [name for name in sorted(files) if not (ROOT / package / name).exists()] == [], package
