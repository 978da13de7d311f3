"""JUnit XML: a comparison as the test report that CI systems read, one test for each verdict."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from soakwatch.core.numbers import format_change, format_value
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.verdict import Comparison, Decision, Verdict
from soakwatch.reporter.escaping import LONGEST_SENTENCE, clean, shorten
from soakwatch.reporter.summary import metric_name
from soakwatch.reporter.verdicts_json import in_order

_NEVER_IN_XML = re.compile("[\ufffe\uffff]")
"""The characters that XML 1.0 forbids, even as references, and that cleaning leaves."""


def render_junit(comparison: Comparison) -> str:
    """Write `comparison` as JUnit XML: regressed is a failure, unknown is skipped, both with their reason.

    The names of its tests hold nothing that was measured, so that CI systems follow them from run to run.
    """
    cases = [_case(verdict) for verdict in in_order(comparison.verdicts)]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": _suite_name(comparison), **counts, **_about(comparison, cases)})
    suite.extend(cases)
    ET.indent(suites)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ET.tostring(suites, encoding='unicode')}\n"


def _suite_name(comparison: Comparison) -> str:
    run = comparison.current
    return _text(" ".join(filter(None, ("soakwatch:", run.test, "on", run.environment))))


def _about(comparison: Comparison, cases: list[ET.Element]) -> dict[str, str]:
    skipped = {"skipped": str(sum(case.find("skipped") is not None for case in cases))}
    start = comparison.current.start
    # a run that was read from files may not know when it began
    began = {"timestamp": f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%M:%S}"} if start else {}
    return skipped | began


def _case(verdict: Verdict) -> ET.Element:
    case = ET.Element("testcase", {"classname": _text(verdict.series.service), "name": _text(_name(verdict))})
    if verdict.decision is Decision.REGRESSED:
        failure = ET.SubElement(case, "failure", {"type": verdict.severity.value, "message": _text(_change(verdict))})
        failure.text = _text(verdict.reason)
    elif verdict.decision is Decision.UNKNOWN:
        ET.SubElement(case, "skipped", {"message": _text(verdict.reason)})
    return case


def _name(verdict: Verdict) -> str:
    series = verdict.series
    endpoint = "all endpoints" if is_whole_service(series) else f"{series.method} {series.endpoint}"
    # of an objective the baseline is the bound that people set
    bound = f" below {format_value(verdict.metric, verdict.baseline)}" if verdict.is_objective else ""
    return f"{endpoint} {metric_name(verdict.metric)}{bound}"


def _change(verdict: Verdict) -> str:
    if verdict.is_objective:
        return f"{metric_name(verdict.metric)} {format_value(verdict.metric, verdict.current)}"
    change = format_change(verdict.metric, verdict.baseline, verdict.current, verdict.effect)
    return f"{metric_name(verdict.metric)} {change}"


def _text(text: str) -> str:
    return _NEVER_IN_XML.sub("\ufffd", shorten(clean(text), LONGEST_SENTENCE)) or "(empty)"
