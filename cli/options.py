"""Options that several commands have, and what they open."""

from pathlib import Path
from typing import Annotated

import typer

from soakwatch.core.configuration import Configuration
from soakwatch.store import opening
from soakwatch.store.contract import WindowStore

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file [default: soakwatch.toml, where there is one]."),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", "-s", help="influxdb, or the path of an SQLite file, instead of the configured store."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else.")]
CurrentArgument = Annotated[
    str, typer.Argument(help="The run in question: an id, its beginning, or 'latest'.", show_default=False)
]


def with_store(configuration: Configuration, word: str | None) -> Configuration:
    """The configuration with the store that `word` means on a command line; None means the configured one."""
    return configuration.model_copy(update={"store": configuration.store.named(word)})


def open_store(configuration: Configuration, word: str | None) -> WindowStore:
    """Open the store that `word` means, else the configured one. Raises StoreUnavailable."""
    return opening.open_store(with_store(configuration, word))
