"""A real InfluxDB for all tests of a session, whatever the number of processes that they run in."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from math import inf
from pathlib import Path
from uuid import uuid4

import pytest
from influxd_process import PROGRAM, InfluxdProcess, Server
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from pydantic import SecretStr
from session_server import keep, told_by_server

from soakwatch.core.retention import FOR_EVER, Retention
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.influx_buckets import Buckets
from soakwatch.store.influxdb import InfluxStore

_VARIABLE = "SOAKWATCH_TEST_INFLUXDB_"
_A_CENTURY = 3_155_760_000
"""Seconds that one file of a test's bucket covers: its points are of any time, and a week each would be thousands."""


@contextmanager
def the_server(shared: Path) -> Iterator[Server]:
    """The server that SOAKWATCH_TEST_INFLUXDB_URL (.._ORG, .._TOKEN) names, else one of our own.

    `shared` is a folder that all processes of the session have in common; ours ends with the session.
    """
    if f"{_VARIABLE}URL" in os.environ:
        yield Server(*(os.environ[_VARIABLE + name] for name in ("URL", "ORG", "TOKEN")))
        return
    if not PROGRAM.exists():
        pytest.skip(f"no {PROGRAM} (tests/install-influxd makes it in 8 minutes), and no {_VARIABLE}URL")
    yield Server(**json.loads(told_by_server(shared, "influxdb", __file__)))


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    with InfluxdProcess.running(folder) as running:
        yield json.dumps(asdict(running.server))
    shutil.rmtree(folder, ignore_errors=True)


def section_of(server: Server, bucket: str) -> StoreSection:
    token = SecretStr(server.token)
    return StoreSection(kind=StoreKind.INFLUXDB, url=server.url, org=server.org, bucket=bucket, token=token)


@contextmanager
def new_bucket(server: Server) -> Iterator[str]:
    """The name of a new, empty store that keeps everything."""
    name = f"test {uuid4().hex}".replace(" ", "-")
    with InfluxDBClient(server.url, server.token, org=server.org) as client:
        rules = [BucketRetentionRules("expire", 0, _A_CENTURY)]
        made = [
            client.buckets_api().create_bucket(bucket_name=one.name, retention_rules=rules, org=server.org)
            for one in Buckets.of(name, FOR_EVER)
        ]
        yield name
        for one in made:
            client.buckets_api().delete_bucket(one)


def open_influx(address: str) -> InfluxStore:
    """Open the store that a file describes: its server and its bucket."""
    described = json.loads(Path(address).read_text())
    return InfluxStore.connect(section_of(Server(**described["server"]), described["bucket"]), Retention(inf, inf, inf))


def describe(server: Server, bucket: str, folder: Path) -> str:
    """Write the file that `open_influx` reads; tokens stay out of command lines."""
    file = folder / "store.json"
    file.write_text(json.dumps({"server": asdict(server), "bucket": bucket}))
    return str(file)


if __name__ == "__main__":
    keep(_running)
