"""Beside: work that is done while this thread goes on with something else."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def beside(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T]:
    """Do `work` in a thread of its own.

    A process that ends does not wait for it, as it would for that of an executor: a server may never answer.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as error:  # noqa: BLE001  (raised again where the result is asked for)
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
