"""Soak commands: how Locust is started for a soak."""

import json
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.environment_variables import (
    CONTINUES_VARIABLE,
    ENVIRONMENT_PREFIX,
    FILE_VARIABLE,
    LEASH_VARIABLE,
    SOAK_FOLDER_VARIABLE,
    SOAK_TOKEN_VARIABLE,
)
from soakwatch.core.settings import DeploySection
from soakwatch.core.soak_settings import SoakSection
from soakwatch.scheduler.generator import SHAPE_FILE

_NOT_FOR_LOCUST = (
    *(f"{ENVIRONMENT_PREFIX}{section}__" for section in ("LEDGER", "GITHUB", "GRAFANA", "HTTP")),
    "GITHUB_TOKEN",
)
"""What only the daemon needs, secrets among it; a locustfile is other people's code."""

_LOOPBACK = "127.0.0.1"

_ANY_TIME = frozenset({"cron", "duration", "rotate", "log_limit", "folder"})
"""Settings that say when it runs: a process that is there need not know."""


@dataclass(frozen=True, slots=True)
class Start:
    """What is particular to one start of a soak.

    It is told from others by `token`; `folder` is absolute. `elapsed` seconds of its scenario are over, and with
    `at_once` all users are there in the first seconds, to go on from the run `continues`, if any.
    """

    token: str
    folder: Path
    leash: float
    elapsed: float = 0.0
    continues: str = ""
    at_once: bool = False


def arguments(section: SoakSection, start: Start) -> list[str]:
    """The command that starts Locust, which runs until it is asked to end."""
    return [
        *(sys.executable, "-m", "soakwatch.collector.launcher", "--headless", "--only-summary"),
        # a failed request is a result, not an error of Locust's
        *("--exit-code-on-error", "0", "--soakwatch-test", section.test_name),
        *_load(section, start),
        *(("--host", section.host) if section.host else ()),
        *_workers(section),
        *section.user_classes,
    ]


def variables(
    section: SoakSection, start: Start, configuration: Configuration, file: Path | None, ours: Mapping[str, str]
) -> dict[str, str]:
    """Locust's environment: `ours`, less what would change the load or is no business of its, and what it is told."""
    usual = {
        key: value
        for key, value in ours.items()
        if not key.startswith(("LOCUST_", *_NOT_FOR_LOCUST)) and key != CONTINUES_VARIABLE
    }
    told = {
        SOAK_FOLDER_VARIABLE: str(start.folder),
        SOAK_TOKEN_VARIABLE: start.token,
        LEASH_VARIABLE: f"{start.leash:g}",
        # Locust is told of what it streams to as the daemon knows it: by its file, the environment and the command line
        **configuration.store.variables,
        **({FILE_VARIABLE: str(file.absolute())} if file else {}),
        **({CONTINUES_VARIABLE: start.continues} if start.continues else {}),
        **_deploys(section, configuration),
    }
    return {**usual, **told}


def fingerprint(section: SoakSection) -> str:
    """Stands for all settings that a running Locust was started with."""
    return sha256(section.model_dump_json(exclude=set(_ANY_TIME)).encode()).hexdigest()[:12]


def _load(section: SoakSection, start: Start) -> Sequence[str]:
    if section.scenario:
        return [
            *("--locustfile", f"{SHAPE_FILE},{section.locustfile}", "--scenario", section.scenario),
            *("--scenario-seconds", f"{section.seconds or 0:g}", "--scenario-users", str(section.users)),
            *("--scenario-elapsed", f"{start.elapsed:.3f}"),
        ]
    rate = max(section.spawn_rate, section.users / 2) if start.at_once else section.spawn_rate
    return ["--locustfile", section.locustfile, "--users", str(section.users), "--spawn-rate", f"{rate:g}"]


def _workers(section: SoakSection) -> Sequence[str]:
    if section.processes:
        # one of its own for each start: the one before may still be held by a worker that ends
        port = str(_free_port())
        bound = ("--master-bind-host", _LOOPBACK, "--master-bind-port", port)
        return ("--processes", str(section.processes), *bound, "--master-port", port)
    if section.expect_workers:
        bound = ("--master-bind-host", section.master_host, "--master-bind-port", str(section.master_port))
        return ("--master", "--expect-workers", str(section.expect_workers), *bound)
    return ()


def _deploys(section: SoakSection, configuration: Configuration) -> dict[str, str]:
    """The version watch of the soak, beside those of the configuration, which it would replace alone."""
    if section.version_url is None:
        return {}
    own = DeploySection(version_url=section.version_url, version_field=section.version_field)
    all_of_them = [
        {**one.model_dump(), "version_url": one.version_url.get_secret_value()} for one in (*configuration.deploy, own)
    ]
    return {f"{ENVIRONMENT_PREFIX}DEPLOY": json.dumps(all_of_them)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
