"""Fixtures that several test modules share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from locust_runs import Bench, target


@pytest.fixture(scope="session")
def host() -> Iterator[str]:
    with target() as address:
        yield address


@pytest.fixture
def bench(tmp_path: Path, host: str) -> Iterator[Bench]:
    made = Bench(tmp_path, host)
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test with real processes be skipped in CI: what it promises would not be held there."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("processes"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
