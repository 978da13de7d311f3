"""Reductions: one number for many, as Grafana calls them in `calcs`."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, median

from soakwatch.grafana.influxql import Cell

_NUMERIC: dict[str, Callable[[list[float]], float]] = {
    "min": min,
    "max": max,
    "mean": fmean,
    "median": median,
    "sum": sum,
    "range": lambda numbers: max(numbers) - min(numbers),
    "delta": lambda numbers: sum(max(0.0, after - before) for before, after in pairwise(numbers)),
    "diff": lambda numbers: numbers[-1] - numbers[0],
    "diffperc": lambda numbers: (numbers[-1] - numbers[0]) / numbers[0] if numbers[0] else 0.0,
}
_ANY: dict[str, Callable[[Sequence[Cell]], Cell]] = {
    "count": len,
    "last": lambda values: values[-1] if values else None,
    "first": lambda values: values[0] if values else None,
    "firstNotNull": lambda values: next((value for value in values if value is not None), None),
    "distinctCount": lambda values: len({value for value in values if value is not None}),
}
_LABELS = {"lastNotNull": "last", "firstNotNull": "first"}


def reduced(values: Sequence[Cell], calculation: str) -> Cell:
    """One value for all; None where there is none."""
    if calculation in _ANY:
        return _ANY[calculation](values)
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if calculation in _NUMERIC:
        return _NUMERIC[calculation](numbers) if numbers else None
    return next((value for value in reversed(values) if value is not None), None)


def label_of(calculation: str) -> str:
    """What a calculation is called beside its number."""
    return _LABELS.get(calculation, calculation)
