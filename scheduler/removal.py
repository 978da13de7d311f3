"""Removal: a container that has to go, asked for as often as it takes until it is known to be gone."""

import subprocess
import time
from contextlib import suppress
from enum import Enum, auto

_SECONDS_TO_ANSWER = 5.0
_SECONDS_TO_FOLLOW = 5.0
"""Until `docker run` has ended, with the container's exit code, after its container has."""

_SECONDS_TO_APPEAR = 5.0
"""Until a container is there that `docker run` had asked for when it was killed."""

_SECONDS_TO_GO = 20.0
_INTERVAL = 0.25


class _Answer(Enum):
    REMOVED = auto()
    ABSENT = auto()
    NONE = auto()


def remove_container(program: str, name: str, client: "subprocess.Popen[bytes]") -> str:
    """Remove the container `name`, which `client` runs, and end `client`; within half a minute, whatever Docker does.

    Gives what is left and what to do about it, as a sentence; nothing when the container is known to be gone.
    """
    answer = _ask_to_remove(program, name)
    if answer is _Answer.REMOVED:
        with suppress(subprocess.TimeoutExpired):
            client.wait(_SECONDS_TO_FOLLOW)
    client.kill()
    if answer is _Answer.REMOVED or _is_gone_in_time(program, name):
        return ""
    return f"Docker did not remove the container {name}, which may go on; see to it with `{program} rm -f {name}`"


def _is_gone_in_time(program: str, name: str) -> bool:
    """Whether the container was removed, or has not appeared although its client is gone for long enough."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < _SECONDS_TO_GO:
        answer = _ask_to_remove(program, name)
        if answer is _Answer.REMOVED or (answer is _Answer.ABSENT and passed > _SECONDS_TO_APPEAR):
            return True
        time.sleep(_INTERVAL)
    return False


def _ask_to_remove(program: str, name: str) -> _Answer:
    try:
        answer = subprocess.run(  # noqa: S603  (the user's docker)
            [program, "rm", "-f", name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_ANSWER,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _Answer.NONE
    if answer.returncode == 0 and answer.stdout.strip():
        return _Answer.REMOVED
    # some versions count a container that is not there as a success of -f, others do not
    absent = answer.returncode == 0 or "no such container" in answer.stderr.lower()
    return _Answer.ABSENT if absent else _Answer.NONE
