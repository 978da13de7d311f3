"""Guard: what soakwatch does inside Locust must not change what Locust does."""

import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)


def quietly(work: Callable[..., None]) -> Callable[..., None]:
    """Keep exceptions of a listener or greenlet from Locust, whose exit code they would change."""

    def guarded(*arguments: Any, **named: Any) -> None:
        try:
            work(*arguments, **named)
        except Exception:
            logger.exception("soakwatch had a problem; the load test is not affected")

    return guarded
