"""The real command line as a process, and stores for it to look at."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.series import Series
from soakwatch.core.window import LoadSample, Window
from soakwatch.store.sqlite import SqliteStore

FOR_EVER = {"SOAKWATCH_RETENTION__RAW": "0", "SOAKWATCH_RETENTION__TEN_MINUTES": "0"}
"""What tests tell of past runs are on fixed days, which are longer and longer ago."""


def soakwatch(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `soakwatch ARGUMENTS` in `folder`."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SOAKWATCH_", "GITHUB_"))}
    return subprocess.run(
        [sys.executable, "-m", "soakwatch.cli.main", *arguments],
        cwd=folder,
        env={**clean, "COLUMNS": "160", **FOR_EVER, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass(frozen=True)
class PastRun:
    """A run as it could have been: windows of 10 seconds with so many requests each, lognormal around `median` ms."""

    id: str
    start: float
    median: float = 50.0
    endpoints: tuple[str, ...] = ("/query",)
    windows: int = 30
    requests: int = 100
    test: str = "nightly"

    def write(self, store: SqliteStore) -> None:
        """Put it into a store."""
        store.write([self.run, *self._points()])

    @property
    def run(self) -> Run:
        """Its metadata."""
        total = self.windows * self.requests * len(self.endpoints)
        return Run(
            self.id,
            "staging",
            self.test,
            self.start,
            self.start + 10 * self.windows,
            users=10,
            outcome=Outcome.FINISHED,
            reconciled=Reconciliation(total, total, total),
        )

    def _points(self) -> Iterator[Window | LoadSample]:
        chance = random.Random(self.id)
        for number in range(self.windows):
            start = self.start + 10 * number
            yield LoadSample("staging", self.test, self.id, "one", start, 10, 10, 20.0, saturated=False)
            for endpoint in self.endpoints:
                times = [chance.lognormvariate(0, 0.25) * self.median for _ in range(self.requests)]
                series = Series("staging", self.test, "rag_service", "POST", endpoint)
                yield Window(
                    series, self.id, "one", start, 10, self.requests, 0, sum(times), 0, min(times), max(times),
                    Histogram.of(times),
                )  # fmt: skip


def store_with(folder: Path, *runs: PastRun) -> Path:
    """A store in `folder` that holds `runs`."""
    path = folder / "soakwatch.db"
    with SqliteStore.create(path) as store:
        for run in runs:
            run.write(store)
    return path
