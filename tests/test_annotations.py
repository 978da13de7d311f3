"""What GitHub Actions shows of a comparison: annotations, and a job summary that always fits."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from command_line import PastRun, store_with
from github_runner import Runner
from golden_files import assert_golden
from hostile_names import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_page import Page
from test_reporter_markdown import (
    AFTER,
    BEFORE,
    CASES,
    QUERY,
    TOOLS,
    USERS,
    failing,
    same,
    series,
    slower,
    timeline,
    unknown,
)

from soakwatch.cli.github_actions import print_annotations, tell_github, without_commands
from soakwatch.core.errors import UsageError
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, ErrorGrowth, Metric, Severity
from soakwatch.reporter.annotations import annotations
from soakwatch.reporter.job_summary import job_summary
from soakwatch.reporter.markdown import render_markdown
from soakwatch.reporter.overall import overall_verdict

ONE_MIB = 1_048_576

COMMAND = re.compile(r"::(?P<level>error|warning) title=(?P<title>[^:,\r\n]*)::(?P<message>[^\r\n]*)")
"""What the runner takes for one of our commands: a title without its separators, then the rest of the line."""


def parse(line: str) -> tuple[str, str, str]:
    """Level, title and message, as the runner reads them."""
    match = COMMAND.fullmatch(line)
    assert match, line
    title = match["title"].replace("%2C", ",").replace("%3A", ":")
    texts = (text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%") for text in (title, match["message"]))
    return (match["level"], *texts)  # type: ignore[return-value]


@pytest.mark.parametrize("name", CASES)
def test_annotations_read_as_their_golden_file(name: str) -> None:
    assert_golden(f"{name}.annotations.txt", "".join(f"{line}\n" for line in annotations(CASES[name])))


def test_a_critical_regression_is_an_error_and_a_mild_one_a_warning() -> None:
    mild = replace(slower(USERS, factor=1.2), severity=Severity.WARNING)
    found = [parse(line) for line in annotations(Comparison([BEFORE], AFTER, [mild, slower(QUERY)]))]
    assert [level for level, _, _ in found] == ["error", "warning"]
    assert found[0][1] == "p95 of rag_service POST /rag/query"
    assert found[0][2].startswith("60 ms -> 182 ms (+203 %, +180 % to +229 %): slower by more than 10 %")


def test_an_endpoint_has_one_annotation_that_names_its_other_metrics() -> None:
    (line,) = annotations(Comparison([BEFORE], AFTER, [slower(QUERY, Metric.P50), slower(QUERY), failing(QUERY)]))
    assert parse(line)[1] == "error rate of rag_service POST /rag/query"
    assert "(also p50, p95)" in parse(line)[2]


def test_nothing_regressed_means_no_annotations() -> None:
    assert annotations(CASES["nothing-found-but-some-unknown"]) == []


@pytest.mark.parametrize("count", [9, 10, 11, 500])
def test_there_are_at_most_ten_annotations_and_the_tenth_says_how_many_more(count: int) -> None:
    verdicts = [slower(series("shop", "GET", f"/{number}")) for number in range(count)]
    found = annotations(Comparison([BEFORE], AFTER, verdicts))
    assert len(found) == min(count, 10)
    assert (parse(found[-1])[1] == f"{count - 9} more regressed") == (count > 10)


def test_the_tenth_is_an_error_only_where_something_critical_is_left_out() -> None:
    critical = [slower(series("shop", "GET", f"/{number}")) for number in range(9)]
    mild = [replace(slower(series("shop", "GET", f"/mild{number}")), severity=Severity.WARNING) for number in range(2)]
    assert parse(annotations(Comparison([BEFORE], AFTER, critical + mild))[-1])[0] == "warning"


@pytest.mark.parametrize("name", [*HOSTILE, "::error::x", "##[error]x", "a::add-mask::secret", "50%0A::error::x"])
def test_a_name_can_neither_end_its_command_nor_begin_another(name: str) -> None:
    verdict = replace(slower(Series(name, name, name, name, name)), reason=name)
    (line,) = annotations(Comparison([BEFORE], AFTER, [verdict]))
    assert parse(line)[0] == "error"


@settings(deadline=None)
@given(st.text("%:,\r\n\x85\u2028 0ADab#[]", max_size=60))
def test_any_name_is_read_back_on_one_line(name: str) -> None:
    (line,) = annotations(Comparison([BEFORE], AFTER, [slower(series(name, "GET", "/"))]))
    assert " ".join(parse(line)[1].split()) == " ".join(f"p95 of {name} GET /".split())


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([slower(QUERY), same(USERS), unknown(TOOLS)], Decision.REGRESSED),
        ([replace(same(QUERY), decision=Decision.IMPROVED), same(USERS)], Decision.IMPROVED),
        ([same(USERS), unknown(TOOLS)], Decision.SAME),
        ([unknown(TOOLS)], Decision.UNKNOWN),
        ([], Decision.UNKNOWN),
    ],
)
def test_one_word_says_what_all_verdicts_say_together(verdicts: list, expected: Decision) -> None:  # type: ignore[type-arg]
    assert overall_verdict(Comparison([BEFORE], AFTER, verdicts)) is expected


def large(regressed: int, others: int, errors: int = 0) -> Comparison:
    """A comparison with so many regressions, unknown, same and kinds of errors."""
    names = [
        series("shop", "GET", f"/{'very-' * 10}long/{number:06}") for number in range(max(regressed, others, errors))
    ]
    worse = [slower(name, factor=3 - number / len(names)) for number, name in enumerate(names[:regressed])]
    rest = [verdict for name in names[:others] for verdict in (unknown(name, Metric.P99), same(name, Metric.P50))]
    growth = [ErrorGrowth(name, "HTTP 503", "x" * 100, 0, 9, 0.0, 0.1) for name in names[:errors]]
    return Comparison([BEFORE], AFTER, [*rest, *worse], growth, [timeline(QUERY)])


def test_a_summary_that_fits_is_the_whole_report() -> None:
    assert job_summary(CASES["two-regressions"]) == render_markdown(CASES["two-regressions"])


@pytest.mark.parametrize(
    ("regressed", "others", "errors"), [(20, 2_000, 0), (20, 6_000, 0), (20, 0, 6_000), (4_000, 10, 10)]
)
def test_a_summary_is_always_under_a_mebibyte_and_keeps_what_is_worst(regressed: int, others: int, errors: int) -> None:
    comparison = large(regressed, others, errors)
    assert len(render_markdown(comparison).encode()) > ONE_MIB
    summary = job_summary(comparison)
    assert len(summary.encode()) < ONE_MIB
    assert "> Shortened, because the page has no more room. Left out: " in summary
    assert summary.count("| **regressed**") >= min(regressed, 1_000)
    assert f"{'very-' * 10}long/000000" in summary
    assert "## Runs" in summary


def test_a_summary_is_no_shorter_than_it_must_be() -> None:
    summary = job_summary(large(5_000, 0))
    assert ONE_MIB - 2_000 < len(summary.encode()) < ONE_MIB
    (count,) = re.findall(r"smaller regressions \(([\d,]+)\)", summary)
    assert summary.count("| **regressed**") == 5_000 - int(count.replace(",", ""))


def test_what_matters_least_goes_first() -> None:
    comparison = CASES["two-regressions"]
    whole = render_markdown(comparison)
    parts = {
        "verdicts for machines": "soakwatch:verdicts",
        "what is the same": "The same: 2",
        "charts": "```mermaid",
        "no regressions": "| improved |",
        "kinds of errors": "278 (10.3 %)",
        "smaller regressions": "objective p95",
    }
    there = [
        [mark in job_summary(comparison, room) for mark in parts.values()]
        for room in range(len(whole.encode()), 1_700, -50)
    ]
    for now in there:
        assert now == sorted(now), "a part is gone although one that matters less is there"
    assert there[0] == [True] * 6
    assert there[-1] == [False] * 6


@pytest.mark.parametrize("room", [0, 1, 100, 300, 1_000, 2_500, 5_000])
@pytest.mark.parametrize("name", CASES)
def test_a_summary_fits_into_any_room_and_stays_harmless(name: str, room: int) -> None:
    summary = job_summary(CASES[name], room)
    assert len(summary.encode()) <= room
    page = Page(summary)
    allowed = {"h1", "h2", "h3", "p", "strong", "code", "pre", "details", "summary", "blockquote"}
    assert set(page.tags) <= allowed | {"table", "thead", "tbody", "tr", "th", "td"}
    assert "@" not in page.text.replace("@\u200b", "")
    assert summary == render_markdown(CASES[name]) or not page.comments


def test_a_shortened_summary_reads_as_its_golden_file() -> None:
    assert_golden("two-regressions-shortened.md", job_summary(CASES["two-regressions"], 2_600))


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the runner gives to a step."""
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (tmp_path / name).touch()
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


