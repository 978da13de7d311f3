"""JUnit XML: what CI systems see of a comparison, read back by a library that is made for reading it."""

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import junitparser
import pytest
from golden_files import assert_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from test_reporter_markdown import AFTER, BEFORE, CASES, QUERY, same, slower, unknown

from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Metric
from soakwatch.reporter.junit import render_junit

NEEDED = {
    "testsuites": {"tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "testcase": {"classname", "name"},
    "failure": {"type", "message"},
    "skipped": {"message"},
}
"""Elements that CI systems know of, and the attributes that they look for."""


def parse(text: str) -> ET.Element:
    """The document, as bytes on a disk would give it, in the form that CI systems read."""
    root = ET.fromstring(text.encode())  # noqa: S314  (our own)
    for element in root.iter():
        assert NEEDED[element.tag] <= element.attrib.keys()
    return root


def read_by_others(text: str) -> dict[str, list[str]]:
    """Names of the tests by how they went, as the library junitparser understands the report."""
    told: dict[str, list[str]] = {"passed": [], "Failure": [], "Skipped": []}
    for suite in junitparser.JUnitXml.fromstring(text.encode()):
        for case in suite:
            told[type(case.result[0]).__name__ if case.result else "passed"].append(case.name)
    return told


def case_named(root: ET.Element, name: str) -> ET.Element:
    (case,) = [case for case in root.iter("testcase") if case.get("name") == name]
    return case


@pytest.mark.parametrize("name", CASES)
def test_a_junit_report_reads_as_its_golden_file(name: str) -> None:
    assert_golden(f"{name}.junit.xml", render_junit(CASES[name]))


@pytest.mark.parametrize("name", CASES)
def test_every_verdict_is_a_test_and_the_counts_say_how_they_went(name: str) -> None:
    comparison = CASES[name]
    root = parse(render_junit(comparison))
    decisions = Counter(verdict.decision for verdict in comparison.verdicts)
    suite = root.find("testsuite")
    assert suite is not None
    assert len(list(root.iter("testcase"))) == int(suite.attrib["tests"]) == len(comparison.verdicts)
    assert len(list(root.iter("failure"))) == int(suite.attrib["failures"]) == decisions[Decision.REGRESSED]
    assert len(list(root.iter("skipped"))) == int(suite.attrib["skipped"]) == decisions[Decision.UNKNOWN]


def test_a_regression_is_a_failure_of_its_service_with_severity_change_and_reason() -> None:
    case = case_named(parse(render_junit(Comparison([BEFORE], AFTER, [slower(QUERY)]))), "POST /rag/query p95")
    failure = case.find("failure")
    assert failure is not None
    assert case.get("classname") == "rag_service"
    assert failure.get("type") == "critical"
    assert failure.get("message") == "p95 60 ms -> 182 ms (+203 %, +180 % to +229 %)"
    assert failure.text == "slower by more than 10 % and 5 ms in every batch"


def test_what_is_unknown_is_skipped_with_its_reason() -> None:
    root = parse(render_junit(Comparison([BEFORE], AFTER, [unknown(QUERY)])))
    skipped = case_named(root, "POST /rag/query p95").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "12 requests are too few to compare; it takes 50"


def test_a_test_keeps_its_name_from_run_to_run_and_whatever_is_said_of_it() -> None:
    verdicts = [slower(QUERY), slower(QUERY, factor=1.2), same(QUERY), unknown(QUERY)]
    names = {
        case.get("name")
        for verdict in verdicts
        for case in parse(render_junit(Comparison([BEFORE], AFTER, [verdict]))).iter("testcase")
    }
    assert names == {"POST /rag/query p95"}


def test_an_objective_is_a_test_of_its_own_named_by_its_bound() -> None:
    root = parse(render_junit(CASES["two-regressions"]))
    case = case_named(root, "POST /rag/query p95 below 150 ms")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "p95 182 ms"


def test_a_run_that_does_not_know_when_it_began_has_no_time() -> None:
    suite = parse(render_junit(Comparison([], replace(AFTER, start=0.0), [same(QUERY)]))).find("testsuite")
    assert suite is not None
    assert "timestamp" not in suite.attrib


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200), st.text("\x00\x08\x1b\ud800\udfff\ufffe\uffff\x85\u2028]]><&\"'\n\r\t", max_size=30))
def test_any_text_gives_valid_xml_with_as_many_tests(name: str, forbidden: str) -> None:
    what = Series(name, forbidden, forbidden + name, forbidden, name + forbidden)
    verdicts = [
        replace(slower(what), reason=forbidden + name),
        replace(unknown(what, Metric.P99), reason=name + forbidden),
    ]
    current = replace(AFTER, test=forbidden, environment=name)
    root = parse(render_junit(Comparison([BEFORE], current, verdicts)))
    assert len(list(root.iter("testcase"))) == 2
    assert len(list(root.iter("failure"))) == 1


def test_another_reader_finds_the_same_tests_passed_failed_and_skipped() -> None:
    told = read_by_others(render_junit(Comparison([BEFORE], AFTER, [slower(QUERY), unknown(QUERY, Metric.P99)])))
    assert told == {"passed": [], "Failure": ["POST /rag/query p95"], "Skipped": ["POST /rag/query p99"]}
    assert read_by_others(render_junit(Comparison([BEFORE], AFTER, [same(QUERY)])))["passed"] == ["POST /rag/query p95"]
