"""Template: the commented configuration file, made from the settings themselves, so that it cannot miss one."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel, SecretStr

from soakwatch.core.configuration import Configuration
from soakwatch.core.store_settings import StoreSection

_HEADER = """\
# soakwatch. Every key is here with its default; take away the '# ' before one to change it.
# Each is also an environment variable, which counts more: SOAKWATCH_ENVIRONMENT, SOAKWATCH_STORE__PATH, ...
"""

_EXAMPLES: dict[str, dict[str, str | float]] = {
    "service": {"name": "rag_service", "endpoint": "/rag/*"},
    "objective": {"service": "rag_service", "bound": "p95 < 300 ms"},
    "require": {"service": "api_gateway", "metric": "p95"},
    "deploy": {
        "service": "rag_service",
        "version_url": "https://staging.example.com/rag/version",
        "version_field": "build.version",
    },
    "maintenance": {"service": "rag_service", "cron": "0 3 * * *", "duration": 45.0, "title": "nightly rebuild"},
    "due": {"test": "nightly", "cron": "0 2 * * *", "within": 60.0},
    "soak": {"name": "staging", "locustfile": "locustfile.py", "host": "https://staging.example.com", "users": 24},
    "assignee": {"service": "rag_service", "user": "octocat"},
}


def render_template(store: StoreSection | None = None) -> str:
    """The file with every key and its default; those of `store` that differ from it are switched on."""
    return "\n".join([_HEADER, *_all_lines(Configuration(store=store or StoreSection()))]) + "\n"


def _all_lines(configuration: Configuration) -> Iterator[str]:
    values = {name: getattr(configuration, name) for name in Configuration.model_fields}
    sections = [name for name, value in values.items() if isinstance(value, BaseModel) or name in _EXAMPLES]
    yield from _lines_of(configuration, leave_out=sections)
    for name in sections:
        yield ""
        yield from _example(name) if name in _EXAMPLES else _section(name, values[name])


def _section(name: str, section: BaseModel) -> Iterator[str]:
    yield _explanation(type(section))
    yield f"[{name}]"
    yield from _lines_of(section)


def _lines_of(section: BaseModel, leave_out: Collection[str] = ()) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if name in leave_out:
            continue
        if isinstance(value, SecretStr):
            yield f"# {name}: {field.description}"
            continue
        yield f"# {field.description}"
        yield f"{'# ' if value == field.default else ''}{name} = {_toml(value)}"


def _example(name: str) -> Iterator[str]:
    model = Configuration.model_fields[name].annotation.__args__[0]  # type: ignore[union-attr]  # a tuple of sections
    yield _explanation(model)
    yield f"# [[{name}]]"
    for key, value in _EXAMPLES[name].items():
        yield f"# {key} = {_toml(value)}  # {model.model_fields[key].description}"


def _explanation(model: type[BaseModel]) -> str:
    return f"# {(model.__doc__ or '').strip().partition(': ')[2]}"


def _toml(value: Any) -> str:  # noqa: ANN401  (a value of any setting)
    if isinstance(value, bool | int | float):
        return str(value).lower()
    # JSON's strings are TOML's; TOML has no word for nothing
    return json.dumps("" if value is None else str(value), ensure_ascii=False)
