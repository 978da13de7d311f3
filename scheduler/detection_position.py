"""How far detection has come, as it remembers it in the ledger."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Self

NAME = "detection"
"""Under this name the ledger remembers how far the pass has come."""


@dataclass(frozen=True, slots=True)
class DetectionPosition:
    """Steps up to `until` were taken in, and what arrived in the store up to `arrivals`, a position of its journal.

    `arrivals` is None before anything was taken in.

    Before `judged_from` there was history already when detection began: it was learnt from, without making incidents of
    the past. `identity` is that of the engine's memory: with another one, all is to be learnt anew.
    """

    until: float
    judged_from: float
    identity: str
    arrivals: str | None = None

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Read what `encode` wrote; None for an empty text, and for what another version wrote."""
        with suppress(ValueError, TypeError):
            return cls(**json.loads(text))
        return None

    def encode(self) -> str:
        """A text."""
        return json.dumps(asdict(self))
