"""Metadata: what is worth knowing of a run when it begins."""

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import locust
from locust.env import Environment

from soakwatch.collector.naming import clean_name
from soakwatch.core.configuration import Configuration
from soakwatch.core.deploy import Deploy
from soakwatch.core.environment_variables import CONTINUES_VARIABLE
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE


def new_run_id(now: float) -> str:
    """An id that sorts by time, can be said aloud, and is not made twice: `20261123-154700-3f9a`."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def source_of(client_id: str) -> str:
    """Locust's client id (host name, underscore, UUID), shortened."""
    return client_id.rpartition("_")[2][:12]


def test_name(configuration: Configuration, environment: Environment) -> str:
    """The configured name of the test, else that of its locustfile."""
    return clean_name(configuration.test or Path(environment.locustfile or "locustfile").stem)


def describe_run(run: str, now: float, configuration: Configuration, environment: Environment) -> Run:
    """The run as it begins at `now`."""
    options = environment.parsed_options
    runner = environment.runner
    return Run(
        id=run,
        environment=configuration.environment,
        test=test_name(configuration, environment),
        start=now,
        users=runner.target_user_count if runner else 0,
        spawn_rate=float(getattr(options, "spawn_rate", None) or 0),
        host=clean_name(_without_credentials(environment.host or _hosts_of_users(environment))),
        version=configuration.version,
        commit=configuration.commit,
        locustfile=clean_name(environment.locustfile or ""),
        locustfile_hash=_hash_of(environment.parsed_locustfiles or ()),
        locust_version=locust.__version__,
        continues=os.environ.get(CONTINUES_VARIABLE, ""),
    )


def deploy_of(run: Run) -> list[Deploy]:
    """What the run says of what is tested: a version of the whole environment; nothing when it does not say."""
    if not (run.version or run.commit):
        return []
    return [Deploy(run.environment, WHOLE_SERVICE, run.start, run.version, run.commit, title=f"run {run.id}")]


def _hosts_of_users(environment: Environment) -> str:
    return ", ".join(sorted({user.host for user in environment.user_classes if user.host}))


def _without_credentials(host: str) -> str:
    return re.sub(r"(?<=://)[^/\s]*@", "", host)


def _hash_of(files: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(Path(file).read_bytes())
        except OSError:
            return ""
    return digest.hexdigest()[:12]
