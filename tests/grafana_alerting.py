"""What Grafana does with an alert rule, as far as ours go: interpolation, query, reduce, threshold.

The rules are those of Grafana's code: pkg/services/provisioning/values/values.go (interpolation), pkg/tsdb/influxdb/
models/query.go (the time filter), pkg/expr (reduce and threshold).
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from influxd_process import Server

REDUCERS: Mapping[str, Callable[[Sequence[float]], float]] = {"last": lambda values: values[-1], "sum": sum}


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """A value of a provisioned file as Grafana takes it. A reference without a variable becomes nothing."""
    return "$".join(_expanded(part, variables) for part in text.split("$$"))


def _expanded(part: str, variables: Mapping[str, str]) -> str:
    with_files = re.sub(r"\$__file\{([^}]+)\}", lambda found: Path(found[1]).read_text("ascii").strip(), part)
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: variables.get(found[1] or found[2], ""), with_files)


def interpolated(value: Any, variables: Mapping[str, str] = os.environ) -> Any:
    """All values in a provisioned document, but what is not interpolated: queries and annotations."""
    if isinstance(value, str):
        return interpolate(value, variables)
    if isinstance(value, list):
        return [interpolated(one, variables) for one in value]
    if isinstance(value, dict):
        kept = {"annotations", "model"}
        return {key: one if key in kept else interpolated(one, variables) for key, one in value.items()}
    return value


def rendered(template: str, labels: Mapping[str, str]) -> str:
    """A label or an annotation with Go's `{{ $labels.name }}` replaced."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels.get(found[1], "<no value>"), template)


@dataclass(frozen=True)
class Evaluation:
    """What a rule says at one moment: the labels and the value of each series, and which of them fire."""

    values: Mapping[tuple[tuple[str, str], ...], float]
    firing: Sequence[Mapping[str, str]]
    state: str


def evaluate(rule: Mapping[str, Any], server: Server, database: str, now: float) -> Evaluation:
    """Evaluate a rule as it is in the file, at `now`."""
    asked, reduced, compared = (step["model"] for step in rule["data"])
    spanned = rule["data"][0]["relativeTimeRange"]
    begin, end = (round(1000 * (now - spanned[edge])) for edge in ("from", "to"))
    query = asked["query"].replace("$timeFilter", f"time >= {begin}ms and time <= {end}ms")
    answer = requests.post(
        f"{server.url}/query",
        params={"db": database, "q": query, "epoch": "ms"},
        headers={"Authorization": f"Token {server.token}"},
        timeout=30,
    ).json()
    (result,) = answer["results"]
    assert "error" not in result, result
    found = {}
    for series in result.get("series", []):
        numbers = [value for _, value in series["values"] if value is not None]
        found[tuple(sorted(series.get("tags", {}).items()))] = REDUCERS[reduced["reducer"]](numbers)
    evaluator = compared["conditions"][0]["evaluator"]
    firing = [dict(labels) for labels, value in found.items() if _exceeds(value, evaluator)]
    state = rule["noDataState"] if not found else "Alerting" if firing else "OK"
    return Evaluation(found, firing, state)


def _exceeds(value: float, evaluator: Mapping[str, Any]) -> bool:
    match evaluator["type"], evaluator["params"]:
        case "gt", [bound]:
            return bool(value > bound)
        case "lt", [bound]:
            return bool(value < bound)
        case "within_range", [low, high]:
            return bool(low < value < high)
    raise AssertionError(evaluator)
