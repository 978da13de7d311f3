"""Docker as load generator: Locust in a container of its own for each scenario."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.environment_variables import ENVIRONMENT_PREFIX, FILE_VARIABLE
from soakwatch.core.errors import ServiceUnavailable, UsageError
from soakwatch.scheduler.generator import SHAPE_FILE, Generator, Places, Site, locust_arguments
from soakwatch.scheduler.removal import remove_container
from soakwatch.scheduler.scenario import SizedScenario
from soakwatch.store.execution_metadata import ExecutionKind

IMAGE = "soakwatch-locust"
DOCKERFILE = Path("docker") / "Dockerfile.locust"
STORE = "soakwatch.db"

_RESULTS, _SHAPE, _LOCUSTFILES, _CONFIGURATION = "/results", "/scenario", "/locust", "/etc/soakwatch.toml"
_STORE_PREFIX = f"{ENVIRONMENT_PREFIX}STORE"
_SECONDS_TO_ANSWER = 30
_SECONDS_TO_BE_KILLED = 1
_SECONDS_TO_STOP = 30
"""After these, Docker kills a container that was asked to stop, whatever has become of us meanwhile."""

_EXPLANATIONS = {
    125: "Docker could not start the container (exit code 125)",
    126: "the image's command cannot be executed (exit code 126)",
    127: "the image's command was not found (exit code 127)",
    137: "the container was killed (exit code 137): by somebody, or because memory ran out",
}


class DockerGenerator(Generator):
    """Locust by `docker run` of an image that has it and the plugin.

    The network is the host's, the user is ours, so that what the container writes belongs to who started it. Results
    and store are in the scenario's folder on the host, mounted as /results. Nothing else of the host is visible but
    the locustfile and the configuration file, read-only. Settings reach the container as variables named, not spelt
    out, on the command line, where everybody could read their values.
    """

    kind = ExecutionKind.DOCKER

    def __init__(self, site: Site, image: str = IMAGE, program: str = "docker") -> None:
        self._site = site
        self._image = image
        self._program = program
        self._token = secrets.token_hex(3)
        self._stopping: dict[str, subprocess.Popen[bytes]] = {}

    def check(self) -> None:
        """Raise ServiceUnavailable without the program, its daemon or the image, UsageError for a path it would split.

        Afterwards `image` is the id of the image, and it is what runs, whatever its name is given to meanwhile.
        """
        for path in self._mounts(self._site.folder):
            if ":" in path:
                raise UsageError(f"{path}: Docker takes a colon for the end of a path; use a path without one")
        if "," in self._site.locustfile.name:
            raise UsageError(f"{self._site.locustfile}: Locust takes a comma for the end of a file name; rename it")
        require_daemon(self._program)
        self.image = image_id(self._program, self._image)

    def command(self, sized: SizedScenario) -> Sequence[str]:
        """What runs `sized`."""
        mounts = self._mounts(self._site.files_of(sized).folder).items()
        return [
            *(self._program, "run", "--rm", "--name", self._container(sized), "--network", "host"),
            *("--user", f"{os.getuid()}:{os.getgid()}"),
            *(word for path, place in mounts for word in ("--volume", f"{path}:{place}")),
            *(word for setting in self._settings() for word in ("--env", setting)),
            self.image or self._image,
            *locust_arguments(sized, self._site, self._places),
        ]

    @property
    def _places(self) -> Places:
        shape = f"{_SHAPE}/{SHAPE_FILE.name}"
        return Places(shape, f"{_LOCUSTFILES}/{self._site.locustfile.name}", _RESULTS)

    def _mounts(self, results: Path) -> Mapping[str, str]:
        mounts = {
            str(results): _RESULTS,
            str(self._site.locustfile): f"{self._places.locustfile}:ro",
            str(SHAPE_FILE): f"{self._places.shape}:ro",
        }
        if self._site.configuration is not None:
            mounts[str(self._site.configuration)] = f"{_CONFIGURATION}:ro"
        return mounts

    def _settings(self) -> list[str]:
        # not the store that keeps the runs, and none of its secrets: the run is copied there afterwards
        ours = {f"{_STORE_PREFIX}__KIND": "sqlite", f"{_STORE_PREFIX}__PATH": f"{_RESULTS}/{STORE}"}
        if self._site.configuration is not None:
            ours[FILE_VARIABLE] = _CONFIGURATION
        passed = [key for key in sorted(os.environ) if key.startswith(ENVIRONMENT_PREFIX)]
        named = [key for key in passed if key != FILE_VARIABLE and not key.startswith(_STORE_PREFIX)]
        return [*named, *(f"{key}={value}" for key, value in ours.items())]

    def _container(self, sized: SizedScenario) -> str:
        return f"soakwatch-{sized.name}-{self._token}"

    def environment(self) -> Mapping[str, str]:
        """That of this process: Docker finds its daemon by it."""
        return os.environ

    def store_of(self, sized: SizedScenario) -> Configuration:
        """A file in the scenario's folder, so that the run is on the host whatever becomes of the container."""
        file = self._site.files_of(sized).folder / STORE
        keeping = self._site.keeping
        return keeping.model_copy(update={"store": keeping.store.named(str(file))})

    def ask_to_stop(self, process: "subprocess.Popen[bytes]", sized: SizedScenario) -> None:
        """Let Docker stop the container, which it also does when we are killed meanwhile."""
        container = self._container(sized)
        asked = self._stopping.get(container)
        # a container that does not exist yet cannot be stopped: then the next call tries again
        if process.poll() is None and (asked is None or asked.poll() not in {None, 0}):
            self._stopping[container] = self._begin("stop", "-t", str(_SECONDS_TO_STOP), container)

    def kill(self, process: "subprocess.Popen[bytes]", sized: SizedScenario) -> str:
        """Remove the container; its `docker run` ends with it, unless somebody has killed that before."""
        container = self._container(sized)
        code = process.poll()
        left = remove_container(self._program, container, process) if code is None or code < 0 else ""
        asked = self._stopping.pop(container, None)
        if asked is not None:
            asked.kill()
            with suppress(subprocess.TimeoutExpired):
                asked.wait(_SECONDS_TO_BE_KILLED)
        return left

    def _begin(self, *words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603  (the user's docker)
            [self._program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def explain(self, code: int) -> str:
        """What the exit code says; Docker has some of its own, others are Locust's."""
        if code < 0:
            return f"`{self._program} run` was ended by {signal.Signals(-code).name}, and its container removed"
        return _EXPLANATIONS.get(code, f"Locust ended with exit code {code} in its container")


def require_daemon(program: str) -> None:
    """Raise ServiceUnavailable when there is no `program`, or no daemon that answers it."""
    if shutil.which(program) is None:
        raise ServiceUnavailable(f"there is no {program} on the PATH; install Docker, or leave out --docker")
    answer = _ask(program, "version", "--format", "{{.Server.Version}}")
    if answer.returncode:
        raise ServiceUnavailable(
            f"{program} does not reach its daemon: {_last_line(answer.stderr)}; start it, or leave out --docker"
        )


def image_id(program: str, image: str) -> str:
    """The id of `image`. Raises ServiceUnavailable when it is not there."""
    answer = _ask(program, "image", "inspect", "--format", "{{.Id}}", image)
    if answer.returncode:
        if "no such image" not in answer.stderr.lower():
            raise ServiceUnavailable(f"{program} does not say what {image} is: {_last_line(answer.stderr)}")
        raise ServiceUnavailable(
            f"there is no image {image}; in a clone of soakwatch, `soakwatch scenarios build --image {image}` makes it"
        )
    return answer.stdout.strip()


def build_command(program: str, image: str, context: Path) -> Sequence[str]:
    """What makes the image from the sources in `context`."""
    return [program, "build", "--file", str(context / DOCKERFILE), "--tag", image, str(context)]


def _ask(program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603  (the user's docker)
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceUnavailable(f"{program} {words[0]} does not work: {error}") from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why"
