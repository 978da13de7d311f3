"""Options that several commands have, and what they open."""

from pathlib import Path
from typing import Annotated

import typer

from soakwatch.core.configuration import Configuration
from soakwatch.store.contract import WindowStore
from soakwatch.store.sqlite import SqliteStore

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file [default: soakwatch.toml, where there is one]."),
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", "-s", help="SQLite file to use instead of the configured one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else.")]
CurrentArgument = Annotated[
    str, typer.Argument(help="The run in question: an id, its beginning, or 'latest'.", show_default=False)
]


def open_store(configuration: Configuration, path: Path | None) -> WindowStore:
    """Open the store at `path`, else the configured one. Raises StoreUnavailable."""
    return SqliteStore.open(path or configuration.store.path)
