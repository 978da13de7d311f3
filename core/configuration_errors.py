"""Configuration errors: what is wrong with a key or a value, in a sentence that shows no secret."""

import json
import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from soakwatch.core.configuration import Configuration
from soakwatch.core.environment_variables import ENVIRONMENT_PREFIX, NOT_KEYS
from soakwatch.core.tokens import variable_of

_DEPTH_OF_A_KEY = 3
"""Parts of the place of a key in a list of sections: list, number, key."""


_WITH_TOKENS = ("store", "github", "grafana", "http")
_WITH_SECRETS = {*_WITH_TOKENS, "ledger"}
_WITH_ADDRESSES = {"deploy", "soak"}
"""Lists of sections with an address that says a version."""


def secrets_in(file: Path, values: Mapping[str, Any]) -> Iterable[str]:
    """Secrets that are in the file itself, which others read too."""
    for section in _WITH_TOKENS:
        if _is_given(values, section, "token"):
            yield (
                f"{file}: {section}.token: a token does not belong into this file, which others read too; set "
                f"{variable_of(section)} to it, or set {section}.token_file to a file that holds it"
            )
    if _is_given(values, "ledger", "url"):
        yield (
            f"{file}: ledger.url: an address with a password does not belong into this file, which others read too; "
            f"set {ENVIRONMENT_PREFIX}LEDGER__URL to it, or ledger.path to a file"
        )


def _is_given(values: Mapping[str, Any], section: str, key: str) -> bool:
    there = values.get(section)
    return isinstance(there, Mapping) and bool(there.get(key))


def unknown_variables() -> Iterable[str]:
    """Environment variables that look like ours and are none."""
    known = Configuration.model_fields
    for variable in os.environ:
        if variable.startswith(ENVIRONMENT_PREFIX) and not variable.startswith(NOT_KEYS):
            key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")[0]
            if key not in known:
                yield f"environment variable {variable}: unknown key {key!r}{_suggestion(key, known)}"


def unreadable_variables() -> Iterable[str]:
    """Environment variables that hold a section or a list, and are not JSON."""
    # a whole section or list in one variable is JSON, and pydantic names neither the variable nor the place
    for key in Configuration.model_fields:
        variable = f"{ENVIRONMENT_PREFIX}{key.upper()}"
        try:
            json.loads(os.environ.get(variable) or "null")
        except ValueError as error:
            if not isinstance(Configuration.model_fields[key].default, str):
                content = "" if key in {*_WITH_SECRETS, *_WITH_ADDRESSES} else f", in {os.environ[variable]!r}"
                yield f"environment variable {variable}: not JSON: {error}{content}"


def describe(detail: Any, file: Path, values: Mapping[str, Any]) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    """What pydantic found wrong: its place, what is right, and the value unless it may be secret."""
    location: tuple[str | int, ...] = detail["loc"]
    place = _place(location, file, values)
    if detail["type"] == "extra_forbidden":
        key = str(location[-1])
        return f"{place}: unknown key{_suggestion(key, _keys_beside(location))}"
    if detail["type"] == "missing":
        return f"{place}: this key is needed"
    message = _of_shape(detail["type"], location) or str(detail["msg"]).removeprefix("Value error, ")
    is_section = isinstance(detail["input"], Mapping)
    shown = "" if is_section or _may_be_secret(location, detail["input"]) else f", not {detail['input']!r}"
    return f"{place}: {message[0].lower()}{message[1:]}{shown}"


def _of_shape(kind: str, location: tuple[str | int, ...]) -> str:
    """What would be right where the value is of another shape; empty for anything else, of which pydantic says it."""
    match kind:
        case "tuple_type" if len(location) == 1:
            return f"it must be a list of sections; write each of them under [[{location[0]}]]"
        case "tuple_type":
            return "it must be a list, such as ['one', 'another']"
        case "model_type":
            return "it must be a section: keys and their values"
        case _:
            return ""


def _may_be_secret(location: tuple[str | int, ...], value: object) -> bool:
    if len(location) == 1 and location[0] in _WITH_SECRETS:
        return not isinstance(value, str) or f"{ENVIRONMENT_PREFIX}{location[0]}".upper() in os.environ
    if location[0] in _WITH_ADDRESSES:  # its address may hold credentials, also one of which the scheme was forgotten
        return len(location) < _DEPTH_OF_A_KEY or location[2] == "version_url"
    if location[0] in _WITH_SECRETS and location[1] in {"token", "token_file"}:
        return True
    if location == ("ledger", "url"):
        return True
    return location == ("store", "url") and bool({"@", "?"} & set(str(value)))


def _place(location: tuple[str | int, ...], file: Path, values: Mapping[str, Any]) -> str:
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
    variable = ENVIRONMENT_PREFIX + "__".join(map(str, location)).upper()
    if variable in os.environ:
        return f"environment variable {variable}"
    whole = f"{ENVIRONMENT_PREFIX}{location[0]}".upper()
    if whole in os.environ and not _has(values, location):
        return f"environment variable {whole}: {dotted}"
    return f"{file}: {dotted}"


def _has(values: Any, location: tuple[str | int, ...]) -> bool:  # noqa: ANN401  (what TOML holds)
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _keys_beside(location: tuple[str | int, ...]) -> Iterable[str]:
    model: Any = Configuration
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = annotation if isinstance(annotation, type) else annotation.__args__[0]
    return list(model.model_fields)


def _suggestion(key: str, known: Iterable[str]) -> str:
    close = get_close_matches(key, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
