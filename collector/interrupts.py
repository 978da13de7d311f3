"""Interrupts: a Ctrl-C that reaches a worker when its master has told it to quit already."""

import signal
from types import FrameType


def forgive_one_interrupt() -> None:
    """Let the next SIGINT pass without effect; the one after that interrupts as ever.

    On a terminal, Ctrl-C reaches the master and its workers alike. The master's "quit" may come first, and then the
    signal falls into a shutdown that is on its way anyway, where Python would end the process with an error.
    """
    usual = signal.getsignal(signal.SIGINT)

    def forgive(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, forgive)
