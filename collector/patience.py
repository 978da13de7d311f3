"""Patience: work for a store is tried until it succeeds, at moments that do not make its trouble worse."""

import random
from collections.abc import Callable

import gevent
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from soakwatch.core.errors import StoreUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries; doubled each time, with jitter."""

LONGEST_REQUEST = 300.0
"""Seconds for which a store may ask to be left alone; one that asks for more is tried then all the same."""


def until_done(work: Callable[[], None], failed: Callable[[Exception], None]) -> None:
    """Do `work` again and again until it raises nothing, letting other greenlets run; each failure is told first."""

    def tell(state: RetryCallState) -> None:
        failed(_error(state))

    Retrying(retry=retry_if_exception_type(Exception), wait=_pause, sleep=gevent.sleep, before_sleep=tell)(work)


def requested_pause(error: Exception) -> float:
    """Seconds for which the store asked to be left alone."""
    asked = error.retry_after if isinstance(error, StoreUnavailable) else None
    return min(asked or 0.0, LONGEST_REQUEST)


def _pause(state: RetryCallState) -> float:
    # jitter (no secret) also behind what the store asked for: all workers were told the same moment
    own = wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state) * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)
    asked = requested_pause(_error(state))
    return max(own, asked + random.uniform(0.0, FIRST_PAUSE)) if asked else own  # noqa: S311  (not for secrets)


def _error(state: RetryCallState) -> Exception:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Exception):
        raise TypeError("nothing failed, so there is nothing to try again")
    return error
