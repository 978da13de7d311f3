"""Delivery checks: what `soakwatch doctor` sees of the spool, and of the disk that it is on."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from soakwatch.cli.findings import Check, Finding, State
from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.collector.spool import Spool
from soakwatch.core.configuration import Configuration
from soakwatch.core.store_settings import StoreKind

LITTLE_ROOM = 500_000_000
"""Bytes of free disk below which the store or the spool should have more."""


def _spool(configuration: Configuration) -> Iterator[Finding]:
    folder, limit = configuration.store.spool_folder, configuration.collector.spool_limit
    waiting, in_use = 0, 0
    for source in Spool.sources(folder):
        spool = Spool(folder, source, limit)
        try:
            taken = spool.take()
        except OSError as error:
            yield Finding("spool", State.WARNING, f"{source} in {folder} cannot be opened: {error}", "ask its owner")
            continue
        if not taken:
            in_use += 1
            continue
        waiting += spool.size()
        spool.close()
    if in_use:
        yield Finding("spool", State.OK, f"{in_use} processes are writing into {folder} right now")
    if waiting:
        message = f"{waiting:,} bytes that ended processes left in {folder} wait for the store"
        yield Finding(
            "spool", State.WARNING, message, "`soakwatch spool replay` delivers them, and so does the next run"
        )
    elif not in_use:
        yield Finding("spool", State.OK, "nothing waits")


def _dead_letters(configuration: Configuration) -> Iterator[Finding]:
    points: Counter[str] = Counter()
    for letter in DeadLetters(configuration.store.spool_folder).read():  # one at a time: there may be very many
        points[letter.reason or "without a reason"] += len(letter.points)
    if points:
        message = f"{points.total()} points were refused by the store: {', '.join(points)}"
        remedy = (
            "mend that, and try them again with `soakwatch spool replay --dead-letters`; or delete them with the file"
        )
        yield Finding("dead letters", State.WARNING, message, f"{remedy} in {configuration.store.spool_folder}")


def _disk(configuration: Configuration) -> Iterator[Finding]:
    section = configuration.store
    places = {section.spool_folder} | ({section.path} if section.kind is StoreKind.SQLITE else set())
    for folder in sorted({_existing(place) for place in places}):
        free = shutil.disk_usage(folder).free
        state = State.OK if free > LITTLE_ROOM else State.WARNING
        yield Finding("disk", state, f"{free / 1e9:.1f} GB free at {folder}", "" if state is State.OK else "make room")


def _existing(place: Path) -> Path:
    return next(parent for parent in place.absolute().parents if parent.exists())


DELIVERY_CHECKS = (Check("spool", _spool), Check("dead letters", _dead_letters), Check("disk", _disk))
