"""GitHub Actions: what a comparison leaves behind for the workflow that made it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from soakwatch.cli.terminal import print_error
from soakwatch.core.errors import SoakwatchError, UsageError
from soakwatch.core.verdict import Comparison

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""Environment variables of a step: the files that it may append to."""


@contextmanager
def without_commands() -> Iterator[None]:
    """Let the runner take what is printed inside for text, whatever names are in it.

    The sentence of an error may quote them too, so it is printed before the runner listens again, and ends the command.
    """
    from soakwatch.reporter.annotations import fence

    begin, end = fence(secrets.token_hex(16))
    typer.echo(begin)
    try:
        yield
    except SoakwatchError as error:
        print_error(error)
        raise typer.Exit(error.exit_code) from error
    finally:
        typer.echo(end)


def tell_github(comparison: Comparison, report: Path | None) -> None:
    """Append the job summary, and set the step's outputs `verdict` and `report`.

    Raises UsageError where this is no step of GitHub Actions.
    """
    from soakwatch.reporter.job_summary import LARGEST, job_summary
    from soakwatch.reporter.overall import overall_verdict

    summary, output = _file(SUMMARY), _file(OUTPUT)
    written = summary.stat().st_size if summary.exists() else 0
    _append(summary, job_summary(comparison, max(0, LARGEST - written)))
    _append(output, f"verdict={overall_verdict(comparison)}\nreport={_one_line(report)}\n")


def print_annotations(*comparisons: Comparison) -> None:
    """Print the worst regressions as annotations, so many as GitHub shows of one step."""
    from soakwatch.reporter.annotations import annotations

    for line in annotations(*comparisons):
        typer.echo(line)


def _file(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"--github is for a step of GitHub Actions, and {variable} is not set here")
    return Path(value)


def _one_line(report: Path | None) -> str:
    name = "" if report is None else str(report)
    if len(name.splitlines()) > 1:
        raise UsageError(f"{name!r}: a file whose name has several lines cannot be an output of a step")
    return name


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
