"""The host as load generator: Locust as a process of this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from soakwatch.core.configuration import Configuration
from soakwatch.core.environment_variables import FILE_VARIABLE
from soakwatch.core.errors import UsageError
from soakwatch.scheduler.generator import SHAPE_FILE, Generator, Places, Site, locust_arguments
from soakwatch.scheduler.scenario import SizedScenario
from soakwatch.store.execution_metadata import ExecutionKind


class HostGenerator(Generator):
    """Locust with the plugin, by the Python that runs this."""

    kind = ExecutionKind.HOST

    def __init__(self, site: Site) -> None:
        self._site = site
        self._asked: set[int] = set()

    def check(self) -> None:
        """Locust is a dependency of ours, so that it is always here; raises UsageError for paths it would split."""
        for path in (SHAPE_FILE, self._site.locustfile):
            if "," in str(path):
                raise UsageError(f"{path}: Locust takes a comma for the end of a file name; use a path without one")

    def command(self, sized: SizedScenario) -> Sequence[str]:
        """What runs `sized`."""
        places = Places(str(SHAPE_FILE), str(self._site.locustfile), str(self._site.files_of(sized).folder))
        arguments = locust_arguments(sized, self._site, places)
        return [sys.executable, "-m", "soakwatch.collector.launcher", *arguments]

    def environment(self) -> Mapping[str, str]:
        """That of this process, without what would change a scenario."""
        ours = dict(self._site.keeping.store.variables)
        if self._site.configuration is not None:
            ours[FILE_VARIABLE] = str(self._site.configuration)
        return {**{key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}, **ours}

    def store_of(self, sized: SizedScenario) -> Configuration:  # noqa: ARG002  (the same for all)
        """The store itself."""
        return self._site.keeping

    def ask_to_stop(self, process: "subprocess.Popen[bytes]", sized: SizedScenario) -> None:  # noqa: ARG002  (the contract)
        """Send SIGINT once: a second one would interrupt Locust while it writes its files."""
        if process.pid not in self._asked:
            self._asked.add(process.pid)
            process.send_signal(signal.SIGINT)

    def kill(self, process: "subprocess.Popen[bytes]", sized: SizedScenario) -> str:  # noqa: ARG002  (the same)
        """Kill the process, and those that its locustfile may have started beside it."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return ""

    def explain(self, code: int) -> str:
        """What the exit code says."""
        if code < 0:
            return f"Locust was ended by {signal.Signals(-code).name}"
        return f"Locust ended with exit code {code}"
