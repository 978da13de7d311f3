"""Run Locust with the plugin and an untouched locustfile: `python -m soakwatch.collector.launcher ARGUMENTS...`."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import locust.main  # first: it patches the standard library for gevent
from locust.env import Environment

import soakwatch.collector.plugin  # noqa: F401  (registers itself)
from soakwatch.collector.guard import quietly
from soakwatch.core.environment_variables import RUN_FILE_VARIABLE


def main() -> None:
    """Be Locust, with the arguments of this process; ends it with Locust's exit code.

    Where SOAKWATCH_RUN_FILE names a file, the id of the run is written there at its end.
    """
    if RUN_FILE_VARIABLE in os.environ:
        locust.events.init.add_listener(_prepare_note)
    sys.argv[0] = "locust"
    locust.main.main()


def _prepare_note(environment: Environment, **_: Any) -> None:
    environment.events.quit.add_listener(quietly(partial(_note, environment, Path(os.environ[RUN_FILE_VARIABLE]))))


def _note(environment: Environment, file: Path, **_: Any) -> None:
    if run := getattr(environment.parsed_options, "soakwatch_run", ""):
        file.write_text(run, encoding="utf-8")


if __name__ == "__main__":
    main()