def test_a_step_gets_its_summary_its_annotations_and_its_outputs(
    step: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_github(CASES["two-regressions"], Path("out/report.md"))
    print_annotations(CASES["two-regressions"])
    assert (step / "GITHUB_OUTPUT").read_text(encoding="utf-8") == "verdict=regressed\nreport=out/report.md\n"
    assert (step / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8") == job_summary(CASES["two-regressions"])
    assert capsys.readouterr().out.splitlines() == annotations(CASES["two-regressions"])


def test_several_comparisons_in_one_step_still_fit_into_its_summary(step: Path) -> None:
    for _ in range(3):
        tell_github(large(1_500, 0), None)
    assert (step / "GITHUB_STEP_SUMMARY").stat().st_size < ONE_MIB


def test_names_cannot_give_commands_while_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with without_commands():
        print("::error::from a name")  # noqa: T201  (what a table does)
    first, name, last = capsys.readouterr().out.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert name == "::error::from a name"
    assert last == f"::{token}::"
    assert len(token) == 32
    with without_commands():
        pass
    assert token not in capsys.readouterr().out


def test_an_error_that_quotes_a_name_is_said_before_the_runner_listens_again(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as ended, without_commands():
        raise UsageError("it has unknown GET ##[error]evil")
    assert ended.value.exit_code == 2
    printed = capfd.readouterr()
    assert "##[error]evil" in printed.err
    assert "##[error]evil" not in printed.out


def test_compare_for_github_says_errors_where_the_runner_does_not_listen(tmp_path: Path) -> None:
    store_with(tmp_path, PastRun("a", 1e9, endpoints=("##[error]evil",)), PastRun("b", 1e9 + 86_400))
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    step = {"run": "soakwatch compare a b --github --store ../soakwatch.db"}
    (result,) = Runner(tmp_path, path).steps([step], {}).steps
    assert result.code == 2, result.output
    assert "##[error]evil" in result.output
    assert result.commands == []


def test_of_several_comparisons_the_worst_are_shown_with_the_names_of_their_tests() -> None:
    comparisons = []
    for name, factor in (("spike", 3), ("soak", 5)):
        what = [replace(series("shop", "GET", f"/{number}"), test=name) for number in range(8)]
        now = replace(AFTER, test=name)
        comparisons.append(Comparison([BEFORE], now, [slower(one, factor=factor) for one in what]))
    titles = [parse(line)[1] for line in annotations(*comparisons)]
    assert titles[0] == "soak: p95 of shop GET /0"
    assert titles[8:] == ["spike: p95 of shop GET /0", "7 more regressed"]


def test_outside_of_a_step_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    with pytest.raises(UsageError, match="GITHUB_STEP_SUMMARY is not set"):
        tell_github(CASES["nothing-found"], None)


@pytest.mark.usefixtures("step")
def test_a_file_name_cannot_set_another_output() -> None:
    with pytest.raises(UsageError, match="several lines"):
        tell_github(CASES["nothing-found"], Path("a\nverdict=same"))
