"""The contract of a load generator: what every place promises that Locust can run in."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.scheduler.readiness import without_credentials
from soakwatch.scheduler.scenario import SizedScenario
from soakwatch.scheduler.scenario_files import ScenarioFiles
from soakwatch.store.execution_metadata import ExecutionKind

SHAPE_FILE = Path(__file__).with_name("scenario_shape.py").absolute()


@dataclass(frozen=True, slots=True)
class Site:
    """What is tested with what, and where that leaves its traces.

    `test` begins the name of each scenario's test in the store. `folder` takes the results, a folder for each scenario.
    `keeping` names the store that keeps the runs, `configuration` is the configuration file where there is one. Paths
    are absolute.
    """

    host: str
    locustfile: Path
    folder: Path
    test: str
    keeping: Configuration
    configuration: Path | None = None

    def files_of(self, sized: SizedScenario) -> ScenarioFiles:
        """Locust's files of one scenario."""
        return ScenarioFiles(self.folder / sized.name, sized.name)

    def test_of(self, sized: SizedScenario) -> str:
        """The name of one scenario's test: its runs compare with runs of the same scenario only."""
        return f"{self.test}-{sized.name}"


class Generator(ABC):
    """Where Locust runs. A process that `command` starts ends when its Locust does, and not before."""

    kind: ExecutionKind
    image: str | None = None

    @abstractmethod
    def check(self) -> None:
        """Raise ServiceUnavailable when Locust could not be started here, with what to do about it."""

    @abstractmethod
    def command(self, sized: SizedScenario) -> Sequence[str]:
        """What runs `sized`."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The environment of that command."""

    @abstractmethod
    def store_of(self, sized: SizedScenario) -> Configuration:
        """Names the store that the run goes to while it lasts."""

    @abstractmethod
    def ask_to_stop(self, process: "subprocess.Popen[bytes]", sized: SizedScenario) -> None:
        """Let Locust finish what it counts and write its files; returns at once. May be called again."""

    @abstractmethod
    def kill(self, process: "subprocess.Popen[bytes]", sized: SizedScenario) -> str:
        """End Locust at once, so that nothing of it is left. Nothing happens when it has ended.

        Comes back within a minute, and gives as a sentence what could not be ended; nothing when all has.
        """

    @abstractmethod
    def explain(self, code: int) -> str:
        """What the exit code of the command says went wrong, as the beginning of a sentence."""


@dataclass(frozen=True, slots=True)
class Places:
    """The files of a scenario, as its Locust sees them; `results` is a folder."""

    shape: str
    locustfile: str
    results: str


def locust_arguments(sized: SizedScenario, site: Site, places: Places) -> list[str]:
    """Locust's arguments for one scenario. A failed request is a result, not an error of Locust's."""
    files = f"{places.results}/{sized.name}"
    return [
        *("--locustfile", f"{places.shape},{places.locustfile}", "--host", site.host, "--headless", "--only-summary"),
        *("--csv", files, "--csv-full-history", "--json-file", files, "--exit-code-on-error", "0"),
        *("--scenario", sized.name, "--scenario-seconds", f"{sized.seconds:g}", "--scenario-users", str(sized.users)),
        *("--soakwatch-test", site.test_of(sized)),
        *sized.scenario.user_classes,
    ]


def presentable(command: Sequence[str]) -> list[str]:
    """The command for people and files: without the user and password that an address may hold."""
    return [without_credentials(word) if "://" in word else word for word in command]
