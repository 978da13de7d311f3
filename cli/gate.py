"""`soakwatch gate`: do verdicts let a pipeline go on."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.comparing import exit_code_of
from soakwatch.cli.github_actions import print_annotations, without_commands
from soakwatch.cli.options import ConfigOption, JsonOption
from soakwatch.cli.terminal import print_json, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode, UsageError
from soakwatch.core.verdict import Comparison, Decision, Severity


class FailOn(StrEnum):
    """What ends a pipeline."""

    REGRESSION = "regression"
    CRITICAL = "critical"
    UNDECIDED = "undecided"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one file of verdicts says, how many endpoints and metrics of it, and the exit code that follows."""

    file: str
    verdict: Decision
    critical: int
    warnings: int
    exit_code: ExitCode


def gate(
    verdicts: Annotated[
        list[Path], typer.Argument(help="Files that `soakwatch compare --verdicts` wrote.", show_default=False)
    ],
    fail_on: Annotated[
        FailOn, typer.Option(help="'critical' passes warnings; 'undecided' stops on regressions as well.")
    ] = FailOn.REGRESSION,
    annotate: Annotated[
        bool,
        typer.Option("--annotate", help="In GitHub Actions: print the worst regressions of all files as annotations."),
    ] = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Say by the exit code whether verdicts let a pipeline go on.

    Ends with 1 for a regression, and with --fail-on undecided also with 4 where a series under [[require]], or
    everything, is unknown.

    Examples:

        soakwatch gate verdicts.json --fail-on critical

        soakwatch gate verdicts-api.json verdicts-spike.json --fail-on undecided
    """
    if json_ and annotate:
        raise UsageError("--json leaves standard output to the machine, and --annotate writes there; take one")
    with without_commands() if annotate else nullcontext():
        configuration = load_configuration(config)
        comparisons = [_read(file) for file in verdicts]
        judgements = [
            _judge(file, comparison, fail_on, configuration)
            for file, comparison in zip(verdicts, comparisons, strict=True)
        ]
        if json_:
            print_json([asdict(judgement) for judgement in judgements])
        else:
            _print_sentences(judgements)
    if annotate:
        print_annotations(*comparisons)
    codes = {judgement.exit_code for judgement in judgements}
    raise typer.Exit(min(codes - {ExitCode.FINE}, default=ExitCode.FINE))


def _read(file: Path) -> Comparison:
    from soakwatch.reporter.read_back import comparison_of
    from soakwatch.reporter.verdicts_json import parse_verdicts

    try:
        return comparison_of(parse_verdicts(file.read_text(encoding="utf-8"), str(file)))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 (byte {error.start}), so these are no verdicts of soakwatch") from None


def _judge(file: Path, comparison: Comparison, fail_on: FailOn, configuration: Configuration) -> Judgement:
    from soakwatch.reporter.overall import overall_verdict

    verdict = overall_verdict(comparison)
    critical = _count_critical(comparison)
    return Judgement(
        file=str(file),
        verdict=verdict,
        critical=critical,
        warnings=len(comparison.regressions) - critical,
        exit_code=_exit_code(comparison, verdict, fail_on, configuration),
    )


def _exit_code(comparison: Comparison, verdict: Decision, fail_on: FailOn, configuration: Configuration) -> ExitCode:
    match fail_on:
        case FailOn.NEVER:
            return ExitCode.FINE
        case FailOn.CRITICAL:
            return ExitCode.REGRESSION if _count_critical(comparison) else ExitCode.FINE
        case FailOn.REGRESSION:
            return ExitCode.REGRESSION if comparison.regressions else ExitCode.FINE
        case FailOn.UNDECIDED:
            return ExitCode.UNDECIDED if verdict is Decision.UNKNOWN else exit_code_of(comparison, configuration)


def _count_critical(comparison: Comparison) -> int:
    return sum(verdict.severity is Severity.CRITICAL for verdict in comparison.regressions)


def _print_sentences(judgements: Iterable[Judgement]) -> None:
    for judgement in judgements:
        results.print(_sentence(judgement), markup=False, soft_wrap=True)


def _sentence(judgement: Judgement) -> str:
    found = judgement.verdict is Decision.REGRESSED
    counts = f" (critical: {judgement.critical}, warnings: {judgement.warnings})" if found else ""
    return f"{judgement.file}: {judgement.verdict}{counts}"
