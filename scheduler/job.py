"""Jobs: what the daemon does again and again, each at its own times."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soakwatch.core.rhythm import Rhythm

Stopping = Callable[[], bool]
"""Whether what is under way should come to an end soon: the daemon was asked to stop.

Long work asks often: that is its sign of life.
"""


class Stopped(Exception):
    """Raised by work that came to an end early, because somebody asked the daemon to stop."""


Work = Callable[[float, Stopping], Sequence[str]]
"""Does what is due at a moment, and gives sentences on what went wrong though the rest was done; may raise."""


@dataclass(frozen=True, slots=True)
class Job:
    """`work` is done at the times of `rhythm`; it hangs when it shows no sign of life for `patience` seconds.

    One that is `exclusive` is done only by the daemon that holds the lease; the others by each daemon. Those of one
    `lane` share a thread, and are done one after the other; a job without one has a thread of its own.
    """

    name: str
    rhythm: Rhythm
    work: Work
    patience: float
    is_exclusive: bool = True
    lane: str = ""
    end: Callable[[], None] | None = None
    """What is done in its thread when the daemon ends."""
    jitter: float = 0.0
    """Seconds that it is put off at most, by lot: not all daemons should ask a server at the same moment."""
