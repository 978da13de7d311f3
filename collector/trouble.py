"""Trouble: what goes wrong again and again, said once when it begins and once when it ends."""

import logging

MOST_SENTENCES = 20
"""Different sentences that are logged of one trouble; a server that is restarted has a few."""


class Trouble:
    """What keeps one thing from working. Sentences are logged that were not yet since it last worked."""

    def __init__(self, logger: logging.Logger, when_over: str) -> None:
        """`when_over` is what to log when it works again."""
        self._logger = logger
        self._when_over = when_over
        self._said: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is trouble."""
        return bool(self._said)

    def note(self, sentence: str) -> None:
        """It did not work."""
        if sentence not in self._said and len(self._said) < MOST_SENTENCES:
            self._logger.warning("%s", sentence)
            self._said.add(sentence)

    def over(self) -> None:
        """It works."""
        if self._said:
            self._logger.info("%s", self._when_over)
            self._said.clear()
