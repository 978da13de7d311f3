"""Fixtures that several test modules share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from influxd_process import Server
from influxdb_server import the_server
from locust_runs import Bench, target
from stores import IMPLEMENTATIONS, Implementation

from soakwatch.store.contract import WindowStore


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
    own = tmp_path_factory.getbasetemp()
    with the_server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


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
    if report.skipped and os.environ.get("CI") and any(map(item.get_closest_marker, ("processes", "influxdb"))):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
