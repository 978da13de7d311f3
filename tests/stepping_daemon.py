"""A daemon in a process of its own that does one step whenever it is told a time, and says what came of it.

Each line of its input is a time, or `hold` and a time: then it takes the lease, begins, says `held`, and goes on when
it is told the next time, as a process does that was stopped in between.
It answers `done`, `waits` while another one works, or `lost` where another one has taken over meanwhile.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from subprocess import PIPE, Popen

from pydantic import SecretStr
from whole_daemon import Surfaces, WholeDaemon, a_whole_daemon

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import DetectorSection, LedgerSection
from soakwatch.core.errors import LeaseLost, StoreUnavailable
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.store_settings import StoreSection
from soakwatch.scheduler.tenure import Tenure
from soakwatch.scheduler.tick import Progress
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import create_store

SETTINGS = DetectorSection(learning=0.5, history=2.0)


@dataclass(frozen=True)
class Place:
    """Where a daemon works: the store's file, the ledger's URL, the surfaces."""

    store: Path
    ledger: str
    surfaces: Surfaces

    @property
    def configuration(self) -> Configuration:
        return Configuration(
            environment="staging",
            store=StoreSection(path=self.store),
            detector=SETTINGS,
            ledger=LedgerSection(url=SecretStr(self.ledger)),
        )


@dataclass
class Stepping:
    """The process, as a test sees it. `name` is how the lease names it, and how PostgreSQL knows its connections."""

    name: str
    process: "Popen[str]"

    @classmethod
    def started(cls, name: str, place: Place) -> "Stepping":
        """Begin; it is ready when it first answers."""
        told = json.dumps({"name": name, **asdict(place), "store": str(place.store)})
        folder = str(Path(__file__).parent)
        process = Popen([sys.executable, __file__, told], stdin=PIPE, stdout=PIPE, text=True, cwd=folder)
        return cls(name, process)

    def begin(self, now: float) -> None:
        """Let it do a step; `answer` waits for its end."""
        self._say(f"{now}")

    def hold(self, now: float) -> str:
        """Let it take the lease and stop there; what it says."""
        self._say(f"hold {now}")
        return self.answer()

    def go_on(self, now: float) -> str:
        """Let one that is held end its step; what came of it."""
        self._say(f"{now}")
        return self.answer()

    def answer(self) -> str:
        """What came of the step."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """As by kill -9."""
        self.process.kill()
        self.process.communicate()

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


def main(told: str) -> None:
    """Do what is asked, until nobody asks any more."""
    asked = json.loads(told)
    place = Place(Path(asked["store"]), asked["ledger"], Surfaces(**asked["surfaces"]))
    with _opened(asked["name"], place) as (daemon, clock):
        for line in sys.stdin:
            word, _, moment = line.strip().rpartition(" ")
            clock.now = float(moment)
            _say(_stepped(daemon, clock.now, _Hold(clock).look if word else _look_at_nothing))


@dataclass
class _Clock:
    """Shows what it was set to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def _opened(name: str, place: Place) -> Iterator[tuple[WholeDaemon, "_Clock"]]:
    clock = _Clock()
    named = replace(place, ledger=f"{place.ledger}?application_name={name}").configuration
    with create_ledger(named) as ledger, create_store(named) as store:
        tenure = Tenure(ledger, MINUTE, name, clock)
        with a_whole_daemon(named, store, ledger, place.surfaces, tenure) as daemon:
            yield daemon, clock


def _stepped(daemon: WholeDaemon, now: float, progress: Progress) -> str:
    try:
        daemon.step(now, progress)
    except LeaseLost:
        return "lost"
    except StoreUnavailable:
        return "waits"
    return "done"


@dataclass
class _Hold:
    """Stops in the middle of detection, until it is told a time."""

    clock: "_Clock"
    is_over: bool = False

    def look(self, what: str, _done: float, _all: float) -> None:
        if what == "detecting" and not self.is_over:
            self.is_over = True
            _say("held")
            self.clock.now = float(sys.stdin.readline())


def _look_at_nothing(_what: str, _done: float, _all: float) -> None:
    """For a step that goes on."""


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
