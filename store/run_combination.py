"""Combination: Locust runs of different services at one time, as the one run that they were meant to be."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from soakwatch.core.errors import UsageError
from soakwatch.core.run import Run
from soakwatch.core.run_summary import EndpointTotals, RunTotals
from soakwatch.core.series import Series

_Value = TypeVar("_Value")


def combine_runs(named: Sequence[tuple[str, RunTotals]]) -> RunTotals:
    """Make one run of several, each with the name that messages call it by.

    They are of one environment and test, and have no endpoint in common. The id of the whole names them all; what they
    differ in, as the number of users, is not known of it. Raises UsageError that names the endpoint and both runs where
    two have one in common, ValueError without runs.
    """
    if not named:
        raise ValueError("there is no run to make one of")
    endpoints: dict[Series, EndpointTotals] = {}
    owners: dict[Series, str] = {}
    for name, run in named:
        for series, totals in run.endpoints.items():
            if series in owners:
                raise UsageError(
                    f"{series} is in {owners[series]} and in {name}; metrics are of one run: give the files of one, or "
                    "of several that have no endpoint in common"
                )
            endpoints[series] = totals
            owners[series] = name
    return RunTotals(_combined([run.run for _, run in named]), endpoints)


def _combined(parts: Sequence[Run]) -> Run:
    starts = [part.start for part in parts]
    ends = [part.end for part in parts if part.end is not None]
    return replace(
        parts[0],
        id="+".join(sorted(part.id for part in parts)),
        start=min(starts) if all(starts) else 0.0,
        end=max(ends) if len(ends) == len(parts) else None,
        users=_common((part.users for part in parts), 0),
        spawn_rate=_common((part.spawn_rate for part in parts), 0.0),
        host=_common((part.host for part in parts), ""),
        locust_version=_common((part.locust_version for part in parts), ""),
    )


def _common(values: Iterable[_Value], otherwise: _Value) -> _Value:
    found = set(values)
    return found.pop() if len(found) == 1 else otherwise
