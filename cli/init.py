"""`soakwatch init`: a commented configuration file, and what it needs on the server."""

from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.options import StoreOption, with_store
from soakwatch.cli.template import render_template
from soakwatch.cli.terminal import notes
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import FILE_NAME, load_configuration, load_environment
from soakwatch.core.errors import UsageError
from soakwatch.core.store_settings import StoreKind


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(FILE_NAME),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    store: StoreOption = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="InfluxDB: write three tokens with no more rights than needed to files.")
    ] = False,
    update_retention: Annotated[
        bool,
        typer.Option("--update-retention", help="InfluxDB: change buckets that keep points longer or shorter."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Write a commented soakwatch.toml with all settings and their defaults; make the buckets of InfluxDB.

    With --store influxdb the file is left alone where there is one, and the buckets that are missing are made, with the
    configured retention, by the token in SOAKWATCH_STORE__TOKEN; the second time there is nothing to do. Shortening how
    long a bucket keeps points deletes what is older. Ends with 3 when the server cannot be reached, or the token lacks
    a right.

    Examples:

        soakwatch init && soakwatch doctor

        SOAKWATCH_STORE__URL=http://influxdb:8086 soakwatch init --store influxdb --tokens
    """
    influxdb = store == StoreKind.INFLUXDB
    if (tokens or update_retention) and not influxdb:
        raise UsageError("--tokens and --update-retention are for InfluxDB; give --store influxdb with them")
    there = path.exists() and not force
    if there and not influxdb:
        raise UsageError(f"{path} is there already; --force overwrites it")
    if there:
        configuration = load_configuration(path)
        _tell_what_is_there(path, configuration)
    else:
        configuration = load_environment()
        text = render_template(configuration.store.named(store) if store else None)
        (_pretend_to_write if dry_run else _write)(path, text)
    if influxdb:
        # influxdb-client takes a while to load, and SQLite does without
        from soakwatch.cli.server_setup import Wishes, set_up

        wishes = Wishes(update_retention, path.parent if tokens else None, dry_run)
        for sentence in set_up(with_store(configuration, store), wishes):
            notes.print(sentence, markup=False, soft_wrap=True)


def _tell_what_is_there(path: Path, configuration: Configuration) -> None:
    notes.print(f"{path} is there already, and was left alone", markup=False, soft_wrap=True)
    if configuration.store.kind is not StoreKind.INFLUXDB:
        hint = f'set kind = "influxdb" under [store] in {path} for all commands to use it without --store influxdb'
        notes.print(hint, markup=False, soft_wrap=True)


def _pretend_to_write(path: Path, _text: str) -> None:
    notes.print(f"would have written {path}", markup=False)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    notes.print(f"wrote {path}", markup=False)
