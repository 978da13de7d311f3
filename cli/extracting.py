"""Extracting: from Locust's files to a file of ours, without overwriting anything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.summary_tables import print_summaries, summaries_document
from soakwatch.cli.terminal import notes, print_json
from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import PinnedRun, RunTotals
from soakwatch.store.summary_files import SummaryKind, recognise
from soakwatch.store.whole_files import write_whole

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES... OUT",
        help="What Locust wrote (--csv, --json-file), one or more files, then the file to write.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite whatever is there.")]


@dataclass(frozen=True, slots=True)
class Output:
    """A file of ours that a command is to write, unless it is `dry`; `forced`, whatever is there."""

    path: Path
    kind: SummaryKind
    dry: bool
    forced: bool

    def require_free(self) -> None:
        """Raise UsageError where something else than an older file of this kind would be overwritten."""
        if self.forced or not self.path.exists():
            return
        try:
            if recognise(self.path) is self.kind:
                return
            reason = ""
        except UsageError as error:
            reason = f" ({error})"
        raise UsageError(
            f"{self.path} is there already and no {self.kind} file that soakwatch wrote{reason}; --force overwrites it"
        )


def split_files(files: Sequence[Path]) -> tuple[Sequence[Path], Path]:
    """The files to read and the one to write. Raises UsageError where the last one looks like one to read."""
    *inputs, output = files
    if output.suffix.lower() == ".csv":
        raise UsageError(
            f"{output} looks like a file to read, but the last one is the file to write; add one such as FILE.json"
        )
    if not inputs:
        raise UsageError(f"nothing to read: {output} is the file to write; put Locust's files before it")
    for path in inputs:
        if path.exists() and output.exists() and path.samefile(output):
            raise UsageError(f"{output} is to be read and to be written; name another file to write")
    return inputs, output


def finish(output: Output, runs: Sequence[RunTotals | PinnedRun], text: str, *, json_: bool) -> None:
    """Write `text`, which tells of `runs`, and say what is in it. Raises UsageError, OSError."""
    output.require_free()
    if not output.dry:
        write_whole(output.path, text)
    if json_:
        print_json({"file": str(output.path), "written": not output.dry, **summaries_document(runs)})
    else:
        print_summaries(runs)
        notes.print(f"{'would write' if output.dry else 'wrote'} {output.path}", markup=False)
