"""Event sizes: `+20%`, `x4`, `+2%/day`, as people write how much happens."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from soakwatch.core.truth import EventKind

_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)%")
_TIMES = re.compile(r"x(\d+(?:\.\d+)?)")
_PER_DAY = "/day"


@dataclass(frozen=True, slots=True)
class _Form:
    """How the size of a kind of event is written; `usual` is that of an event which gives none."""

    example: str
    read: Callable[[str], float]
    usual: float | None = None


def read_size(kind: EventKind, text: str) -> float:
    """The size of an event of `kind`, see `TrueEvent`. Raises ValueError that says what would be right."""
    form = _FORMS.get(kind)
    if form is None:
        if text:
            raise ValueError(f"{kind} has no size; leave {text!r} out")
        return 0.0
    if not text and form.usual is not None:
        return form.usual
    try:
        return form.read(text)
    except ValueError:
        wrong = f"{text!r} is no size" if text else "it has no size"
        raise ValueError(f"{wrong}; write {kind}:{form.example}") from None


def read_share(text: str) -> float:
    """`2%` as 0.02. Raises ValueError where it is none, 0 or more than all."""
    share = _percent(text)
    if "+" in text or not 0 < share <= 1:
        raise ValueError(f"{text!r} is no share")
    return share


def _percent(text: str) -> float:
    found = _PERCENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no percentage")
    return float(found[1]) / 100


def _change(text: str) -> float:
    times = _TIMES.fullmatch(text)
    # rounded, so that x1.2 is what +20% is
    change = round(float(times[1]) - 1, 9) if times else _percent(text)
    if change <= -1:
        raise ValueError(f"{text!r} leaves nothing")
    return change


def _slower(text: str) -> float:
    change = _change(text)
    if change <= 0:
        raise ValueError(f"{text!r} is not slower")
    return change


def _per_day(text: str) -> float:
    if not text.endswith(_PER_DAY):
        raise ValueError(f"{text!r} is not per day")
    return _change(text.removesuffix(_PER_DAY))


_FORMS = {
    EventKind.STEP: _Form("+20%, or x1.2", _change),
    EventKind.CREEP: _Form("+2%/day", _per_day),
    EventKind.SLOW_TAIL: _Form("x4, or +300%", _slower),
    EventKind.ERRORS: _Form("2%", read_share),
    EventKind.THROUGHPUT: _Form("-30%, or x0.7", _change),
    EventKind.LOAD: _Form("x2, or +100%", _change),
    EventKind.BUMP: _Form("x3, or +200%", _slower),
    EventKind.SATURATED: _Form("+50%, or x1.5", _slower, usual=0.5),
    EventKind.RESTART: _Form("x2, or +100%", _slower, usual=1.0),
}
"""Kinds that are not in it have no size."""
