"""Fixtures that several test modules share."""

from collections.abc import Iterator
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
