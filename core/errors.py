"""Errors.

    SoakwatchError
      UsageError            2   what the user gave is wrong; the message says where, and what would be right
        ConfigurationError  2   a key or a value of the configuration is wrong
        UnknownRun          2   no run has this id
      StoreError            3
        StoreUnavailable    3   a later try may succeed, perhaps after somebody has mended the store
        StoreRefused        3   this payload will never be taken
          LeaseLost         3   another daemon has taken over; what this one would write is out of date
      SurfaceError          3   GitHub or Grafana did not do what was asked
        SurfaceUnavailable  3   a later try may succeed; what was asked for may have been done all the same
        SurfaceRefused      3   it never will, before somebody has mended what the message names
      ServiceUnavailable    3   a process or service that is needed does not answer

The other exit codes: 0 fine, 1 a regression was found, 4 undecided.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a command tells the shell."""

    FINE = 0
    REGRESSION = 1
    USAGE = 2
    UNREACHABLE = 3
    UNDECIDED = 4


class SoakwatchError(Exception):
    """Base of all errors that soakwatch raises on purpose; `str()` of it is a sentence for the user."""

    exit_code: ClassVar[ExitCode]


class UsageError(SoakwatchError):
    """What the user gave is wrong; the message says where, and what would be right."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """A key or a value of the configuration is wrong."""


class UnknownRun(UsageError):
    """No run has this id; the message lists those that exist."""


class StoreError(SoakwatchError):
    """The store did not take or give what was asked."""

    exit_code = ExitCode.UNREACHABLE


class StoreUnavailable(StoreError):
    """A later try may succeed, perhaps after somebody has mended the store: locked, disk full, no bucket, no rights.

    `retry_after` is how many seconds the store asked to be left alone; None when it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreRefused(StoreError):
    """This payload will never be taken, whatever happens to the store."""


class LeaseLost(StoreRefused):
    """Another daemon has taken over; what this one would write is out of date."""


class SurfaceError(SoakwatchError):
    """GitHub or Grafana did not do what was asked."""

    exit_code = ExitCode.UNREACHABLE

    @property
    def is_doubtful(self) -> bool:
        """Whether it may have been done all the same."""
        return False


class SurfaceUnavailable(SurfaceError):
    """A later try may succeed. Whether it was done all the same cannot be told, unless it asks for patience.

    `retry_after` is how many seconds the surface asked to be left alone: then nothing was done. None when it did not.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def is_doubtful(self) -> bool:
        """Whether it may have been done all the same."""
        return self.retry_after is None


class SurfaceRefused(SurfaceError):
    """Nothing was done, and nothing will be before somebody has mended what the message names."""


class ServiceUnavailable(SoakwatchError):
    """A process or service that is needed, other than the store, does not answer."""

    exit_code = ExitCode.UNREACHABLE
