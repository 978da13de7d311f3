"""Stop signals: SIGINT and SIGTERM, noticed at once also while the main thread is in a call that does not return."""

import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM)


def on_stop_signal(stop: Callable[[], None]) -> None:
    """From now on the first SIGINT or SIGTERM calls `stop`, in a thread, and the next one ends the process at once.

    `stop` may be called more than once. Python runs a handler only between two steps of the main thread, which a ledger
    that is locked keeps from its next step for seconds; what C writes down of a signal can be read meanwhile
    (docs.python.org/3/library/signal.html, set_wakeup_fd). Only the main thread can call this.
    """
    read, written = socket.socketpair()
    written.setblocking(False)

    def listen() -> None:
        with read, written:  # for as long as C may write to it
            while True:
                if read.recv(1)[0] in _ASKING:
                    stop()

    for number in _ASKING:
        signal.signal(number, _leave_the_next_to_the_system)
    signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=listen, daemon=True, name="signals").start()


def _leave_the_next_to_the_system(_number: int, _frame: FrameType | None) -> None:
    for each in _ASKING:
        signal.signal(each, signal.SIG_DFL)
