"""Event text: `step:+20%@day=20,series=3`, as people write what shall happen in a simulated history."""

import re
from collections.abc import Mapping
from math import inf

from soakwatch.core.errors import UsageError
from soakwatch.core.truth import EventKind
from soakwatch.demo.event_size import read_share, read_size
from soakwatch.demo.history_events import BUMP_LENGTH, DAY, HOUR, MINUTE, RESTART_LENGTH, Event
from soakwatch.demo.history_plan import HistoryPlan

_SECONDS = {"m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([mhd])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_HOURS_OF_DAY = 24

_LENGTHS = {EventKind.BUMP: BUMP_LENGTH, EventKind.RESTART: RESTART_LENGTH}
_KEYS = ("day", "hour", "series", "service", "all", "for", "share", "which", "deploy")
_PLACES = ("series", "service", "all")
_ONLY_OF_TAILS = ("share", "which")
_OF_THE_WHOLE_TEST = {EventKind.LOAD, EventKind.SATURATED}


def parse_event(text: str, plan: HistoryPlan) -> Event:
    """Read `KIND:SIZE@day=D,...` as an event of `plan`. Raises UsageError that says what would be right."""
    what, _, rest = text.partition("@")
    name, _, size = what.partition(":")
    try:
        kind = _kind(name.strip())
        options = _options(rest, kind)
        return Event(
            kind,
            _onset(options, plan),
            _series(options, plan),
            read_size(kind, size.strip()),
            _length(options, kind),
            options.get("service", ""),
            share=_share(options.get("share", "2%")),
            slowest=_one_of(options, "which", "slowest", "random"),
            deploy=not _one_of(options, "deploy", "no", "yes"),
        )
    except ValueError as error:
        raise UsageError(f"--event {text!r}: {error}") from None


def _kind(name: str) -> EventKind:
    if name not in set(EventKind):
        raise ValueError(f"there is no event {name!r}; there are {', '.join(EventKind)}")
    return EventKind(name)


def _options(text: str, kind: EventKind) -> Mapping[str, str]:
    pairs = [tuple(map(str.strip, part.split("=", 1))) for part in text.split(",") if part.strip()]
    options: dict[str, str] = {}
    for key, *values in pairs:
        if key not in _KEYS:
            raise ValueError(f"there is no {key!r}; there are {', '.join(_KEYS)}")
        if key in options:
            raise ValueError(f"{key!r} is there twice; keep one of them")
        if bool(values) is (key == "all"):
            raise ValueError("'all' has no value" if values else f"{key!r} has no value; write {key}=...")
        options[key] = values[0] if values else ""
    _check_options(options, kind)
    return options


def _check_options(options: Mapping[str, str], kind: EventKind) -> None:
    if "day" not in options:
        raise ValueError(f"it does not say when; write {kind}...@day=20, or @day=20,hour=14")
    places = [key for key in _PLACES if key in options]
    if len(places) > 1:
        raise ValueError(f"{' and '.join(places)} exclude each other; keep one of them")
    if kind in _OF_THE_WHOLE_TEST and places not in ([], ["all"]):
        raise ValueError(f"{kind} is of the whole test; leave {places[0]} out")
    for key in _ONLY_OF_TAILS:
        if key in options and kind is not EventKind.SLOW_TAIL:
            raise ValueError(f"{key!r} is only for {EventKind.SLOW_TAIL}; leave it out")


def _onset(options: Mapping[str, str], plan: HistoryPlan) -> float:
    day = _number(options, "day", below=plan.days)
    return day * DAY + _number({"hour": "0", **options}, "hour", below=_HOURS_OF_DAY) * HOUR


def _number(options: Mapping[str, str], key: str, below: int) -> float:
    text = options[key]
    if not _NUMBER.fullmatch(text) or not float(text) < below:
        raise ValueError(f"{key}={text} should be a number from 0 to less than {below}")
    return float(text)


def _series(options: Mapping[str, str], plan: HistoryPlan) -> tuple[int, ...]:
    if "series" in options:
        text = options["series"]
        if not text.isdecimal() or int(text) >= plan.series:
            raise ValueError(f"series={text} should be one of 0 to {plan.series - 1}")
        return (int(text),)
    service = options.get("service")
    if service is not None and service not in plan.service_names:
        raise ValueError(f"there is no service {service!r}; there are {', '.join(plan.service_names)}")
    return tuple(number for number, one in enumerate(plan.endpoints) if service in {None, one.service})


def _length(options: Mapping[str, str], kind: EventKind) -> float:
    if "for" not in options:
        return _LENGTHS.get(kind, inf)
    found = _DURATION.fullmatch(options["for"])
    length = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if length < MINUTE:
        raise ValueError(f"for={options['for']} should be at least a minute, such as for=8m, for=2h or for=3d")
    return length


def _share(text: str) -> float:
    try:
        return read_share(text)
    except ValueError as error:
        raise ValueError(f"{error}; write share=2%") from None


def _one_of(options: Mapping[str, str], key: str, usual: str, other: str) -> bool:
    """Whether `key` is what it usually is."""
    chosen = options.get(key, usual)
    if chosen not in {usual, other}:
        raise ValueError(f"{key}={chosen} should be {usual} or {other}")
    return chosen == usual
