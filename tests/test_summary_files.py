"""Baseline and metrics files: read back as written, made for version control, and strict about everything else."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.errors import UsageError
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.run_summary import (
    Block,
    EndpointTotals,
    ErrorTotal,
    PinnedEndpoint,
    PinnedRun,
    PlainBaseline,
    RunSummary,
    RunTotals,
)
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric
from soakwatch.store.summary_files import MadeFrom, SummaryKind, read_summaries, recognise, render_baselines
from soakwatch.store.summary_files import render_metrics as render

COUNTS = st.integers(0, 2**40)
TIMES = st.floats(0, 1e12)
# a high and a low half side by side are one character in JSON, whatever Python makes of them
NAMES = st.text(st.characters()).map(lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
SERIES = st.builds(Series, st.just("staging"), st.just("nightly"), NAMES, NAMES, NAMES)
ERRORS = st.lists(st.builds(ErrorTotal, NAMES, COUNTS, NAMES), max_size=2).map(tuple)
HISTOGRAMS = st.lists(st.floats(0, 1e9), max_size=20).map(Histogram.of)
RUNS = st.builds(
    Run,
    NAMES,
    st.just("staging"),
    st.just("nightly"),
    st.floats(0, 4e9),
    st.none() | st.floats(0, 4e9),
    COUNTS,
    TIMES,
    *([NAMES] * 6),
    st.sampled_from(Outcome),
    st.none() | st.builds(Reconciliation, *([COUNTS] * 8), st.lists(NAMES, max_size=2).map(tuple)),
)


@st.composite
def totals(draw: st.DrawFn) -> EndpointTotals:
    requests, failures = sorted(draw(st.tuples(COUNTS, COUNTS)), reverse=True)
    shares = sorted(draw(st.sets(st.floats(0, 1), max_size=5)))
    times = sorted(draw(st.lists(TIMES, min_size=len(shares), max_size=len(shares))))
    percentiles = dict(zip(shares, times, strict=True))
    return EndpointTotals(requests, failures, draw(st.none() | TIMES), percentiles, draw(st.booleans()), draw(ERRORS))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    hist = draw(HISTOGRAMS)
    failures = draw(st.integers(0, 1000))
    return Block(hist.count + failures + draw(st.integers(0, 3)), failures, draw(TIMES), hist)


@st.composite
def pinned_runs(draw: st.DrawFn) -> PinnedRun:
    seconds = tuple(draw(st.lists(st.floats(0, 1e6), max_size=4)))
    several = st.lists(blocks(), min_size=len(seconds), max_size=len(seconds)).map(tuple)
    endpoints = draw(
        st.dictionaries(SERIES, st.builds(PinnedEndpoint, several, st.integers(0, 10_000), ERRORS), max_size=3)
    )
    users = draw(st.none() | st.floats(0, 1e6))
    return PinnedRun(draw(RUNS), seconds, users, draw(st.booleans()), draw(HISTOGRAMS), endpoints)


RUN_TOTALS = st.builds(RunTotals, RUNS, st.dictionaries(SERIES, totals(), max_size=3))

QUERY = Series("staging", "nightly", "rag_service", "POST", "/query")
USERS = Series("staging", "nightly", "api_gateway", "GET", "/api/users")
NIGHTLY = Run("nightly", "staging", "nightly", 1_795_399_200.25, 1_795_399_800.0, 24, outcome=Outcome.IMPORTED)
TOTALS = RunTotals(
    NIGHTLY,
    {
        QUERY: EndpointTotals(240, 2, 181.5, {0.0: 90.0, 0.5: 180.0, 0.95: 280.0, 0.999: 310.0, 1.0: 312.5}),
        USERS: EndpointTotals(60, 0, 20.25, {0.5: 20.0, 0.95: 29.0}, errors=(ErrorTotal("HTTP 503", 2, "why"),)),
    },
)
PINNED = PinnedRun(
    replace(NIGHTLY, id="pinned", outcome=Outcome.FINISHED),
    (60.0, 60.0),
    24.0,
    saturated=False,
    late=Histogram.of([1.0, 2.0]),
    endpoints={
        QUERY: PinnedEndpoint(
            (Block(4, 1, 600.0, Histogram.of([190, 200, 210])), Block(3, 0, 570.0, Histogram.of([180, 190, 200]))),
            windows=12,
        )
    },
)
SOURCE = MadeFrom("nightly_stats.csv", "0" * 64)


def read(text: str, folder: Path, name: str = "performance-baselines.json") -> list[RunSummary]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_summaries(folder / name)


def baselines() -> Any:
    return json.loads(render_baselines([TOTALS], [SOURCE]))


def pinned() -> Any:
    return json.loads(render_baselines([PINNED], []))


@given(st.lists(RUN_TOTALS | pinned_runs(), min_size=1, max_size=3, unique_by=lambda summary: summary.run.id))
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, runs: list[RunTotals | PinnedRun]
) -> None:
    found = read(render_baselines(runs, [SOURCE]), tmp_path_factory.getbasetemp())
    assert found == sorted(runs, key=lambda summary: (summary.run.start, summary.run.id))


@given(RUN_TOTALS)
def test_metrics_read_back_equal(tmp_path_factory: pytest.TempPathFactory, run: RunTotals) -> None:
    assert read(render(run, []), tmp_path_factory.getbasetemp()) == [run]


def test_the_same_runs_give_the_same_bytes_in_whatever_order_they_come() -> None:
    other = RunTotals(replace(NIGHTLY, id="a"), dict(reversed([*TOTALS.endpoints.items()])))
    sources = [SOURCE, MadeFrom("a_stats.csv", "1" * 64)]
    assert render_baselines([TOTALS, other], sources) == render_baselines([other, TOTALS], sources[::-1])


def test_one_changed_number_is_one_changed_line() -> None:
    slower = {**TOTALS.endpoints, QUERY: replace(TOTALS.endpoints[QUERY], mean=199.0)}
    before, after = (render_baselines([run], [SOURCE]).splitlines() for run in (TOTALS, RunTotals(NIGHTLY, slower)))
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert changed == [('          "mean": 181.5,', '          "mean": 199.0,')]


def test_a_reviewer_can_read_it() -> None:
    lines = render_baselines([TOTALS, PINNED], [SOURCE]).splitlines()
    assert lines[:4] == ["{", '  "schema": 2,', '  "kind": "baselines",', '  "made_from": [']
    assert '      "start": "2026-11-23T02:00:00.25Z",' in lines
    assert '            "50": 180.0,' in lines
    assert '            "99.9": 310.0,' in lines
    assert '      "seconds": [60.0, 60.0],' in lines
    assert '            "requests": [4, 3],' in lines
    services = [line.strip() for line in lines if '"service"' in line]
    assert services[:2] == ['"service": "api_gateway",', '"service": "rag_service",']


def test_a_pinned_endpoint_says_for_people_what_its_blocks_mean() -> None:
    endpoint = pinned()["runs"][0]["endpoints"][0]
    assert (endpoint["requests"], endpoint["failures"], endpoint["mean"]) == (7, 1, 195.0)
    assert endpoint["p50"] == pytest.approx(190, rel=0.011)
    assert endpoint["p95"] == pytest.approx(210, rel=0.011)


def test_a_name_that_could_deceive_a_reviewer_is_written_visibly(tmp_path: Path) -> None:
    hostile = replace(QUERY, endpoint="/a\u202e\u2028\x1b[31m\ud800 é")
    run = RunTotals(NIGHTLY, {hostile: TOTALS.endpoints[QUERY]})
    text = render(run, [])
    assert r'"/a\u202e\u2028\u001b[31m\ud800 é"' in text
    assert read(text, tmp_path) == [run]


def test_a_run_of_another_test_is_not_written_as_its_own() -> None:
    stray = {replace(QUERY, test="smoke"): TOTALS.endpoints[QUERY]}
    with pytest.raises(ValueError, match="not of the environment and test of run nightly"):
        render(RunTotals(NIGHTLY, stray), [])


def test_the_kind_of_a_file_is_recognised(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    for text, kind in (
        (render_baselines([TOTALS], []), SummaryKind.BASELINES),
        (render(TOTALS, []), SummaryKind.METRICS),
        ('{"api_gateway": {"p95": 3}}', None),
        ("[]", None),
    ):
        file.write_text(text, encoding="utf-8")
        assert recognise(file) is kind


def test_a_digest_is_of_the_content_and_the_name_without_folders(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert MadeFrom.of(tmp_path / "x.csv") == MadeFrom("x.csv", empty)
    with pytest.raises(UsageError, match=r"gone\.csv: cannot be read: No such file"):
        MadeFrom.of(tmp_path / "gone.csv")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = render_baselines([TOTALS], []).replace("\n", "\r\n")
    (tmp_path / "b.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_summaries(tmp_path / "b.json") == [TOTALS]


def test_keys_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    content = baselines()
    content["colour"] = content["runs"][0]["colour"] = content["runs"][0]["endpoints"][0]["colour"] = "red"
    assert read(json.dumps(content), tmp_path) == [TOTALS]


def changed(document: Callable[[], Any], change: Callable[[Any], object]) -> str:
    content = document()
    change(content)
    return json.dumps(content, indent=2)


def first(content: Any) -> Any:
    return content["runs"][0]["endpoints"][0]


WRONG: dict[str, tuple[str, str]] = {
    "empty": ("", "empty; JSON was expected"),
    "cut off": ('{"schema": 2,\n "kind": "base', r"json:2:10: not JSON: Unterminated string"),
    "cut off between": ('{"schema": 2,\n', r"json:2:1: not JSON: .*; the file seems to be cut off there"),
    "merge conflict": ('{\n<<<<<<< HEAD\n"schema": 2}', r"json:2:1: not JSON: Expecting property name"),
    "a key twice": ('{"schema": 2,\n "runs": [{"id": 1,\n "id": 2}]}', r"json:3: runs\[0\]\.id is there twice"),
    "NaN": ('{"a":\n {"p95": [NaN]}}', r"json:2: a\.p95\[0\]: JSON knows no NaN and no Infinity"),
    "infinite": ('{"a": "Infinity", "b":\n-Infinity}', r"json:2: b: JSON knows no NaN and no Infinity"),
    "endless number": (f'{{"a": {"1" * 5000}}}', "longer numbers"),
    "endless depth": ("[" * 100_000, "nested deeper"),
    "newer": ('{"schema": 3}', r"written by a newer soakwatch \(schema 3, this one reads up to 2\); upgrade soakwatch"),
    "another kind": ('{"schema": 2, "kind": "recipe"}', "'kind' should be 'baselines' or 'metrics', not 'recipe'"),
    "verdicts": ('{"schema": 1, "baselines": [], "verdicts": []}', "neither baselines nor metrics"),
    "executions": ('{"schema": 1, "executions": []}', "neither baselines nor metrics"),
    "Locust's list": ('[{"name": "/"}]', "a list, such as Locust's --json-file writes"),
    "a number": ("3", "neither baselines nor metrics"),
    "no run": (changed(baselines, lambda it: it["runs"].clear()), "json:10: runs: at least one was expected"),
    "a run twice": (changed(baselines, lambda it: it["runs"].append(it["runs"][0])), "'nightly' is there twice"),
    "no basis": (
        changed(baselines, lambda it: it["runs"][0].pop("basis")),
        r"json:11: runs\[0\]: 'basis' should be 'percentiles'",
    ),
    "missing": (
        changed(baselines, lambda it: first(it).pop("requests")),
        r"json:\d+: runs\[0\]\.endpoints\[0\]\.requests is missing",
    ),
    "negative time": (
        changed(baselines, lambda it: first(it).update(mean=-1)),
        r"json:3\d: runs\[0\]\.endpoints\[0\]\.mean: .*greater than or equal to 0, not -1",
    ),
    "overflowing time": (
        changed(baselines, lambda it: first(it).update(mean=10**400)),
        r"\.mean: .*valid number, not .{,70}$",
    ),
    "count as text": (changed(baselines, lambda it: first(it).update(requests="60")), "valid integer, not '60'"),
    "half a request": (changed(baselines, lambda it: first(it).update(requests=60.5)), "valid integer, not 60.5"),
    "true as count": (changed(baselines, lambda it: first(it).update(requests=True)), "valid integer, not True"),
    "number as name": (changed(baselines, lambda it: first(it).update(service=3)), "should be a text, not 3"),
    "more failures": (
        changed(baselines, lambda it: first(it).update(failures=61)),
        r"endpoints\[0\]: api_gateway GET /api/users: 61 failures of 60 requests",
    ),
    "decreasing": (
        changed(baselines, lambda it: first(it)["percentiles"].update({"95": 19})),
        r"percentiles: percentiles should not decrease, but 50 is 20.0 and 95 is 19.0",
    ),
    "percentile twice": (
        changed(baselines, lambda it: first(it)["percentiles"].update({"50.0": 20})),
        "percentile 50 is there twice",
    ),
    "no percentile": (changed(baselines, lambda it: first(it)["percentiles"].update({"101": 40})), "should match"),
    "endpoint twice": (
        changed(baselines, lambda it: it["runs"][0]["endpoints"].append(first(it))),
        r"endpoints\[0\] and endpoints\[2\] are both 'api_gateway GET /api/users'",
    ),
    "no such day": (changed(baselines, lambda it: it["runs"][0].update(start="2026-02-30T02:00:00Z")), "no such time"),
    "local time": (changed(baselines, lambda it: it["runs"][0].update(start="2026-02-03 02:00")), r"start: .*match"),
    "no outcome": (changed(baselines, lambda it: it["runs"][0].update(outcome="fine")), "'finished'.*not 'fine'"),
    "no digest": (changed(baselines, lambda it: it["made_from"][0].update(sha256="00")), r"made_from\[0\]\.sha256"),
    "unequal lists": (
        changed(pinned, lambda it: first(it)["blocks"]["failures"].pop()),
        "lists of one length were expected, .* not requests 2, failures 1, success_sum 2, hist 2",
    ),
    "unequal blocks": (
        changed(pinned, lambda it: it["runs"][0]["seconds"].append(60)),
        r"endpoints\[0\] \(rag_service POST /query\) has 2 blocks; 3 were expected",
    ),
    "too many times": (
        changed(pinned, lambda it: first(it)["blocks"].update(requests=[3, 3])),
        "block 0 has 3 requests, but 1 failures and 3 times of successes",
    ),
    "no histogram": (changed(pinned, lambda it: first(it)["blocks"].update(hist=["?", "?"])), r"hist\[0\]: .*match"),
    "broken histogram": (changed(pinned, lambda it: it["runs"][0]["generator"].update(late="AQ")), "late: "),
    "padded histogram": (changed(pinned, lambda it: it["runs"][0]["generator"].update(late="AQCAAQ==")), "late: "),
    "a figure that was changed by hand": (
        changed(pinned, lambda it: first(it).update(p95=300)),
        "p95 is 300.0, but its blocks say .*pin the run anew",
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read(text, tmp_path)
    assert str(refused.value).startswith(str(tmp_path / "performance-baselines.json"))
    assert "pydantic" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"\xff\xfe{\x00", "byte 0 is not UTF-8 text"), (b"PK\x03\x04\x00", "not JSON"), (b" \n", "empty")],
)
def test_binary_files_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "b.json").write_bytes(data)
    with pytest.raises(UsageError, match=said):
        read_summaries(tmp_path / "b.json")


def test_a_file_that_is_not_there_or_a_folder_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"b\.json: no such file"):
        read_summaries(tmp_path / "b.json")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_summaries(tmp_path)


NUMBERS = {Metric.P50: 20.0, Metric.P95: 30.0, Metric.MEAN: 22.0, Metric.ERROR_RATE: 0.01}


@pytest.mark.parametrize(
    "text",
    [
        '{"api_gateway": {"p50": 20, "p95": 30, "mean": 22, "error_rate": 0.01}}',
        '{"version": 1, "services": {"api_gateway": {"p50": 20, "p95": 30, "avg": 22, "error_rate": 0.01}}}',
        (
            '{"schema_version": "1.0", "baselines": {"api_gateway": '
            '{"median_ms": 20, "p95_ms": 30, "mean_ms": 22, "error_rate_percent": 1}}}'
        ),
        (
            '{"schema": 1, "timestamp": "2026-11-23", "services": {"api_gateway": {"p50_response_time": 20, '
            '"p95_response_time_ms": 30, "avg_response_time": 22, "errorRate": 0.01, "requests": 240}}}'
        ),
        (
            '{"metadata": {"by": "a script"}, "api_gateway": {"response_time": {"p50": 20, "p95": 30, "average": 22}, '
            '"error_rate_pct": 1, "p99": null}}'
        ),
        (
            '{"api_gateway": {"response_time_median": 20, "median": 20, "response_time_p95_ms": 30, '
            '"latency_mean_ms": 22, "failure_rate": 0.01}}'
        ),
        '{"api_gateway": {"p50_seconds": 0.02, "p95_s": 0.03, "mean_s": 0.022, "error_rate": 0.01}}',
    ],
)
def test_plain_numbers_of_version_1_are_read_in_the_forms_that_scripts_wrote(tmp_path: Path, text: str) -> None:
    (found,) = read(text, tmp_path)
    assert isinstance(found, PlainBaseline)
    assert found.run == Run("performance-baselines", "", "", 0.0, outcome=Outcome.IMPORTED)
    assert found.services == {"api_gateway": pytest.approx(NUMBERS)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"api_gateway": {\n"error_rate": 2.5}}',
            (
                r"json:2: api_gateway\.error_rate: a share was expected .* 2\.5 is too large for a baseline's; "
                "call it error_rate_percent when it is one"
            ),
        ),
        ('{"a": {"error_rate_pct": 101}}', r"a\.error_rate_pct: at most 100 percent was expected, not 101"),
        ('{"a": {"p95": 1},\n"b": {"requests": 3}}', r"json:2: b: no number that is understood; expected are p50, .*"),
        ('{"services": {"a": 3}}', r"services\.a: no number that is understood"),
        ('{"services": {}}', "neither baselines nor metrics: .* with p50, "),
        ("{}", "neither baselines nor metrics"),
        ('{"a": {"p95": "300"}}', r"a\.p95: a finite number, zero or more, was expected, not '300'"),
        ('{"a": {"p95": -3}}', "zero or more, was expected, not -3"),
        ('{"a": {"p95": 1e999}}', "finite number, zero or more, was expected, not inf"),
        ('{"a": {"p95": true}}', "finite number"),
        (f'{{"a": {{"p95": {"9" * 400}}}}}', "finite number"),
        ('{"a": {"p50": 3,\n"p95": 2}}', r"json:2: a\.p95: p95 is 2 ms and p50 is 3 ms; percentiles should not"),
        ('{"a": {"p50": 3, "median": 2}}', r"a\.median and a\.p50 mean the same and differ \(2 and 3\)"),
        ('{"version": 3, "a": {"p50": 3}}', "version is 3; files with plain numbers have version 1 or none"),
        ('{"a": {"p50": 3, "p50": 4}}', r"a\.p50 is there twice"),
        ('{"a": {"p50": NaN}}', r"a\.p50: JSON knows no NaN"),
    ],
)
def test_plain_numbers_that_are_wrong_are_refused_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(text, tmp_path)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["schema", "kind", "runs", "run", "p95", "a", "services"]) | st.text(), inner,
                         max_size=4), max_leaves=20))  # fmt: skip
def test_no_json_at_all_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    with contextlib.suppress(UsageError):
        read(json.dumps(content), tmp_path_factory.getbasetemp())
