"""Fixtures that several test modules share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import postgresql_server
import pytest
from influxd_process import Server
from influxdb_server import the_server
from locust_runs import Bench, target
from stores import IMPLEMENTATIONS, Implementation

from soakwatch.store.contract import WindowStore

REAL_PARTS = ("processes", "influxdb", "postgresql", "browser", "npm", "systemd")
"""Marks of tests that need something real, which may be missing elsewhere than in CI."""


@pytest.fixture(scope="session")
def host() -> Iterator[str]:
    with target() as address:
        yield address


@pytest.fixture
def bench(tmp_path: Path, host: str) -> Iterator[Bench]:
    made = Bench(tmp_path, host)
    yield made
    made.close()


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with the_server(of_session(tmp_path_factory)) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> str:
    return postgresql_server.the_server(of_session(tmp_path_factory))


def of_session(folders: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the session have in common."""
    own = folders.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(params=[pytest.param(name, marks=one.marks) for name, one in IMPLEMENTATIONS.items()])
def implementation(request: pytest.FixtureRequest) -> Implementation:
    return IMPLEMENTATIONS[request.param]


@pytest.fixture
def address(implementation: Implementation, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with implementation.new(tmp_path, request) as address:
        yield address


@pytest.fixture
def store(implementation: Implementation, address: str) -> Iterator[WindowStore]:
    with implementation.open(address) as opened:
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test with real parts be skipped in CI: what it promises would not be held there."""
    report = yield
    if report.skipped and os.environ.get("CI") and any(map(item.get_closest_marker, REAL_PARTS)):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
