"""The Markdown report: golden files of fixed comparisons, and what no name may do to it."""

from dataclasses import replace

import pytest
from golden_files import assert_golden
from hostile_names import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_page import Page

from soakwatch.core.errors import UsageError
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.verdict import (
    Comparison,
    Decision,
    Effect,
    ErrorGrowth,
    Metric,
    Severity,
    Timeline,
    Verdict,
)
from soakwatch.reporter.markdown import read_verdicts, render_markdown
from soakwatch.reporter.verdicts_json import verdicts_document


def series(service: str, method: str, endpoint: str) -> Series:
    return Series("staging", "shop", service, method, endpoint)


QUERY = series("rag_service", "POST", "/rag/query")
TOOLS = series("mcp_server", "POST", "/mcp/tools")
USERS = series("api_gateway", "GET", "/api/users")


def run(name: str, start: float = 1_767_578_400.0, **changes: object) -> Run:
    made = Run(
        id=name,
        environment="staging",
        test="shop",
        start=start,
        end=start + 200,
        users=24,
        spawn_rate=24.0,
        host="http://127.0.0.1:8080",
        version="1.3.0",
        commit="3f2a91c0de",
        locustfile="locustfile.py",
        locustfile_hash="0123456789abcdef0123456789abcdef",
        locust_version="2.47.0",
        outcome=Outcome.FINISHED,
        reconciled=Reconciliation(locust=21_600, stored=21_600, reached=21_600),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


BEFORE = run("20260105-020000-aaaa")
AFTER = run("20260106-020000-bbbb", start=1_767_664_800.0, version="1.4.0", commit="9d8e7f6a5b")


def same(what: Series, metric: Metric = Metric.P95, value: float = 30.0) -> Verdict:
    effect = Effect(0.004, -0.031, 0.042)
    return Verdict(what, metric, Decision.SAME, Severity.NONE, value, value * 1.004, effect, 0.83, "within 10 %")


def slower(what: Series, metric: Metric = Metric.P95, factor: float = 3.03) -> Verdict:
    effect = Effect(factor - 1, factor - 1.23, factor - 0.74)
    reason = "slower by more than 10 % and 5 ms in every batch"
    return Verdict(what, metric, Decision.REGRESSED, Severity.CRITICAL, 60, 60 * factor, effect, 2e-9, reason)


def failing(what: Series) -> Verdict:
    effect = Effect(0.103, 0.076, 0.134)
    reason = "more requests fail; UpstreamTimeout grew"
    return Verdict(what, Metric.ERROR_RATE, Decision.REGRESSED, Severity.CRITICAL, 0, 0.103, effect, 1e-12, reason)


def unknown(what: Series, metric: Metric = Metric.P95) -> Verdict:
    reason = "12 requests are too few to compare; it takes 50"
    return Verdict(what, metric, Decision.UNKNOWN, Severity.NONE, None, 61.2, None, None, reason)


def timeline(what: Series) -> Timeline:
    seconds = [10.0 * index for index in range(20)]
    slow = [62.0 + index % 3 if index < 8 else 180.0 + index % 5 for index in range(20)]
    return Timeline(
        what,
        seconds,
        [60.0 + index % 4 for index in range(20)],
        [0.0] * 20,
        seconds,
        [None, *slow[1:]],
        [0.0 if index < 8 else 0.1 + index % 3 / 100 for index in range(20)],
    )


def two_regressions() -> Comparison:
    objective = Verdict(
        QUERY,
        Metric.P95,
        Decision.REGRESSED,
        Severity.WARNING,
        150,
        181.8,
        Effect(0.212, 0.19, 0.235),
        None,
        "objective p95 < 150 ms is missed: 182 ms (95 %: 179 ms to 185 ms)",
    )
    faster = replace(slower(USERS, Metric.P50, 0.8), decision=Decision.IMPROVED, severity=Severity.NONE)
    verdicts = [
        same(USERS),
        slower(QUERY, Metric.P50, 2.9),
        objective,
        failing(TOOLS),
        faster,
        unknown(USERS, Metric.P99),
        slower(QUERY),
        same(series("mcp_server", WHOLE_SERVICE, WHOLE_SERVICE), Metric.THROUGHPUT, 27.0),
    ]
    growth = ErrorGrowth(
        TOOLS, "HTTPError 503", "503 Server Error: upstream timed out for /mcp/tools", 0, 278, 0.0, 0.103
    )
    return Comparison([BEFORE], AFTER, verdicts, [growth], [timeline(QUERY), timeline(TOOLS)])


def hostile_names() -> Comparison:
    names = [Series("@env", "te|st", f"svc {name}", name, name) for name in HOSTILE]
    verdicts = [slower(name) for name in names]
    verdicts += [replace(unknown(name), reason=f"no comparable load for {name.endpoint}") for name in names]
    errors = [ErrorGrowth(name, name.endpoint, name.endpoint, 0, 7, 0.0, 0.01) for name in names]
    current = run("id|@run", version="@v1 #2", host="http://a|b", commit="<b>", locustfile="`x`\n", test="te|st")
    return Comparison([BEFORE], current, verdicts, errors, [timeline(names[0]), timeline(names[5])])


def several_baselines() -> Comparison:
    nights = [run(f"night-{number}", start=1_767_578_400.0 + 86_400 * number) for number in range(3)]
    return Comparison(nights, AFTER, [slower(series("rag_service", WHOLE_SERVICE, WHOLE_SERVICE)), same(USERS)])


CASES = {
    "two-regressions": two_regressions(),
    "nothing-found": Comparison([BEFORE], AFTER, [same(USERS), same(QUERY, value=60), same(USERS, Metric.P50, 20)]),
    "nothing-found-but-some-unknown": Comparison([BEFORE], AFTER, [same(USERS), unknown(QUERY), unknown(TOOLS)]),
    "everything-unknown": Comparison([BEFORE], AFTER, [unknown(USERS), unknown(QUERY)]),
    "hostile-names": hostile_names(),
    "several-baselines": several_baselines(),
}


@pytest.mark.parametrize("name", CASES)
def test_a_report_reads_as_its_golden_file(name: str) -> None:
    assert_golden(f"{name}.md", render_markdown(CASES[name]))


@pytest.mark.parametrize("name", CASES)
def test_the_verdicts_of_a_report_can_be_read_back(name: str) -> None:
    assert read_verdicts(render_markdown(CASES[name])) == verdicts_document(CASES[name])


def test_the_verdicts_survive_line_ends_that_github_changes() -> None:
    report = render_markdown(CASES["two-regressions"]).replace("\n", "\r\n")
    assert read_verdicts(report) == verdicts_document(CASES["two-regressions"])


def assert_harmless(markdown: str) -> None:
    page = Page(markdown)
    allowed = {"h1", "h2", "h3", "p", "strong", "code", "pre", "details", "summary"}
    allowed |= {"table", "thead", "tbody", "tr", "th", "td"}
    assert set(page.tags) <= allowed
    assert len(page.comments) == 1
    assert "@" not in page.text.replace("@\u200b", "")


def test_hostile_names_neither_mention_nor_inject_nor_break_a_table() -> None:
    markdown = render_markdown(hostile_names())
    assert_harmless(markdown)
    page = Page(markdown)
    assert page.tags.count("table") == 3
    assert page.tags.count("td") == 9 * 2 * len(HOSTILE) + 5 * len(HOSTILE) + 3 * 11


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gives_a_harmless_report_that_can_be_read_back(name: str, other: str) -> None:
    what = Series(other, name, name, other, name)
    verdicts = [replace(slower(what), reason=other), replace(same(what), reason=name)]
    errors = [ErrorGrowth(what, other, name, 0, 1, 0.0, 0.1)]
    current = run(name, version=other, host=name, commit=other, test=name, environment=other)
    comparison = Comparison([run(other)], current, verdicts, errors, [timeline(what)])
    markdown = render_markdown(comparison)
    assert_harmless(markdown)
    assert Page(markdown).tags.count("td") == 2 * 9 + 5 + 3 * 11
    assert read_verdicts(markdown) == verdicts_document(comparison)


@settings(deadline=None)
@given(st.text('<>-!@#&\n"\\\\au003e', max_size=60))
def test_the_comment_is_one_line_that_no_name_can_end(name: str) -> None:
    what = Series("staging", "shop", name, name, name)
    comment = render_markdown(Comparison([BEFORE], AFTER, [same(what)])).splitlines()[-1]
    inside = comment.removeprefix("<!-- ").removesuffix(" -->")
    assert len(comment) == len(inside) + 9
    assert not {"<", ">", "@", "#", "&"} & set(inside)
    assert "--" not in inside


def test_charts_hold_no_gaps_and_at_most_thirty_points() -> None:
    seconds = [float(index) for index in range(1000)]
    values = [None if index % 7 < 5 else 60.0 for index in range(1000)]
    long = Timeline(QUERY, seconds, values, [0.0] * 1000, seconds[:500], values[:500], [0.0] * 500)
    report = render_markdown(Comparison([BEFORE], AFTER, [slower(QUERY)], (), [long]))
    lines = [line for line in report.splitlines() if line.strip().startswith("line [")]
    points = [line.strip().removeprefix("line [").removesuffix("]").split(", ") for line in lines]
    assert [len(line) for line in points] == [30, 30]
    assert {point for line in points for point in line} == {"60"}


def test_the_text_of_a_chart_has_a_character_per_window_and_is_as_long_as_its_run() -> None:
    seconds = [10.0 * index for index in range(20)]
    half = Timeline(QUERY, seconds[:10], [60.0] * 10, [0.0] * 10, seconds, [None, *[120.0] * 19], [0.0] * 20)
    report = render_markdown(Comparison([BEFORE], AFTER, [slower(QUERY)], (), [half]))
    assert f"baseline {'▅' * 10} 60 ms to 60 ms\ncurrent  ·{'█' * 19} 120 ms to 120 ms" in report


@pytest.mark.parametrize("windows", [0, 1])
def test_a_run_too_short_for_a_chart_has_its_text_only(windows: int) -> None:
    seconds, values = [5.0] * windows, [60.0] * windows
    short = Timeline(QUERY, seconds, values, [0.0] * windows, seconds, values, [0.0] * windows)
    report = render_markdown(Comparison([BEFORE], AFTER, [slower(QUERY)], (), [short]))
    assert "```mermaid" not in report
    assert "```text\nbaseline " in report


def test_a_comparison_with_objectives_only_needs_no_baseline() -> None:
    comparison = replace(two_regressions(), baselines=[])
    report = render_markdown(comparison)
    assert "against no baseline run" in report
    assert read_verdicts(report).baseline is None


def test_a_running_run_without_metadata_has_a_report() -> None:
    bare = Run("r", "staging", "", 0.0)
    report = render_markdown(Comparison([bare], bare, []))
    assert "**Nothing was compared**" in report
    assert "| Duration | - | - |" in report


GOOD = render_markdown(CASES["nothing-found"])


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("# Some other text", "pr.md: holds no verdicts"),
        (GOOD + GOOD, "pr.md: holds the verdicts of 2 reports"),
        (GOOD.replace("soakwatch:verdicts:1", "soakwatch:verdicts:2"), "newer soakwatch"),
        (GOOD.replace('"schema":1', '"schema":2'), "newer soakwatch"),
        (GOOD.replace('"schema":1', '"schema":"x"'), "'schema' should be 1"),
        (GOOD.replace("soakwatch:verdicts:1 {", "soakwatch:verdicts:1 {{"), "not JSON"),
        (GOOD.replace('"metric":"p95"', '"metric":"p42"'), r"verdicts\.1\.metric"),
    ],
)
def test_a_report_that_cannot_be_read_back_says_why(markdown: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_verdicts(markdown, "pr.md")
