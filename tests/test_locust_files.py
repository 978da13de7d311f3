"""What is promised of reading the files that Locust itself writes."""

import json
import random
import re
from collections.abc import Callable
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import soakwatch
from locust_writer import START, LocustWriter, Truth

from soakwatch.collector.locust_files import read_named_runs, read_runs
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.run import Outcome
from soakwatch.core.run_summary import EndpointTotals, RunTotals
from soakwatch.core.settings import ServiceRule

DATA = Path(__file__).parent / "data"
VERSIONS = ("0.14.6", "1.0.3", "1.6.0", "2.0.0", "2.15.1")
SETTINGS = Configuration(environment="staging", test="nightly", version="1.2", commit="abc")

HEADER = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
)
ROW = "GET,/q,10,1,20,21.5,9.5,143.2,60,1.5,0.1,20,22,24,25,30,140,140,140,140,140,140"
TOTAL = ROW.replace("GET,/q", ",Aggregated")


def only(runs: list[RunTotals]) -> RunTotals:
    (run,) = runs
    return run


def endpoints(run: RunTotals) -> dict[str, EndpointTotals]:
    return {str(series): totals for series, totals in run.endpoints.items()}


class Written(NamedTuple):
    """Files of one run, and what Locust had counted when it wrote them."""

    files: LocustWriter
    page: Truth
    query: Truth

    def __call__(self, ending: str) -> Path:
        return self.files.file(ending)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A minute of two endpoints, one of which fails at times, by the installed Locust."""
    writer, chance = LocustWriter(tmp_path_factory.mktemp("run")), random.Random(5)

    def work() -> None:
        for _ in range(4):
            writer.request("POST", "rag_service: /query", chance.lognormvariate(5, 0.4))
        error = ("HTTPError", "503 Server Error: Service Unavailable for url: http://h/x?token=1")
        writer.request("GET", "/page", chance.lognormvariate(3, 0.4), error if chance.random() < 0.2 else ("", ""))

    writer.tick()
    writer.seconds(59, work)
    writer.request("GET", "/page", 12.0, ("CatchResponseError", "no price in it"))
    writer.tick()
    truth = writer.write()
    return Written(writer, truth["GET /page"], truth["POST rag_service: /query"])


def test_statistics_hold_the_counts_exact_bounds_and_means_of_each_endpoint(written: Written) -> None:
    run = only(read_runs([written("_stats.csv")], SETTINGS))
    assert (run.run.id, run.run.environment, run.run.test) == ("run", "staging", "nightly")
    assert (run.run.version, run.run.commit, run.run.outcome) == ("1.2", "abc", Outcome.IMPORTED)
    assert (run.run.start, run.run.end, run.run.users, run.run.locustfile) == (0, None, 0, "")
    found = endpoints(run)
    assert sorted(found) == ["rag_service POST /query", "unknown GET /page"]
    truth, query = written.query, found["rag_service POST /query"]
    assert (query.requests, query.failures, query.mean) == (236, 0, truth.mean)
    assert (query.percentiles[0.0], query.percentiles[1.0]) == (truth.low, truth.high)
    assert query.percentiles[0.95] == truth.p95
    assert query.rounded
    assert found["unknown GET /page"].failures == written.page.failures


def test_percentiles_ascend_between_the_exact_bounds_whatever_locust_rounded(written: Written) -> None:
    for ending in ("_stats.csv", ".json", "_stats_history.csv"):
        for totals in only(read_runs([written(ending)], SETTINGS)).endpoints.values():
            assert list(totals.percentiles) == sorted(totals.percentiles)
            assert all(before <= after for before, after in pairwise(totals.percentiles.values()))


def test_the_json_file_agrees_with_the_csv_and_has_more_percentiles_and_when_it_was(written: Written) -> None:
    by_csv = only(read_runs([written("_stats.csv")], SETTINGS))
    by_json = only(read_runs([written(".json")], SETTINGS))
    for series, totals in by_csv.endpoints.items():
        other = by_json.endpoints[series]
        assert (other.requests, other.failures) == (totals.requests, totals.failures)
        assert other.mean == pytest.approx(totals.mean)
        assert {share: other.percentiles[share] for share in totals.percentiles} == dict(totals.percentiles)
        assert {0.01, 0.05, 0.1, 0.25, 0.94, 0.96} <= set(other.percentiles)
    assert by_json.run.start == pytest.approx(START + 0.25, abs=2)
    assert by_json.run.end == pytest.approx(START + 61, abs=2)


def test_all_files_of_one_prefix_are_one_run(written: Written) -> None:
    endings = ("_failures.csv", "_stats_history.csv", "_exceptions.csv", "_stats.csv", ".json")
    run = only(read_runs([written(ending) for ending in endings], SETTINGS))
    assert (run.run.users, len(run.endpoints)) == (5, 2)
    assert run.run.end is not None
    errors = endpoints(run)["unknown GET /page"].errors
    assert [error.kind for error in errors] == ["HTTP 503", "CatchResponseError"]
    assert sum(error.count for error in errors) == written.page.failures
    assert errors[1].sample == "no price in it"
    assert "token" not in errors[0].sample


def test_a_history_alone_tells_what_the_statistics_would(written: Written) -> None:
    by_history = only(read_runs([written("_stats_history.csv")], SETTINGS))
    by_csv = only(read_runs([written("_stats.csv")], SETTINGS))
    assert (by_history.run.start, by_history.run.end, by_history.run.users) == (START, START + 60, 5)
    series = next(series for series in by_csv.endpoints if series.endpoint == "/query")
    got, want = by_history.endpoints[series], by_csv.endpoints[series]
    assert (got.requests, got.failures, got.mean) == (want.requests, want.failures, want.mean)
    for share in (0.0, 1.0):
        assert got.percentiles[share] == want.percentiles[share]
    for share in (0.5, 0.75, 0.9):
        assert got.percentiles[share] == pytest.approx(want.percentiles[share], rel=0.08)


@pytest.mark.parametrize("version", VERSIONS)
def test_files_of_older_locusts_are_read(version: str) -> None:
    files = [DATA / f"locust-{version}" / f"full_{kind}.csv" for kind in ("stats", "failures", "stats_history")]
    run = only(read_runs(files, SETTINGS))
    found = endpoints(run)
    assert {name: (totals.requests, totals.failures) for name, totals in found.items()} == {
        "rag_service POST /query": (58, 0),
        "unknown GET /catalogue": (116, 4),
    }
    assert [(error.kind, error.count) for error in found["unknown GET /catalogue"].errors] == [("HTTP 503", 4)]
    assert found["rag_service POST /query"].percentiles[0.5] == 290
    assert found["rag_service POST /query"].percentiles[1.0] == pytest.approx(588.9, abs=1)
    assert found["unknown GET /catalogue"].mean == pytest.approx(21.7, abs=1)
    assert (run.run.start, run.run.end) == (1_600_000_000, 1_600_000_029)
    assert run.run.users == (0 if version == "0.14.6" else 3)


@pytest.mark.parametrize("version", VERSIONS)
def test_older_histories_alone_tell_the_same(version: str) -> None:
    by_history = only(read_runs([DATA / f"locust-{version}" / "full_stats_history.csv"], SETTINGS))
    found = endpoints(by_history)
    assert (found["rag_service POST /query"].requests, found["unknown GET /catalogue"].failures) == (58, 4)
    assert found["rag_service POST /query"].percentiles[0.5] == pytest.approx(290, rel=0.1)
    total = only(read_runs([DATA / f"locust-{version}" / "plain_stats_history.csv"], SETTINGS))
    assert {name: totals.requests for name, totals in endpoints(total).items()} == {"unknown Aggregated": 174}


def write(folder: Path, *lines: str, name: str = "run_stats.csv", end: str = "\r\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    return path


def test_services_follow_the_rules_of_the_configuration(tmp_path: Path) -> None:
    rules = (ServiceRule(name="shop", endpoint="/q*"),)
    path = write(tmp_path, HEADER, ROW, TOTAL)
    assert list(endpoints(only(read_runs([path], Configuration(service=rules))))) == ["shop GET /q"]


def test_two_entries_that_the_rules_make_one_are_counted_together(tmp_path: Path) -> None:
    rules = (ServiceRule(name="shop", endpoint="/q"),)
    path = write(tmp_path, HEADER, ROW, ROW.replace("/q", "shop: /q"), TOTAL)
    (totals,) = only(read_runs([path], Configuration(service=rules))).endpoints.values()
    assert (totals.requests, totals.failures, totals.mean) == (20, 2, 21.5)
    assert (totals.percentiles[0.0], totals.percentiles[1.0]) == (9.5, 143.2)


def test_each_run_comes_with_the_files_that_it_was_read_from(tmp_path: Path) -> None:
    alike = [write(tmp_path, HEADER, ROW.replace("9.5", f"{day}.5"), name=f"{day}/a/b_stats.csv") for day in (1, 2)]
    other = write(tmp_path, HEADER, ROW, name="b_stats.csv")
    named = read_named_runs([*alike, other], SETTINGS)
    assert [(name, run.run.id.rpartition("/")[2]) for name, run in named] == [
        *((str(path), "b") for path in (*alike, other)),
    ]


def test_the_sum_of_all_endpoints_is_none_of_them(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, ROW, TOTAL, ROW.replace("/q", "Aggregated"))
    assert list(endpoints(only(read_runs([path], SETTINGS)))) == ["unknown GET /q", "unknown GET Aggregated"]


def test_a_file_with_nothing_but_the_sum_is_one_endpoint(tmp_path: Path) -> None:
    run = only(read_runs([write(tmp_path, HEADER, TOTAL)], SETTINGS))
    (series,) = run.endpoints
    assert (series.method, series.endpoint, run.endpoints[series].requests) == ("", "Aggregated", 10)


def test_an_endpoint_without_requests_has_no_percentiles(tmp_path: Path) -> None:
    none = "GET,/idle,0,0,0,0.0,0,0,0,0.0,0.0" + ",N/A" * 11
    totals = endpoints(only(read_runs([write(tmp_path, HEADER, none, ROW)], SETTINGS)))["unknown GET /idle"]
    assert (totals.requests, totals.mean, dict(totals.percentiles)) == (0, None, {})


def test_a_file_without_locusts_ending_is_a_run_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, ROW, name="load_results_baseline_20261123T101500Z.csv")
    assert only(read_runs([path], SETTINGS)).run.id == "load_results_baseline_20261123T101500Z"


def test_the_same_prefix_in_two_folders_is_two_runs_with_two_ids(tmp_path: Path) -> None:
    monday = write(tmp_path, HEADER, ROW, name="monday/nightly_stats.csv")
    tuesday = write(tmp_path, HEADER, ROW.replace("10,1", "12,1"), name="tuesday/nightly_stats.csv")
    assert [run.run.id for run in read_runs([monday, tuesday], SETTINGS)] == ["monday/nightly", "tuesday/nightly"]


def test_a_byte_order_mark_and_either_end_of_lines_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + HEADER, ROW, TOTAL, end="\n")
    assert list(endpoints(only(read_runs([path], SETTINGS)))) == ["unknown GET /q"]


def test_names_with_commas_quotes_and_line_breaks_are_kept(tmp_path: Path) -> None:
    name = 'a, "b"\nc'
    quoted = '"' + name.replace('"', '""') + '"'
    path = write(tmp_path, HEADER, ROW.replace("/q", quoted), ROW)
    assert [series.endpoint for series in only(read_runs([path], SETTINGS)).endpoints] == [name, "/q"]


def json_of(*, twice: bool = False, **changes: object) -> str:
    """Three requests as Locust writes them to its `--json-file`, each key on a line of its own from line 3 on."""
    entry = {
        "name": "/q",
        "method": "GET",
        "last_request_timestamp": START + 9.5,
        "start_time": START + 0.5,
        "num_requests": 3,
        "num_none_requests": 0,
        "num_failures": 0,
        "num_reqs_per_sec": {},
        "num_fail_per_sec": {},
        "total_response_time": 40.5,
        "avg": 13.5,
        "max_response_time": 15.5,
        "min_response_time": 12.5,
        "response_times": {"12": 2, "16": 1},
        **changes,
    }
    return json.dumps([entry, entry] if twice else [entry], indent=4)


WRONG: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", ":1: the file is empty"),
    "header only": (HEADER + "\r\n", ":2: nothing follows the header"),
    "cut off": (f"{HEADER}\r\n{ROW}\r\n{ROW[:40]}", ":3: 11 cells; the header has 22 columns (or is the row cut off?)"),
    "cut off in the last cell": (f"{HEADER}\r\n{ROW}\r\n{TOTAL[:-1]}", ":3: the last row has no end"),
    "semicolons": (HEADER.replace(",", ";") + "\r\n", ":1: the columns seem to be separated by semicolons"),
    "tabs": (HEADER.replace(",", "\t") + "\r\n", ":1: the columns seem to be separated by tabs"),
    "another locale": (f"{HEADER}\r\n{ROW.replace('21.5', chr(34) + '1.234,5' + chr(34))}\r\n", ":2: Average Response"),
    "decimal commas": (f"{HEADER}\r\n{ROW.replace('21.5', '21,5')}\r\n", ":2: 23 cells"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\x00\x00", ":1: a NUL byte"),
    "UTF-16": (HEADER.encode("utf-16"), ":1: the text is UTF-16"),
    "NUL": (f"{HEADER}\r\n{ROW}\r\n".encode() + b"\0" * 50, ":3: a NUL byte"),
    "latin-1": (f"{HEADER}\r\n{ROW.replace('/q', '/ü')}\r\n".encode("latin-1"), ":2: '/\\udcfc' is not UTF-8"),
    "missing columns": ("Type,Name,Request Count,Average Response Time\r\n", ":1: there is no column 'Failure Count'"),
    "unknown": ("date,price\r\n1,2\r\n", ":1: the first line is 'date, price'"),
    "negative": (f"{HEADER}\r\n{ROW.replace('9.5', '-9.5')}\r\n", ":2: Min Response Time is -9.5"),
    "NaN": (f"{HEADER}\r\n{ROW.replace('21.5', 'nan')}\r\n", ":2: Average Response Time is 'nan'"),
    "infinite": (f"{HEADER}\r\n{ROW.replace('143.2', '1e999')}\r\n", ":2: Max Response Time is 1e999"),
    "over a day": (f"{HEADER}\r\n{ROW.replace('143.2', '86400001')}\r\n", "at most a day"),
    "more failures than requests": (f"{HEADER}\r\n{ROW.replace('10,1,', '10,11,')}\r\n", ":2: 11 failures of 10"),
    "counts that are not whole": (f"{HEADER}\r\n{ROW.replace('10,1,', '10.5,1,')}\r\n", ":2: Request Count is 10.5"),
    "a row twice": (f"{HEADER}\r\n{ROW}\r\n{ROW}\r\n", ":3: 'GET /q' is there again (first in line 2)"),
    "percentiles that decrease": (f"{HEADER}\r\n{ROW.replace('24,25,30', '24,23,30')}\r\n", ":2: the percentiles"),
    "bounds that cross": (f"{HEADER}\r\n{ROW.replace('9.5', '999.5')}\r\n", ":2: Min Response Time 999.5 is above"),
    "a mean outside of its bounds": (f"{HEADER}\r\n{ROW.replace('21.5', '900')}\r\n", ":2: Average Response Time 900"),
    "other JSON": ('{"schema": 1}', ":1: this JSON is no list; the list of entries that Locust's"),
    "broken JSON": ('[\n{"name": "x",', ":2:14: not JSON"),
    "JSON without entries": ("\n[]", ":2: the list is empty"),
    "JSON of others": ('[\n{"name": "x"}]', ":2: entry 1, method is missing"),
    "JSON that is not UTF-8": (b'[\n{"name": "\xfc"}]', ":2: not JSON: byte 12 is not UTF-8"),
    "JSON with a key twice": ('[\n{"name": "x",\n"name": "y"}]', ":3: [0].name is there twice"),
    "JSON with NaN": (json_of(min_response_time=nan), ":15: [0].min_response_time"),
    "a negative count in JSON": (json_of(num_requests=-3), ":7: entry 1, num_requests: -3"),
    "an endless time in JSON": (json_of(max_response_time=9e99), ":14: entry 1, max_response_time: 9e+99"),
    "an entry of JSON twice": (json_of(twice=True), ":21: 'GET /q' is there again"),
    "more failures than requests in JSON": (json_of(num_failures=7), ":9: 'GET /q' has 7 failures of 3 requests"),
    "response times of too few requests": (json_of(num_none_requests=1), ":16: 'GET /q' has 3 times of 2 requests"),
    "a response time that is none": (json_of(response_times={"12": 2, "x": 1}), ":18: 'GET /q' has 'x' among"),
    "a response time of weeks": (json_of(response_times={"12": 2, "1e10": 1}), ":18: 'GET /q' has 1 times 1e+10 ms"),
    "failures alone": ("Method,Name,Error,Occurrences\r\nGET,/q,x,1\r\n", "no requests are counted in it"),
    "exceptions alone": ("Count,Message,Traceback,Nodes\r\n", "no requests are counted in it"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_told_by_its_name_and_line_and_what_was_expected(tmp_path: Path, what: str) -> None:
    content, message = WRONG[what]
    path = tmp_path / "run_stats.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as caught:
        read_runs([path], SETTINGS)
    assert message in str(caught.value)
    assert re.match(rf"{re.escape(str(path))}:\d+:|.* no requests are counted", str(caught.value))
    assert ";" in str(caught.value), "what was expected comes behind a semicolon"


def test_a_folder_or_a_missing_file_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing_stats.csv"):
        with pytest.raises(UsageError, match="a file that Locust wrote was expected"):
            read_runs([path], SETTINGS)


def the_same_path(path: Path) -> Path:
    return path.parent / "." / path.name


def a_link(path: Path) -> Path:
    (path.parent / "link_stats.csv").symlink_to(path)
    return path.parent / "link_stats.csv"


def a_copy(path: Path) -> Path:
    return write(path.parent, HEADER, ROW, TOTAL, name="copy/other_stats.csv")


@pytest.mark.parametrize("again", [the_same_path, a_link, a_copy])
def test_the_same_file_twice_is_refused(tmp_path: Path, again: Callable[[Path], Path]) -> None:
    path = write(tmp_path, HEADER, ROW, TOTAL)
    with pytest.raises(UsageError, match="its requests would count twice"):
        read_runs([path, again(path)], SETTINGS)


def test_failures_of_another_run_are_told(tmp_path: Path) -> None:
    stats = write(tmp_path, HEADER, ROW)
    failures = write(tmp_path, "Method,Name,Error,Occurrences", "GET,/other,x,1", name="run_failures.csv")
    with pytest.raises(UsageError, match="'GET /other' is no endpoint of this run"):
        read_runs([stats, failures], SETTINGS)


def test_errors_that_locust_1_did_not_escape_are_read(tmp_path: Path) -> None:
    stats = write(tmp_path, HEADER, ROW)
    error = 'ValueError(\'no "a", no "b", nothing\')'
    failures = write(
        tmp_path, '"Method","Name","Error","Occurrences"', f'"GET","/q","{error}",1', name="run_failures.csv"
    )
    (totals,) = only(read_runs([stats, failures], SETTINGS)).endpoints.values()
    assert [(error.kind, error.count) for error in totals.errors] == [("ValueError", 1)]


@pytest.mark.parametrize("command", ["baseline", "metrics"])
def test_endpoints_without_a_service_are_told_with_what_to_do(tmp_path: Path, command: str) -> None:
    write(tmp_path, HEADER, ROW, ROW.replace("/q", "/r"), ROW.replace("/q", "shop: /s"), TOTAL)
    done = soakwatch(command, "extract", "run_stats.csv", "out.json", "--json", folder=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["services"]) == (0, ["shop", "unknown"])
    said = " ".join(done.stderr.split())
    assert "2 endpoints have no service, such as GET /q; they are counted under 'unknown'" in said
    assert "name requests `service: /path`, or write [[service]] rules into soakwatch.toml" in said


def test_nothing_is_said_of_services_where_all_endpoints_have_one(tmp_path: Path) -> None:
    write(tmp_path, HEADER, ROW.replace("/q", "shop: /s"), ROW, TOTAL)
    (tmp_path / "soakwatch.toml").write_text('[[service]]\nname = "search"\nendpoint = "/q"\n', encoding="utf-8")
    done = soakwatch("baseline", "extract", "run_stats.csv", "out.json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "wrote out.json\n")


@pytest.mark.parametrize("content", ["[", "\ufeff[", " \n["])
def test_json_of_locust_that_is_cut_off_is_told_as_such(tmp_path: Path, content: str) -> None:
    for name, text in (("cut.json", content), ("good.json", json_of())):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = soakwatch("compare", "good.json", "cut.json", folder=tmp_path)
    assert done.returncode == 2
    assert "the file seems to be cut off there" in " ".join(done.stderr.split())
