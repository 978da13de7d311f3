"""Options: the `soakwatch` group on Locust's command line, and what it changes in the configuration."""

from argparse import ArgumentParser, Namespace

from pydantic import ValidationError

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ConfigurationError

_OPTIONS = {
    "environment": ("--soakwatch-environment", str, "what is tested: staging, perf, ..."),
    "test": ("--soakwatch-test", str, "name of the test; default is the locustfile's name"),
    "version": ("--soakwatch-version", str, "version of what is tested"),
    "commit": ("--soakwatch-commit", str, "commit of what is tested"),
    "window": ("--soakwatch-window", float, "width of a window in seconds (10)"),
}
"""Secrets and paths are no options: options travel from the master to its workers, and show in process lists."""


def add_options(parser: ArgumentParser) -> None:
    """Add the group `soakwatch` to Locust's parser."""
    group = parser.add_argument_group(
        "soakwatch", "Options of the soakwatch collector; soakwatch.toml sets the others."
    )
    for name, (flag, kind, explanation) in _OPTIONS.items():
        action = group.add_argument(flag, dest=_destination(name), type=kind, metavar=f"<{name}>", help=explanation)
        # Locust's own add_argument knows this argument, that of a group does not
        action.include_in_web_ui = False  # type: ignore[attr-defined]  # Locust looks for it


def with_options(configuration: Configuration, options: Namespace | None) -> Configuration:
    """The configuration as the options want it. Raises ConfigurationError that names a wrong option."""
    given = {name: getattr(options, _destination(name), None) for name in _OPTIONS}
    changes = {name: value for name, value in given.items() if value is not None}
    window = changes.pop("window", None)
    values = configuration.model_dump() | changes
    if window is not None:
        values["collector"] |= {"window": window}
    try:
        return Configuration.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        flag = _OPTIONS[str(detail["loc"][-1])][0]
        raise ConfigurationError(f"{flag}: {detail['msg']}, not {detail['input']!r}") from None


def _destination(name: str) -> str:
    return f"soakwatch_{name}"
