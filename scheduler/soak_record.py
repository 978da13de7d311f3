"""Soak records: what is known of one soak on this machine, also by a daemon that was started again."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError


class Ending(StrEnum):
    """Why a soak's Locust was asked to end."""

    OVER = "over"
    """It is not to run any more."""
    ROTATION = "rotation"
    CHANGED = "changed"
    """The settings say something else by now."""
    RELEASED = "released"
    """The daemon itself ended, or another one works."""
    HANGS = "hangs"
    LOST_WORKERS = "lost workers"
    REMAINS = "remains"
    """The process that led is gone, and others are left."""

    @property
    def is_in_order(self) -> bool:
        """Whether nothing was wrong."""
        return self in {Ending.OVER, Ending.ROTATION, Ending.CHANGED, Ending.RELEASED}


@dataclass(frozen=True, slots=True)
class SoakRecord:
    """One soak: its present start, if any, and what came before. Times are seconds since the epoch.

    `token` tells this start from all others; `process` leads it (0 where there is none), and `began` then. It was
    `asked` to end, and why (`ending`). `settings` stands for those that it was started with, `run` for its last run.
    When nothing of it is left, it has `ended`; `failures` counts the starts in a row with which something was wrong,
    `restarts` all of them, and `fault` says what it was the last time.
    """

    token: str = ""
    process: int = 0
    began: float = 0.0
    asked: float | None = None
    ending: Ending | None = None
    settings: str = ""
    run: str = ""
    ended: float | None = None
    failures: int = 0
    restarts: int = 0
    fault: str = ""

    def encode(self) -> str:
        """As text; see `decode_record`."""
        return _FORM.dump_json(self).decode()


_FORM = TypeAdapter(SoakRecord)


def decode_record(text: str) -> SoakRecord | None:
    """What `SoakRecord.encode` made; None for anything else."""
    try:
        return _FORM.validate_json(text)
    except ValidationError:
        return None
