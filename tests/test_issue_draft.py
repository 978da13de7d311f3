"""The draft of an issue: what GitHub would be asked to file, and what no name or report may make of it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import soakwatch
from golden_files import assert_golden
from hostile_names import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
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

from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.verdict import Comparison, ErrorGrowth, Metric, Severity
from soakwatch.reporter.embedding import read_verdicts
from soakwatch.reporter.issue import IssueDraft, draft_issue
from soakwatch.reporter.markdown import render_markdown
from soakwatch.reporter.read_back import comparison_of
from soakwatch.reporter.verdicts_json import parse_verdicts, render_verdicts, verdicts_document

PAYLOAD = Draft202012Validator(IssueDraft.model_json_schema())


def draft(comparison: Comparison) -> IssueDraft:
    """The issue about `comparison`, by way of the text of its report."""
    report = render_markdown(comparison)
    made = draft_issue(read_verdicts(report), report)
    assert made is not None
    return made


def compared(*verdicts: object) -> Comparison:
    return Comparison([BEFORE], AFTER, list(verdicts))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["two-regressions", "several-baselines", "hostile-names"])
def test_title_and_labels_read_as_their_golden_file(name: str) -> None:
    made = draft(CASES[name]).model_dump(mode="json", exclude={"body"})
    assert_golden(f"{name}.issue.json", json.dumps(made, indent=2, ensure_ascii=False) + "\n")


MILD = replace(slower(USERS, factor=1.2), severity=Severity.WARNING)


@pytest.mark.parametrize(
    ("comparison", "title"),
    [
        (compared(slower(QUERY)), "p95 of rag_service POST /rag/query +203 % (critical)"),
        (compared(slower(QUERY), MILD), "p95 of rag_service POST /rag/query +203 % (critical), and 1 more"),
        (compared(MILD), "p95 of api_gateway GET /api/users +20 % (warning)"),
        (compared(failing(TOOLS)), "error rate of mcp_server POST /mcp/tools +10.3 points (critical)"),
        (
            compared(slower(series("rag_service", WHOLE_SERVICE, WHOLE_SERVICE), Metric.P50, 1.5)),
            "p50 of all endpoints of rag_service +50 % (critical)",
        ),
        (
            compared(replace(MILD, reason="objective p95 < 60 ms is missed")),
            "p95 of api_gateway GET /api/users 72 ms, its objective is below 60 ms (warning)",
        ),
        (
            compared(replace(slower(QUERY), effect=None)),
            "p95 of rag_service POST /rag/query 60 ms -> 182 ms (critical)",
        ),
    ],
)
def test_the_title_says_in_one_sentence_what_where_and_how_much(comparison: Comparison, title: str) -> None:
    assert draft(comparison).title == title


def test_labels_name_the_severity_and_each_service_that_regressed() -> None:
    made = draft(compared(MILD, failing(TOOLS), same(QUERY), unknown(series("other", "GET", "/"))))
    assert made.labels == ("soakwatch", "severity: critical", "service: mcp_server", "service: api_gateway")
    assert draft(compared(MILD)).labels[1] == "severity: warning"


def test_services_with_long_names_have_labels_that_fit_and_differ() -> None:
    names = [f"{'payment-' * 10}{number}" for number in range(3)]
    labels = draft(compared(*(slower(series(name, "GET", "/")) for name in names))).labels[2:]
    assert len(set(labels)) == 3
    assert {len(label) for label in labels} == {50}
    assert all(label.startswith("service: payment-payment-") for label in labels)


def test_a_hundred_labels_are_the_most() -> None:
    made = draft(compared(*(slower(series(f"service-{number}", "GET", "/")) for number in range(300))))
    assert len(made.labels) == 100


def test_services_that_differ_only_in_case_share_a_label_as_on_github() -> None:
    made = draft(compared(slower(series("Shop", "GET", "/")), slower(series("shop", "GET", "/"))))
    assert len(made.labels) == 3


def test_nothing_regressed_makes_no_issue() -> None:
    report = render_markdown(CASES["nothing-found-but-some-unknown"])
    assert draft_issue(read_verdicts(report), report) is None


def test_the_body_is_the_report_to_the_letter() -> None:
    for name in ("two-regressions", "hostile-names", "several-baselines"):
        report = render_markdown(CASES[name])
        if len(report) < 60_000:
            assert draft(CASES[name]).body == report


def large(count: int) -> Comparison:
    names = [series("shop", "GET", f"/{number:06}") for number in range(count)]
    errors = [ErrorGrowth(name, "HTTP 503", "x" * 100, 0, 9, 0.0, 0.1) for name in names]
    verdicts = [slower(QUERY), *(unknown(name) for name in names), *(same(name, Metric.P50) for name in names)]
    return Comparison([BEFORE], AFTER, verdicts, errors, [timeline(QUERY)])


@pytest.mark.parametrize("count", [100, 150, 300, 3_000])
def test_a_long_report_is_cut_below_githubs_limit_and_keeps_the_regression(count: int) -> None:
    comparison = large(count)
    body = draft(comparison).body
    assert len(render_markdown(comparison)) > 65_536
    assert len(body) < 65_536
    assert "> Shortened" in body
    assert "| **regressed**, critical | <code>rag_service</code>" in body
    assert ("soakwatch:verdicts" in body) == ("the verdicts for machines" not in body)


def test_the_verdicts_for_machines_go_before_anything_that_people_read() -> None:
    body = draft(large(100)).body
    assert "Left out: the verdicts for machines.\n" in body
    assert "The same: 100" in body


def test_a_report_that_people_have_edited_mentions_nobody_all_the_same() -> None:
    edited = "cc @octocat &#64;octo &#x40;octo @&#111;cto \\@octo @github/security\n\n"
    report = edited + render_markdown(CASES["two-regressions"])
    made = draft_issue(read_verdicts(report), report)
    assert made is not None
    assert not re.search(r"@(?!\u200b)", Page(made.body).text)


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=400)), st.text("aA@#\ud800\u202e\n\r,:", max_size=80))
def test_any_name_gives_a_payload_that_github_takes(name: str, service: str) -> None:
    made = draft(compared(slower(Series("staging", "shop", service, name, name)), failing(QUERY)))
    PAYLOAD.validate(json.loads(made.model_dump_json()))
    assert made.title.isprintable() or "\u200b" in made.title
    assert len(made.title.splitlines()) == 1
    assert not re.search(r"@(?=[A-Za-z0-9])", made.title)
    assert all(len(label.splitlines()) == 1 for label in made.labels)


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"title": "x" * 256}, {"body": "x" * 65_536}, {"labels": ["x" * 51]}, {"assignees": []}]
)
def test_the_schema_refuses_what_github_would_refuse(wrong: dict[str, object]) -> None:
    good = draft(CASES["two-regressions"]).model_dump(mode="json")
    PAYLOAD.validate(good)
    with pytest.raises(ValidationError):
        PAYLOAD.validate({**good, **wrong})


@pytest.mark.parametrize("name", CASES)
def test_a_comparison_that_was_written_as_verdicts_is_the_same_when_it_is_read_back(name: str) -> None:
    document = verdicts_document(CASES[name])
    assert verdicts_document(comparison_of(parse_verdicts(document.indented()))) == document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a report and with verdicts of each kind."""
    for name, comparison in CASES.items():
        (tmp_path / f"{name}.md").write_text(render_markdown(comparison), encoding="utf-8")
        (tmp_path / f"{name}.json").write_text(render_verdicts(comparison), encoding="utf-8")
    return tmp_path


