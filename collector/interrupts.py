"""Interrupts: Ctrl-C at a moment when it does no harm.

Python raises KeyboardInterrupt wherever it is: in the middle of a request that Locust has counted and we have not, or
in a greenlet whose death becomes an exit code. Here the first one waits until no greenlet is at work.
"""

import signal
from types import FrameType

import gevent


def deliver_interrupts_in_order() -> None:
    """Let the next SIGINT reach the main greenlet as a KeyboardInterrupt, as ever, but between two greenlets' turns.

    The one after that interrupts wherever it falls. Handlers that somebody has set are left alone.
    """
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler:
        return
    hub = gevent.get_hub()

    def deliver(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        hub.loop.run_callback_threadsafe(hub.handle_system_error, KeyboardInterrupt, KeyboardInterrupt())

    signal.signal(signal.SIGINT, deliver)


def forgive_one_interrupt() -> None:
    """Let the next SIGINT pass without effect; the one after that interrupts as ever.

    On a terminal, Ctrl-C reaches the master and its workers alike. The master's "quit" may come first, and then the
    signal falls into a shutdown that is on its way anyway, where Python would end the process with an error.
    """
    usual = signal.getsignal(signal.SIGINT)

    def forgive(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, forgive)
