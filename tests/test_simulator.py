"""The simulator: files of load tests that nobody ran, in which exactly the fault is found that was put there."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter, deque
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command_line import soakwatch
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.collector.locust_files import read_runs
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import RunTotals
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Decision, Metric, Severity
from soakwatch.demo.saturation import Capacity, congestion
from soakwatch.demo.simulated_scenarios import API, BASELINE, HEALTHY, Scenario, apportion
from soakwatch.demo.simulator import simulate
from soakwatch.detector.compare import compare_runs
from soakwatch.store.execution_metadata import (
    FILE_NAME,
    NOTHING_YET,
    Execution,
    ExecutionKind,
    ExecutionOutcome,
    parse_metadata,
    read_metadata,
    record_execution,
    render_metadata,
    with_execution,
)

SEEDS = range(100)
START = 1_795_399_200.0
AT = ("--at", "2026-11-23T02:00:00Z")
BASELINE_FILES = [f"load_results_baseline_20261123T020000Z{end}" for end in (".csv", "_failures.csv", ".json")]
API_FILES = [name.replace("baseline", "api") for name in BASELINE_FILES]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WRITE_CSV = """
import sys
from pathlib import Path
from soakwatch.demo.locust_csv import render_csv
from soakwatch.demo.simulated_scenarios import API, BASELINE
from soakwatch.demo.simulator import simulate

folder, start, *seeds = sys.argv[1:]
for seed in map(int, seeds):
    for name, scenario in {"baseline": BASELINE, "api": API, "well": API.without_faults()}.items():
        texts = render_csv(simulate(scenario, seed), float(start))
        Path(folder, f"{name}{seed}.csv").write_text(texts.stats, encoding="utf-8", newline="")
        Path(folder, f"{name}{seed}_failures.csv").write_text(texts.failures, encoding="utf-8", newline="")
