"""What is said of a run from Locust's own files and what is said of it from the store are the same."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from command_line import soakwatch
from scenario_runs import Scenarios, demo_target

pytestmark = [pytest.mark.processes, pytest.mark.alone, pytest.mark.timeout(300)]

FAULTS = [
    {"endpoint": "POST /rag/query", "kind": "latency_factor", "value": 3.0},
    {"endpoint": "GET /api/users", "kind": "error_rate", "value": 0.12},
]
SIZE = ("--only", "soak", "--seconds", "22", "--users", "72")


def break_target(address: str) -> None:
    request = urllib.request.Request(f"{address}/faults", json.dumps(FAULTS).encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        pass


def verdicts_of(folder: Path, *arguments: str) -> dict[tuple[str, str, str], Any]:
    done = soakwatch("compare", *arguments, "--json", folder=folder)
    assert done.returncode == 1, done.stderr
    return {(v["service"], v["endpoint"], v["metric"]): v for v in json.loads(done.stdout)["verdicts"]}


def known(verdicts: dict[tuple[str, str, str], Any]) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {key: (v["verdict"], v["severity"]) for key, v in verdicts.items() if v["verdict"] != "unknown"}


def test_locust_s_files_say_what_the_store_says_wherever_both_decide(tmp_path: Path) -> None:
    with demo_target() as address:
        scenarios = Scenarios(tmp_path, address)
        assert scenarios.run(*SIZE, "--out", "healthy").returncode == 0
        break_target(address)
        assert scenarios.run(*SIZE, "--out", "faulty").returncode == 0
    extracted = ("baseline", "extract", "healthy/soak/soak_stats.csv", "healthy/soak/soak_failures.csv")
    assert soakwatch(*extracted, "baselines.json", folder=tmp_path).returncode == 0
    files = ("faulty/soak/soak_stats.csv", "faulty/soak/soak_failures.csv", "faulty/soak/soak_stats_history.csv")
    assert soakwatch("metrics", "extract", *files, "metrics.json", folder=tmp_path).returncode == 0
    assert soakwatch("baseline", "pin", "previous", "pinned.json", folder=tmp_path).returncode == 2
    runs = json.loads(soakwatch("runs", "list", "--json", folder=tmp_path).stdout)
    assert soakwatch("baseline", "pin", runs[0]["id"], "pinned.json", folder=tmp_path).returncode == 0

    errors = [
        error["kind"]
        for endpoint in json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["run"]["endpoints"]
        for error in endpoint["errors"]
    ]
    assert errors == ["HTTP 503"], "as the collector names what its client saw"

    stored = verdicts_of(tmp_path, "previous", "latest")
    assert stored["rag_service", "/rag/query", "p95"]["severity"] == "critical"
    assert stored["api_gateway", "/api/users", "error_rate"]["severity"] == "critical"
    for base, current in (
        ("baselines.json", "metrics.json"),
        ("healthy/soak/soak.json", "faulty/soak/soak.json"),
        ("baselines.json", "latest"),
        ("pinned.json", "latest"),
        ("pinned.json", "metrics.json"),
    ):
        told = verdicts_of(tmp_path, base, current)
        both = known(stored).keys() & known(told).keys()
        assert {key: known(told)[key] for key in both} == {key: known(stored)[key] for key in both}, (base, current)
        assert len(both) > 20, (base, current)
        assert {("rag_service", "/rag/query", "p95"), ("api_gateway", "/api/users", "error_rate")} <= both
