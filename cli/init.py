"""`soakwatch init`: a commented configuration file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from soakwatch.cli.terminal import notes
from soakwatch.core.configuration import FILE_NAME, Configuration
from soakwatch.core.errors import UsageError

_HEADER = """\
# soakwatch. Every key is here with its default; take away the '# ' before one to change it.
# Each is also an environment variable, which counts more: SOAKWATCH_ENVIRONMENT, SOAKWATCH_STORE__PATH, ...
"""

_EXAMPLES = {
    "service": {"name": "rag_service", "endpoint": "/rag/*"},
    "objective": {"service": "rag_service", "bound": "p95 < 300 ms"},
    "require": {"service": "api_gateway", "metric": "p95"},
}


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(FILE_NAME),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented soakwatch.toml with all settings and their defaults.

    Example:

        soakwatch init && soakwatch doctor
    """
    if path.exists() and not force:
        raise UsageError(f"{path} is there already; --force overwrites it")
    try:
        path.write_text(render_template(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    notes.print(f"wrote {path}", markup=False)


def render_template() -> str:
    """The commented file, made from the settings themselves, so that it cannot miss one."""
    return "\n".join([_HEADER, *_lines_of(Configuration, top=True)]) + "\n"


def _lines_of(model: type[BaseModel], *, top: bool = False) -> Iterator[str]:
    sections = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if top and (isinstance(default, BaseModel) or name in _EXAMPLES):
            sections.append((name, default))
        elif default is not PydanticUndefined:
            yield f"# {field.description}"
            yield f"# {name} = {_toml(default)}"
    for name, default in sections:
        yield ""
        yield from _section(name, default)


def _section(name: str, default: object) -> Iterator[str]:
    model = type(default) if isinstance(default, BaseModel) else Configuration.model_fields[name].annotation.__args__[0]  # type: ignore[union-attr]
    yield f"# {(model.__doc__ or '').strip().partition(': ')[2]}"
    if name not in _EXAMPLES:
        yield f"[{name}]"
        yield from _lines_of(model)
        return
    yield f"# [[{name}]]"
    for key, value in _EXAMPLES[name].items():
        yield f"# {key} = {_toml(value)}  # {model.model_fields[key].description}"


def _toml(value: Any) -> str:  # noqa: ANN401  (a default of any setting)
    if isinstance(value, str | Path):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)
