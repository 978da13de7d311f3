"""Soaks with real Locust processes, kept by a keeper that tests drive, for tests."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from locust_runs import LOCUSTFILE

from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.environment_variables import SOAK_FOLDER_VARIABLE
from soakwatch.core.run import Run
from soakwatch.scheduler.soak_book import Wish, note_wish
from soakwatch.scheduler.soak_keeper import SoakKeeper
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import open_store

NAME = "staging"

KEEPER = """
import sys, time
from pathlib import Path
from soakwatch.core.configuration_file import load_configuration
from soakwatch.scheduler.soak_keeper import SoakKeeper
from soakwatch.store.ledger_opening import create_ledger

configuration = load_configuration(Path("soakwatch.toml"))
with create_ledger(configuration) as ledger:
    keeper = SoakKeeper(configuration, ledger, Path("soakwatch.toml"))
    while True:
        keeper.keep(time.time(), lambda: False)
        time.sleep(0.5)
"""


@dataclass
class SoakBench:
    """A folder with users, a store and a ledger, in which one soak is kept; `window` is in seconds."""

    folder: Path
    host: str
    settings: Mapping[str, object] = field(default_factory=dict)
    window: float = 1.0
    leash: float = 180.0
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "users.py").write_text(LOCUSTFILE, encoding="utf-8")
        told = {"name": NAME, "locustfile": "users.py", "host": self.host, "users": 8, "rotate": "", **self.settings}
        lines = [f"{key} = {value!r}" for key, value in told.items()]
        head = ["[collector]", f"window = {self.window}", "[[soak]]"]
        (self.folder / "soakwatch.toml").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
        self.keeper = self.new_keeper()

    @property
    def configuration(self) -> Configuration:
        return load_configuration(self.folder / "soakwatch.toml")

    def new_keeper(self) -> SoakKeeper:
        """A keeper as a daemon has it that was just started."""
        self.ledger = create_ledger(self.configuration)
        return SoakKeeper(self.configuration, self.ledger, self.folder / "soakwatch.toml", leash=self.leash)

    def keep(self) -> SoakState:
        """One look of the keeper."""
        self.trouble += self.keeper.keep(time.time(), lambda: False)
        (state,) = self.keeper.states()
        return state

    def until(self, condition: Callable[[SoakState], bool], what: str, seconds: float = 60.0) -> SoakState:
        """Keep until a state is as it should be."""
        deadline = time.monotonic() + seconds
        while not condition(state := self.keep()):
            assert time.monotonic() < deadline, f"waited in vain for {what}: {state}\n{self.log}"
            time.sleep(0.3)
        return state

    def until_it_runs(self, but: str = "") -> SoakState:
        """Keep until requests of a run other than `but` are stored."""

        def runs(state: SoakState) -> bool:
            return bool(state.process and state.run not in {"", but} and self.stored(state.run))

        return self.until(runs, "a run")

    def wish(self, *, wanted: bool) -> None:
        with self.ledger.transaction() as work:
            note_wish(work, NAME, Wish(wanted, time.time()))

    def stored(self, run: str) -> int:
        if not self.configuration.store.path.exists():
            return 0
        with open_store(self.configuration) as store:
            return sum(store.requests_stored(run).values())

    def runs(self) -> list[Run]:
        with open_store(self.configuration) as store:
            return store.runs()

    def busy(self, run: str) -> tuple[float, float]:
        """From when to when a run made requests, by its windows."""
        with open_store(self.configuration) as store:
            windows = [window for window in store.windows(run) if window.count]
        return min(one.start for one in windows), max(one.start + one.width for one in windows)

    @property
    def log(self) -> str:
        log = self.files / "locust.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    @property
    def files(self) -> Path:
        return self.folder / "soakwatch-soak" / NAME

    def processes(self) -> list[psutil.Process]:
        """What lives of the soak, the oldest first; whoever keeps it is not among them."""
        found = []
        for one in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if one.status() != psutil.STATUS_ZOMBIE and one.environ().get(SOAK_FOLDER_VARIABLE) == str(self.files):
                    found.append(one)
        return sorted(found, key=lambda one: (one.create_time(), one.pid))

    @contextmanager
    def daemon(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A keeper in a process of its own."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SOAKWATCH_")}
        process = subprocess.Popen([sys.executable, "-c", KEEPER], cwd=self.folder, env=environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def close(self) -> None:
        self.ledger.close()
        for _ in range(3):
            for one in self.processes():
                with suppress(psutil.Error):
                    one.kill()