"""


def write_csv(folder: Path, *seeds: int) -> None:
    """Write the CSV files of all scenarios; in a process of its own, because Locust patches the standard library."""
    command = [sys.executable, "-c", WRITE_CSV, str(folder), str(START), *map(str, seeds)]
    subprocess.run(command, check=True, timeout=120)


def read_csv(folder: Path, name: str) -> RunTotals:
    """The run as its CSV files tell it."""
    (run,) = read_runs([folder / f"{name}.csv", folder / f"{name}_failures.csv"], Configuration())
    return run


# what is simulated


def test_the_baseline_makes_540_requests_of_three_services_and_api_1800_of_two() -> None:
    for scenario, total, services in (
        (BASELINE, 540, ["api_gateway", "rag_service", "mcp_server"]),
        (API, 1800, ["api_gateway", "rag_service"]),
    ):
        counted = Counter(request.endpoint.service for request in simulate(scenario, 1))
        assert sum(counted.values()) == scenario.requests == total
        assert sorted(counted) == sorted(services) == sorted(scenario.services)


def test_api_rises_step_by_step_and_every_user_keeps_the_pace_of_the_baseline() -> None:
    requests = simulate(API, 1)
    begins = [sum(step.seconds for step in API.steps[:number]) for number in range(len(API.steps))]
    for step, begin in zip(API.steps, begins, strict=True):
        made = sum(begin <= request.ended - request.time / 1000 < begin + step.seconds for request in requests)
        assert made == step.requests
    assert [step.users for step in API.steps] == sorted({step.users for step in API.steps})
    assert {step.requests / step.seconds / step.users for step in (*BASELINE.steps, *API.steps)} == {0.2}


def test_equal_seeds_give_equal_requests_and_others_do_not() -> None:
    assert simulate(API, 3) == simulate(API, 3)
    assert simulate(API, 3) != simulate(API, 4)


def test_the_gateway_gets_slower_and_refuses_more_with_every_step() -> None:
    requests = [
        request for request in simulate(API.of_requests(18_000), 1) if request.endpoint.service == "api_gateway"
    ]
    steps = [[request for request in requests if 600 * n <= request.ended < 600 * (n + 1)] for n in range(5)]
    answered = [[request.time for request in step if not request.refused] for step in steps]
    means = [sum(times) / len(times) for times in answered]
    refused = [sum(request.refused for request in step) / len(step) for step in steps]
    assert means == sorted(means)
    assert refused == sorted(refused)
    assert refused[0] < 0.01
    assert refused[-1] > 0.2


def test_the_fault_changes_nothing_but_the_gateway() -> None:
    broken, well = simulate(API, 5), simulate(API.without_faults(), 5)
    others = [[request for request in run if request.endpoint.service != "api_gateway"] for run in (broken, well)]
    assert others[0] == others[1]
    assert not any(request.refused for request in well)
    assert simulate(BASELINE, 5) == simulate(BASELINE.without_faults(), 5)


@given(st.integers(10, 100_000), st.sampled_from([BASELINE, API]))
def test_any_number_of_requests_is_made_to_the_last_one_at_the_same_pace(requests: int, scenario: Scenario) -> None:
    scaled = scenario.of_requests(requests)
    assert scaled.requests == requests
    assert scaled.requests / scaled.seconds == pytest.approx(scenario.requests / scenario.seconds)
    assert [step.users for step in scaled.steps] == [step.users for step in scenario.steps]


@given(st.integers(0, 1000), st.lists(st.integers(1, 100), min_size=1, max_size=9))
def test_sharing_out_loses_nothing_and_is_never_off_by_one(total: int, weights: list[int]) -> None:
    shares = apportion(total, weights)
    assert sum(shares) == total
    assert all(abs(share - total * weight / sum(weights)) < 1 for share, weight in zip(shares, weights, strict=True))


# saturation


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(1, 50))
def test_congestion_stays_in_its_bounds(load: float, rate: float, places: int) -> None:
    state = congestion(load, Capacity(rate, places))
    assert 1 - 1e-9 <= state.stretch <= places + 1e-9
    assert 0 <= state.refused <= 1
    assert load * (1 - state.refused) <= rate * (1 + 1e-9)


@given(st.floats(0.1, 20), st.floats(0.1, 20), st.integers(1, 20))
def test_more_load_is_never_better(load: float, more: float, places: int) -> None:
    light, heavy = (congestion(amount, Capacity(5, places)) for amount in (load, load + more))
    assert heavy.stretch >= light.stretch * (1 - 1e-9)
    assert heavy.refused >= light.refused * (1 - 1e-9)


@pytest.mark.parametrize("load", [1.0, 4.0, 6.0])
def test_congestion_is_what_a_queue_does_when_it_is_played_through(load: float) -> None:
    rate, places, random = 4.0, 8, Random(1)
    clock, free_at, arrivals = 0.0, 0.0, 40_000
    inside: deque[float] = deque()
    times: list[float] = []
    for _ in range(arrivals):
        clock += random.expovariate(load)
        while inside and inside[0] <= clock:
            inside.popleft()
        if len(inside) < places:
            free_at = max(clock, free_at) + random.expovariate(rate)
            inside.append(free_at)
            times.append(free_at - clock)
    state = congestion(load, Capacity(rate, places))
    assert sum(times) / len(times) * rate == pytest.approx(state.stretch, rel=0.06)
    assert 1 - len(times) / arrivals == pytest.approx(state.refused, abs=0.01)


def test_healthy_services_hardly_notice_the_highest_load() -> None:
    state = congestion(API.steps[-1].requests / API.steps[-1].seconds, HEALTHY)
    assert state.stretch < 1.03
    assert state.refused < 1e-9


# Locust's files


def test_the_csv_says_of_every_service_what_was_simulated(tmp_path: Path) -> None:
    write_csv(tmp_path, 2)
    requests = simulate(API, 2)
    *endpoints, total = rows(tmp_path / "api2.csv")
    assert total["Name"] == "Aggregated"
    for row in endpoints:
        service = row["Name"].split(":")[0]
        own = [request for request in requests if request.endpoint.service == service]
        assert int(row["Request Count"]) == len(own)
        assert int(row["Failure Count"]) == sum(request.refused for request in own)
        assert float(row["Average Response Time"]) == pytest.approx(sum(request.time for request in own) / len(own))
        assert float(row["Max Response Time"]) == max(request.time for request in own)


def test_its_rates_and_times_are_those_of_the_test_not_of_the_simulation(tmp_path: Path) -> None:
    write_csv(tmp_path, 2)
    *_, total = rows(tmp_path / "api2.csv")
    assert float(total["Requests/s"]) == pytest.approx(1800 / 300, rel=0.01)
    assert float(total["Failures/s"]) == pytest.approx(int(total["Failure Count"]) / 300, rel=0.01)
    (failure,) = rows(tmp_path / "api2_failures.csv")
    assert failure["Error"] == "LocustBadStatusCode(code=503)"
    assert "2026-11-23T02:00:00Z" < failure["First Seen"] < failure["Last Seen"] < "2026-11-23T02:05:01Z"


# the metadata


def execution(scenario: str = "baseline", **others: Any) -> Execution:
    return Execution(scenario=scenario, kind=ExecutionKind.HOST, outcome=ExecutionOutcome.COMPLETED, **others)


def test_executions_are_added_and_a_scenario_that_ran_again_replaces_its_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / FILE_NAME
    for each in (execution(seed=1), execution("api"), execution(seed=2)):
        record_execution(path, each)
    assert read_metadata(path).executions == (execution(seed=2), execution("api"))
    assert [each.name for each in path.parent.iterdir()] == [FILE_NAME]


@given(st.text(), st.lists(st.text()), st.none() | st.datetimes(timezones=st.just(UTC)))
def test_metadata_is_read_as_it_was_written(reason: str, command: list[str], started: Any) -> None:
    one = execution(reason=reason, command=tuple(command), started=started)
    metadata = parse_metadata(render_metadata(with_execution(NOTHING_YET, one)))
    assert metadata.executions == (one,)


def test_times_are_written_in_utc() -> None:
    one = execution(started="2026-11-23T03:00:00+01:00")
    assert '"2026-11-23T02:00:00Z"' in render_metadata(with_execution(NOTHING_YET, one))


def test_an_argument_that_is_not_utf_8_can_be_written(tmp_path: Path) -> None:
    record_execution(tmp_path / FILE_NAME, execution(command=("--host", "http://\udcff")))
    assert read_metadata(tmp_path / FILE_NAME).executions[0].command == ("--host", "http://?")


def test_what_a_newer_soakwatch_added_is_kept_when_an_older_one_adds_an_execution(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text('{"schema": 1, "executions": [], "colour": "blue"}', encoding="utf-8")
    record_execution(path, execution())
    assert json.loads(path.read_text(encoding="utf-8"))["colour"] == "blue"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ('{"schema": 1, "execu', "not JSON"),
        ("\x89PNG", "not JSON"),
        ("[]", "'schema' should be 1"),
        ('{"schema": 0}', "'schema' should be 1"),
        ('{"schema": 1, "verdicts": []}', "executions: Field required"),
        ('{"schema": 1,\n"executions": [{"scenario": "", "kind": "host", "outcome": "completed"}]}', "scenario"),
        ('{"schema": 1,\n"executions": [{"scenario": "a", "kind": "moon", "outcome": "completed"}]}', "2: .*kind"),
        ('{"schema": 2}', "newer soakwatch"),
    ],
)
def test_a_file_that_is_none_is_named_and_not_overwritten(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}:.*{complaint}"):
        record_execution(path, execution())
    assert path.read_text(encoding="utf-8") == text
    assert len(contents(tmp_path)) == 1


# the command


def test_simulating_writes_csv_failures_metrics_and_metadata_with_their_digests(tmp_path: Path) -> None:
    done = soakwatch("simulate", "api", *AT, "--seed", "7", "--dir", "results", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    written = contents(tmp_path / "results")
    assert sorted(written) == sorted([*API_FILES, FILE_NAME])
    (told,) = json.loads(written[FILE_NAME])["executions"]
    assert told["files"] == [{"file": name, "sha256": sha256(written[name]).hexdigest()} for name in API_FILES]
    assert (told["scenario"], told["kind"], told["outcome"], told["seed"]) == ("api", "simulated", "completed", 7)
    assert (told["started"], told["ended"]) == ("2026-11-23T02:00:00Z", "2026-11-23T02:05:00Z")
    assert (told["users"], told["requests"], told["services"]) == (50, 1800, ["api_gateway", "rag_service"])
    (fault,) = told["faults"]
    assert fault.startswith("api_gateway can answer no more than 4 requests per second")
    assert fault in done.stdout
    assert "api_gateway" in done.stdout


def test_the_same_seed_and_time_give_the_same_bytes(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("one", "two", "other")}
    for name, folder in folders.items():
        seed = "8" if name == "other" else "7"
        for scenario in ("baseline", "api"):
            soakwatch("simulate", scenario, *AT, "--seed", seed, "--dir", str(folder), folder=tmp_path)
    one, two, other = (contents(folder) for folder in folders.values())
    assert sorted(one) == sorted([*BASELINE_FILES, *API_FILES, FILE_NAME])
    assert one == two
    assert all(one[name] != other[name] for name in (*API_FILES, FILE_NAME, BASELINE_FILES[0]))


def test_a_scenario_simulated_again_leaves_its_older_files(tmp_path: Path) -> None:
    soakwatch("simulate", "baseline", *AT, folder=tmp_path)
    before = contents(tmp_path)
    soakwatch("simulate", "baseline", "--at", "2026-11-24T02:00:00Z", "--without-fault", folder=tmp_path)
    after = contents(tmp_path)
    assert {name: after[name] for name in BASELINE_FILES} == {name: before[name] for name in BASELINE_FILES}
    (only,) = json.loads(after[FILE_NAME])["executions"]
    assert (only["started"], only["faults"]) == ("2026-11-24T02:00:00Z", [])


def test_a_foreign_file_in_the_place_of_the_metadata_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"results": []}', encoding="utf-8")
    before = contents(tmp_path)
    done = soakwatch("simulate", "baseline", folder=tmp_path)
    assert done.returncode == 2
    assert FILE_NAME in done.stderr
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    done = soakwatch("simulate", "baseline", "--dir", "results", folder=tmp_path)
    assert done.returncode == 2
    assert re.search(r"soakwatch: results.*cannot be written", done.stderr)
    assert "Traceback" not in done.stderr


def test_for_machines_it_prints_the_entry_of_the_metadata_and_nothing_else(tmp_path: Path) -> None:
    done = soakwatch("simulate", "api", "--requests", "300", "--without-fault", "--json", folder=tmp_path)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8"))["executions"] == [told]
    assert (told["requests"], told["faults"], told["failures"]) == (300, [], 0)


def test_its_metrics_are_those_that_metrics_extract_makes_of_its_csv_files(tmp_path: Path) -> None:
    soakwatch("simulate", "api", *AT, folder=tmp_path)
    done = soakwatch("metrics", "extract", *API_FILES[:2], "metrics.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "metrics.json").read_bytes() == (tmp_path / API_FILES[-1]).read_bytes()


def test_the_commands_that_it_says_come_next_lead_to_the_verdict(tmp_path: Path) -> None:
    said = soakwatch("simulate", "baseline", "--dir", "my results", folder=tmp_path).stderr
    exit_codes = []
    while commands := re.findall(r"^next: soakwatch (.*)$", said, re.MULTILINE):
        for command in commands:
            done = soakwatch(*shlex.split(command), folder=tmp_path)
            exit_codes.append(done.returncode)
        said = done.stderr if commands[0].startswith("simulate") else ""
    assert exit_codes == [0, 0, 1], done.stderr


# what the comparison makes of it


BOTH = [
    ("api_gateway", Metric.ERROR_RATE, Severity.CRITICAL),
    ("api_gateway", Metric.P95, Severity.CRITICAL),
]
COMPARED = {Metric.P95, Metric.ERROR_RATE}


def test_with_any_of_100_seeds_both_regressions_are_found_and_critical_and_nothing_else(tmp_path: Path) -> None:
    write_csv(tmp_path, *SEEDS)
    for seed in SEEDS:
        baseline, current = read_csv(tmp_path, f"baseline{seed}"), read_csv(tmp_path, f"api{seed}")
        found = compare_runs([baseline], current, ComparisonSection()).regressions
        told = sorted((one.series.service, one.metric, one.severity) for one in found if one.metric in COMPARED)
        assert told == BOTH, f"seed {seed}"
        assert {one.series.service for one in found} == {"api_gateway"}, f"seed {seed}"


def test_without_the_fault_nothing_is_found_with_any_of_100_seeds(tmp_path: Path) -> None:
    write_csv(tmp_path, *SEEDS)
    judged: Counter[Decision] = Counter()
    for seed in SEEDS:
        baseline, current = read_csv(tmp_path, f"baseline{seed}"), read_csv(tmp_path, f"well{seed}")
        comparison = compare_runs([baseline], current, ComparisonSection())
        assert comparison.regressions == [], f"seed {seed}"
        compared = [verdict for verdict in comparison.verdicts if verdict.series.service in API.services]
        judged.update(verdict.decision for verdict in compared if verdict.metric in COMPARED)
    assert judged[Decision.SAME] >= 0.98 * judged.total(), judged


def test_the_way_of_the_scripts_in_their_order_gives_their_published_result(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = soakwatch(*arguments, folder=tmp_path)
        assert done.returncode == (1 if arguments[0] == "compare" else 0), done.stderr
        return done.stdout

    baseline = json.loads(run("simulate", "baseline", *AT, "--json"))
    api = json.loads(run("simulate", "api", *AT, "--json"))
    assert (baseline["requests"], api["requests"]) == (540, 1800)
    assert (len(baseline["services"]), len(api["services"])) == (3, 2)

    run("baseline", "extract", BASELINE_FILES[0], "performance-baselines-v2.json")
    run("metrics", "extract", API_FILES[0], "metrics.json")
    compared = json.loads(
        run(
            *("compare", "performance-baselines-v2.json", "metrics.json", "--report", "regression-analysis.md"),
            *("--metric", "p95", "--metric", "error_rate", "--json"),
        )
    )
    of_both = [verdict for verdict in compared["verdicts"] if verdict["service"] in api["services"]]
    told = {(verdict["service"], verdict["metric"]): (verdict["verdict"], verdict["severity"]) for verdict in of_both}
    assert len(of_both) == len(told)
    assert told == {
        ("api_gateway", "p95"): ("regressed", "critical"),
        ("api_gateway", "error_rate"): ("regressed", "critical"),
        ("rag_service", "p95"): ("same", "none"),
        ("rag_service", "error_rate"): ("same", "none"),
    }
    others = [verdict for verdict in compared["verdicts"] if verdict not in of_both]
    assert not any(verdict["verdict"] == "regressed" for verdict in others)

    issue = run("issues", "create", "regression-analysis.md", "--dry-run")
    assert "api_gateway" in issue


def test_the_page_for_those_who_come_from_scripts_says_what_happens(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "migrate-from-scripts.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    codes = {
        line.split()[1]: subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, check=False
        ).returncode
        for line in block.splitlines()
    }
    assert codes == {"simulate": 0, "baseline": 0, "metrics": 0, "compare": 1, "issues": 0}
    report = (tmp_path / "results" / "regression-analysis.md").read_text(encoding="utf-8")
    assert "2 regressed, 0 improved, 2 same" in report
