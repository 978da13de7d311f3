"""Values of a dashboard's variables, found as Grafana finds them when a dashboard is opened."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from soakwatch.core.errors import UsageError
from soakwatch.grafana.dashboard_model import Variable
from soakwatch.grafana.frames import time_series
from soakwatch.grafana.influxql import AnsweredSeries
from soakwatch.grafana.interpolation import Asked, interpolate, interpolate_query, references
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice
from soakwatch.grafana.variable_options import Option, listed_options, options_of, texts_of

Ask = Callable[[str], Sequence[AnsweredSeries]]
"""Asks a query."""

Given = Mapping[str, Sequence[str]]
"""What somebody chose, for each variable by its name."""

ALL = "$__all"
_ALL_TEXT = "All"
_SIX_HOURS = 6 * 3_600_000
_DATA_SOURCE = "soakwatch-influxdb"


def given_choices(texts: Iterable[str]) -> dict[str, list[str]]:
    """Read what was given as NAME=VALUE; a name that is given twice has two values. Raises UsageError."""
    given: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name):
            raise UsageError(f"--var {text!r} should be NAME=VALUE, such as env=staging")
        given.setdefault(name, []).append(value)
    return given


def resolve(
    variables: Sequence[Variable], ask: Ask, asked: Asked, now: int, given: Given | None = None
) -> dict[str, Choice]:
    """What each variable stands for; `now` is in milliseconds since the epoch.

    Raises StoreUnavailable, and StoreRefused where a variable's query is wrong.
    """
    choices: dict[str, Choice] = {}
    for variable in _in_order(variables):
        options = _options(variable, ask, choices, _range_of(variable, asked, now))
        choices[variable.name] = choose(variable, options, (given or {}).get(variable.name, ()))
    return choices


def _in_order(variables: Sequence[Variable]) -> list[Variable]:
    """Those that others refer to first."""
    known = {variable.name: variable for variable in variables}
    needs = {name: references(each.query + each.regex) & known.keys() - {name} for name, each in known.items()}
    try:
        return [known[name] for name in TopologicalSorter(needs).static_order()]
    except CycleError:
        return list(variables)


def _range_of(variable: Variable, asked: Asked, now: int) -> Asked:
    # a variable that does not follow the dashboard's time is asked for the last six hours, but `$__from` is still its
    return asked if variable.follows_time else Asked(asked.range, asked.interval, TimeRange(now - _SIX_HOURS, now))


def _options(variable: Variable, ask: Ask, choices: Mapping[str, Choice], asked: Asked) -> list[Option]:
    match variable.kind:
        case "query":
            frames = time_series(ask(interpolate_query(variable.query, choices, asked)))
            return options_of(texts_of(frames), interpolate(variable.regex, choices, "regex"), variable.sort)
        case "custom" | "interval":
            return listed_options(variable.query)
        case "datasource":
            return [Option(_DATA_SOURCE, "soakwatch")]
        case "constant":
            return [Option(variable.query, variable.query)]
        case "textbox":
            text = variable.current[0] if variable.current else variable.query
            return [Option(text, text)]
    return []


def choose(variable: Variable, options: Sequence[Option], given: Sequence[str] = ()) -> Choice:
    """What is chosen of `options`: what was given, else what was saved and still exists, else All or the first."""
    known = {option.value: option.text for option in options}
    saved = [value for value in variable.current if value in known or (value == ALL and variable.include_all)]
    by_default = [ALL] if variable.include_all else list(known)[:1]
    values = [ALL if value == _ALL_TEXT and variable.include_all else value for value in given] or saved or by_default
    if values == [ALL] and variable.all_value:
        return Choice(variable.all_value, variable.multi, verbatim=True, text=_ALL_TEXT)
    if values == [ALL]:
        return Choice(tuple(known), variable.multi, text=_ALL_TEXT)
    text = " + ".join(known.get(value, value) for value in values)
    if variable.multi:
        return Choice(tuple(values), multi=True, text=text)
    return Choice(values[0] if values else "", text=text)
