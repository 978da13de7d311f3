"""A `docker` for tests: it writes down how it was called, and executes a container's command on this machine.

It understands of each command what soakwatch uses, and refuses the rest as Docker does. Mounted places in the
arguments and the environment become the paths that they stand for, so that results really appear on the host.
What Docker says and its exit codes are Docker's own (28.2). SOAKWATCH_TEST_TROUBLE makes it fail.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile import entrypoint, last, read_instructions

IMAGE_ID = "sha256:5c1ea7ab1e"
NOT_REACHED = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NO_SPACE = (
    "docker: Error response from daemon: mkdir /var/lib/docker/overlay2/4f2a-init: no space left on device\n\n"
    "Run 'docker run --help' for more information"
)

WITH_VALUES = {
    "version": {"--format"},
    "image inspect": {"--format"},
    "run": {"--name", "--network", "--user", "--volume", "--env"},
    "stop": {"-t"},
    "rm": set(),
    "build": {"--file", "--tag"},
}
WITHOUT_VALUES = {"run": {"--rm"}, "rm": {"-f"}}


@dataclass
class Call:
    """A command line, taken apart as Docker does: options end where the image or container is named."""

    command: str
    options: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def one(self, option: str) -> str:
        (value,) = self.options[option]
        return value


def parse(words: Sequence[str]) -> Call:
    """Take a command line apart; ends as Docker does for what it does not know."""
    left = list(words)
    name = left.pop(0)
    if name == "image":
        name += f" {left.pop(0)}"
    if name not in WITH_VALUES:
        fail(1, f"docker: '{name}' is not a docker command.")
    call = Call(name)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option in WITH_VALUES[name]:
            call.options.setdefault(option, []).append(left.pop(0))
        elif option in WITHOUT_VALUES.get(name, set()):
            call.options[option] = []
        else:
            fail(125, f"unknown flag: {option}")
    call.rest = left
    return call


def fail(code: int, message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.exit(code)


def folder() -> Path:
    return Path(os.environ["SOAKWATCH_TEST_DOCKER"])


def trouble() -> str:
    return os.environ.get("SOAKWATCH_TEST_TROUBLE", "")


def container(name: str) -> Path:
    """Where the process of a running container is written down."""
    return folder() / f"{name}.container"


def main(words: Sequence[str]) -> int:
    with (folder() / "calls.jsonl").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(words) + "\n")
    call = parse(words)
    if trouble() == "no daemon":
        fail(1, NOT_REACHED)
    if trouble() == "hangs" and call.command in {"stop", "rm"}:
        time.sleep(600)
    return {
        "version": version, "image inspect": inspect, "run": run, "stop": stop, "rm": remove, "build": build
    }[call.command](call)  # fmt: skip


def version(_: Call) -> int:
    sys.stdout.write("28.2.2\n")
    return 0


def inspect(call: Call) -> int:
    if trouble() == "no image":
        fail(1, f"Error response from daemon: No such image: {call.rest[0]}:latest")
    sys.stdout.write(f"{IMAGE_ID}\n")
    return 0


def build(call: Call) -> int:
    return 0 if Path(call.one("--file")).is_file() and Path(call.rest[0]).is_dir() else 1


def run(call: Call) -> int:
    assert set(call.options) >= {"--rm", "--name", "--network", "--user", "--volume"}
    _image, *arguments = call.rest
    mounts = read_mounts(call.options["--volume"])
    scenario = arguments[arguments.index("--scenario") + 1]
    if trouble() == f"no space for {scenario}":
        fail(125, NO_SPACE)
    if trouble() == f"exit 1 of {scenario}":
        fail(1, "ModuleNotFoundError: No module named 'faker'")
    if trouble() == f"slow start of {scenario}":
        time.sleep(2)
    if trouble() == f"late container of {scenario}":
        # the daemon goes on with what it was asked for when the program that asked is gone
        made_later = f"import time; time.sleep(2); open({str(container(call.one('--name')))!r}, 'w').close()"
        subprocess.Popen([sys.executable, "-c", made_later], start_new_session=True)
        time.sleep(600)
    instructions = read_instructions()
    command = [sys.executable, *entrypoint(instructions)[1:], *(on_host(word, mounts) for word in arguments)]
    process = subprocess.Popen(
        command,
        env=environment_of(call, mounts),
        cwd=mounts[last("WORKDIR", instructions)],
        start_new_session=True,
    )
    running = container(call.one("--name"))
    running.write_text(str(process.pid), encoding="utf-8")
    if trouble() == f"killed in {scenario}":
        time.sleep(4)
        process.kill()
    code = process.wait()
    running.unlink(missing_ok=True)
    return 128 - code if code < 0 else code


def read_mounts(volumes: Sequence[str]) -> dict[str, str]:
    mounts = {}
    for volume in volumes:
        source, place, *mode = volume.split(":")
        assert mode in ([], ["ro"]), volume
        assert Path(source).is_absolute(), volume
        assert Path(source).exists(), volume
        mounts[place] = source
    return mounts


def on_host(word: str, mounts: Mapping[str, str]) -> str:
    """`word` with the mounted places in it as the paths that they stand for."""
    for place, source in mounts.items():
        word = re.sub(rf"(?<![^,=]){re.escape(place)}(?=/|,|$)", source.replace("\\", r"\\"), word)
    return word


def environment_of(call: Call, mounts: Mapping[str, str]) -> dict[str, str]:
    """What the container sees: nothing of ours but what was passed."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp"}  # noqa: S108  (the image's home)
    for setting in call.options.get("--env", []):
        key, separator, value = setting.partition("=")
        environment[key] = on_host(value, mounts) if separator else os.environ[key]
    return environment


def stop(call: Call) -> int:
    return end(call.rest[0], getattr(signal, last("STOPSIGNAL", read_instructions())), float(call.one("-t")))


def remove(call: Call) -> int:
    running = container(call.rest[0])
    if not running.exists():
        fail(1, f"Error response from daemon: No such container: {call.rest[0]}")
    # one that was made and not started has no process
    if process := running.read_text(encoding="utf-8"):
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    running.unlink(missing_ok=True)
    sys.stdout.write(f"{call.rest[0]}\n")
    return 0


def end(name: str, number: int, patience: float) -> int:
    """Send the signal, wait until the container is gone, and kill it where it is not."""
    running = container(name)
    if not running.exists():
        fail(1, f"Error response from daemon: No such container: {name}")
    process = int(running.read_text(encoding="utf-8"))
    with suppress(ProcessLookupError):
        os.kill(process, number)
    deadline = time.monotonic() + patience
    while running.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if running.exists():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
