"""`soakwatch schema`: JSON Schemas of the files that soakwatch writes."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from soakwatch.cli.schemas import FORMS, Form, find_form
from soakwatch.cli.terminal import notes, results
from soakwatch.core.errors import UsageError
from soakwatch.store.whole_files import write_whole


def schema(
    name: Annotated[
        str | None, typer.Argument(help="Which file's; without a name those there are are listed.", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them; needs --out.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write NAME.schema.json into.")] = None,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a file that soakwatch writes.

    It describes what this version writes, key by key; readers of soakwatch ignore keys that they do not know.

    Examples:

        soakwatch schema

        soakwatch schema baselines > baselines.schema.json

        soakwatch schema --all --out schemas
    """
    if all_ and name is not None:
        raise UsageError(f"--all and {name!r} exclude each other; give one of them")
    if all_ and out is None:
        raise UsageError("--all writes several files; name their folder with --out DIR")
    if name is None and not all_:
        if out is not None:
            raise UsageError("--out needs the name of a schema, or --all")
        results.print(_list_of_forms())
        return
    chosen = FORMS if name is None else (find_form(name),)
    if out is None:
        typer.echo(_text(chosen[0]), nl=False)
        return
    for form in chosen:
        file = out / f"{form.name}.schema.json"
        write_whole(file, _text(form))
        notes.print(f"wrote {file}", markup=False)


def _text(form: Form) -> str:
    return json.dumps(form.schema(), indent=2, ensure_ascii=False) + "\n"


def _list_of_forms() -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("name", "schema", "what has it"):
        table.add_column(heading)
    for form in FORMS:
        table.add_row(form.name, str(form.version), form.writers)
    return table