def test_a_dry_run_shows_title_labels_and_body(folder: Path) -> None:
    done = soakwatch("issues", "create", "two-regressions.md", "--dry-run", folder=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    made = draft(CASES["two-regressions"])
    assert lines[0] == f"title:  {made.title}"
    assert lines[1] == f"labels: {', '.join(made.labels)}"
    assert lines[3:] == made.body.splitlines()


def test_json_is_the_payload_and_nothing_else(folder: Path) -> None:
    done = soakwatch("issues", "create", "two-regressions.md", "--dry-run", "--json", folder=folder)
    assert json.loads(done.stdout) == draft(CASES["two-regressions"]).model_dump(mode="json")
    assert done.stderr == ""


def test_verdicts_alone_make_the_same_issue_with_a_report_without_charts(folder: Path) -> None:
    done = soakwatch("issues", "create", "two-regressions.json", "--dry-run", "--json", folder=folder)
    payload, made = json.loads(done.stdout), draft(CASES["two-regressions"])
    assert (payload["title"], tuple(payload["labels"])) == (made.title, made.labels)
    assert "| **regressed**, critical | <code>mcp_server</code> | <code>POST /mcp/tools</code>" in payload["body"]
    assert read_verdicts(payload["body"]) == verdicts_document(CASES["two-regressions"])


@pytest.mark.parametrize("file", ["nothing-found.md", "everything-unknown.json"])
def test_where_nothing_regressed_there_is_no_payload_and_the_exit_code_is_fine(folder: Path, file: str) -> None:
    said = soakwatch("issues", "create", file, "--dry-run", folder=folder)
    assert (said.returncode, said.stdout) == (0, f"nothing regressed in {file}, so there is no issue to file\n")
    machine = soakwatch("issues", "create", file, "--dry-run", "--json", folder=folder)
    assert (machine.returncode, machine.stdout) == (0, "null\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "report.md: no such file; `soakwatch compare ... --report FILE` writes one"),
        (b"", "report.md: holds no verdicts"),
        (b"# Something else", "report.md: holds no verdicts"),
        (b"{", "report.md: not JSON"),
        (b'{"runs": []}', "report.md: no verdicts of soakwatch: the key 'schema' should be 1"),
        (b"\xff\xfe\x00", "report.md: not UTF-8 (byte 0)"),
    ],
)
def test_what_is_no_report_is_refused_with_a_reason(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "report.md").write_bytes(content)
    done = soakwatch("issues", "create", "report.md", "--dry-run", "--json", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
