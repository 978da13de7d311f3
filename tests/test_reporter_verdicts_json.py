"""`verdicts.json`: a document that machines can rely on."""

import json
from math import inf, nan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soakwatch.core.errors import UsageError
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Effect, Metric, Severity, Verdict
from soakwatch.reporter.verdicts_json import parse_verdicts, render_verdicts, verdicts_document

BASELINE = Run("a", "staging", "shop", 1_767_578_400.5, 1_767_578_600.5, 24, 24.0)
CURRENT = Run("b", "staging", "shop", 1_767_664_800.0, reconciled=Reconciliation(7, 7, 7), outcome=Outcome.FINISHED)


def verdict(
    endpoint: str = "/rag/query",
    metric: Metric = Metric.P95,
    effect: Effect | None = None,
    current: float | None = 2.0,
    reason: str = "why",
) -> Verdict:
    series = Series("staging", "shop", "rag_service", "POST", endpoint)
    return Verdict(series, metric, Decision.SAME, Severity.NONE, 1.0, current, effect, None, reason)


def comparison(*verdicts: Verdict) -> Comparison:
    return Comparison([BASELINE], CURRENT, verdicts)


def test_what_is_written_can_be_read() -> None:
    told = comparison(verdict(effect=Effect(0.1, 0.05, 0.15)))
    assert parse_verdicts(render_verdicts(told)) == verdicts_document(told)


def test_its_form_is_what_the_documentation_says() -> None:
    content = json.loads(render_verdicts(comparison(verdict(effect=Effect(0.123456789, 0.1, 0.2)))))
    assert content.keys() == {"schema", "baseline", "baselines", "current", "verdicts"}
    assert content["schema"] == 1
    assert content["baselines"] == ["a"]
    assert content["baseline"]["start"] == "2026-01-05T02:00:00.500000Z"
    assert content["current"]["end"] is None
    assert content["current"]["reconciled"]["exact"] is True
    assert content["verdicts"] == [
        {
            "service": "rag_service",
            "method": "POST",
            "endpoint": "/rag/query",
            "metric": "p95",
            "verdict": "same",
            "severity": "none",
            "baseline": 1.0,
            "current": 2.0,
            "effect": 0.123457,
            "low": 0.1,
            "high": 0.2,
            "p": None,
            "reason": "why",
        }
    ]


def test_the_newest_of_several_baselines_stands_for_them() -> None:
    content = json.loads(render_verdicts(Comparison([CURRENT, BASELINE], CURRENT, [])))
    assert content["baseline"]["id"] == "a"
    assert content["baselines"] == ["b", "a"]


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_finite_number_is_null(value: float) -> None:
    text = render_verdicts(comparison(verdict(effect=Effect(value, value, value), current=value)))
    written = json.loads(text, parse_constant=pytest.fail)["verdicts"][0]
    assert [written[key] for key in ("current", "effect", "low", "high")] == [None] * 4


def test_the_order_does_not_depend_on_the_order_of_the_comparison() -> None:
    verdicts = [verdict(endpoint, metric) for endpoint in ("/b", "/a") for metric in reversed(Metric)]
    verdicts.append(verdict("/a", Metric.P50, reason="objective p50 < 1 ms is met"))
    shuffled = Random(1).sample(verdicts, len(verdicts))
    assert render_verdicts(comparison(*shuffled)) == render_verdicts(comparison(*verdicts))
    read = [(one.endpoint, one.metric) for one in verdicts_document(comparison(*verdicts)).verdicts]
    assert read == [("/a", Metric.P50), *[("/a", metric) for metric in Metric], *[("/b", metric) for metric in Metric]]


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_name_can_be_written_and_read(name: str) -> None:
    told = comparison(verdict(name, reason=name))
    text = render_verdicts(told)
    text.encode()
    assert parse_verdicts(text) == verdicts_document(told)


def test_keys_of_a_later_version_are_ignored() -> None:
    content = json.loads(render_verdicts(comparison(verdict())))
    content["colour"] = content["verdicts"][0]["colour"] = "red"
    assert parse_verdicts(json.dumps(content)) == verdicts_document(comparison(verdict()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"^v\.json: not JSON"),
        ("[]", "the key 'schema' should be 1"),
        ('{"schema": true}', "the key 'schema' should be 1"),
        ('{"schema": 2}', "newer soakwatch"),
        ('{"schema": 1}', "baseline: Field required"),
    ],
)
def test_something_else_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_verdicts(text, "v.json")
