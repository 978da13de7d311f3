"""The services of docker-compose.yml, run one by one as `docker compose up` would start them, without an engine."""

import json
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from compose_file import COMPOSE, ROOT, read_env
from compose_stack import ABSENT
from grafana_alerting import interpolated
from influxd_process import PROGRAM
from make_env import required
from on_this_machine import INFLUXD

from soakwatch.store.influx_setup import Role

# alone: what others promise about requests a second would not hold beside it
pytestmark = [pytest.mark.alone, pytest.mark.processes, pytest.mark.influxdb, pytest.mark.timeout(600)]

SECONDS = 75


@dataclass
class Run:
    """A stack that is up; `said` is what it has said so far."""

    folder: Path
    process: subprocess.Popen[str]
    secrets: dict[str, str]
    said: str = ""

    def url(self, service: str) -> str:
        (found,) = re.findall(rf"^{service}: (http://\S+)$", self.said, re.MULTILINE)
        return str(found)

    def wait_for(self, words: str, seconds: float) -> None:
        """Wait until it says `words`."""
        deadline = time.monotonic() + seconds
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line
            if words in line:
                return
            assert time.monotonic() < deadline
        raise AssertionError(self.said + "".join(log.read_text("utf-8")[-2_000:] for log in self.folder.glob("*.log")))

    def asks(self, query: str) -> list[dict[str, Any]]:
        """What Grafana is told, with the token and by the way of its provisioned data source."""
        token = self.folder / "volumes" / f"token-{Role.READER}" / f"soakwatch-{Role.READER}.token"
        file = (ROOT / "grafana" / "provisioning" / "datasources" / "soakwatch.yaml").read_text(encoding="utf-8")
        (header,) = re.findall(r"httpHeaderValue1: (.+)", file)
        header = re.sub(r"\{.+\}", f"{{{token}}}", header)
        answer = requests.post(
            f"{self.url('influxdb')}/query",
            params={"db": "soakwatch_10m", "q": query, "epoch": "ms"},
            headers={"Authorization": interpolated(header, {})},
            timeout=30,
        ).json()
        (result,) = answer["results"]
        assert "error" not in result, result
        return list(result.get("series", []))

    def counts(self, bucket: str, measurement: str, field: str) -> int:
        """How many points with a field there are."""
        query = f'SELECT count("{field}") FROM "{bucket}".."{measurement}"'  # noqa: S608  (InfluxQL)
        return sum(series["values"][0][1] for series in self.asks(query))

    def tell(self, token: str) -> int:
        """The status with which the daemon answers an alert."""
        alert = {
            "status": "firing",
            "labels": {"alertname": "a"},
            "startsAt": "2026-11-23T00:00:00Z",
            "fingerprint": "f",
        }
        return requests.post(
            f"{self.url('daemon')}/alerts",
            json={"alerts": [alert]},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        ).status_code


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Run]:
    if not INFLUXD.exists():
        pytest.skip(f"no {INFLUXD} (tests/install-influxd makes it in 8 minutes)")
    folder = tmp_path
    given = {name: secrets.token_urlsafe(24) for name in required(COMPOSE.read_text(encoding="utf-8"))}
    example = read_env((ROOT / ".env.example").read_text(encoding="utf-8"))
    env = folder / ".env"
    variables = {**example, **given, "HISTORY": "no", "LOCUST_USERS": "16"}
    env.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), encoding="utf-8")
    command = [sys.executable, str(ROOT / "docker" / "compose_stack.py"), "--folder", str(folder), "--env", str(env)]
    process = subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True)
    run = Run(folder, process, given)
    try:
        run.wait_for("locust: http://", 180)
        yield run
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=120)
        run.said += rest
    codes = dict(re.findall(r"^(\S+): exit code (-?\d+)$", run.said, re.MULTILINE))
    assert set(codes.values()) == {"0"}, codes
    assert process.returncode == 0
    kept = [file for file in folder.rglob("*") if file.is_file() and file.suffix in {".log", ".toml", ".json"}]
    assert kept
    for file in kept:
        assert not [secret for secret in given.values() if secret in file.read_text(encoding="utf-8")], file


def test_the_server_is_the_one_of_the_other_tests() -> None:
    assert INFLUXD == PROGRAM


def test_all_services_come_up_in_order_do_what_they_are_for_and_end_well(stack: Run) -> None:
    # one test, so that one stack is enough wherever pytest runs its tests; the fixture sees how all end
    it_came_up_in_order_and_says_where_to_look(stack)
    what_is_measured_is_where_grafana_asks_for_it(stack)
    both_workers_write_and_nothing_is_lost(stack)
    the_daemon_takes_alerts_from_those_who_know_its_token(stack)
    the_daemon_says_how_it_is_and_takes_deploys(stack)
    grafanas_token_cannot_write(stack)


def it_came_up_in_order_and_says_where_to_look(stack: Run) -> None:
    order = re.findall(r"^(\w+): (?:started|there is none here)$", stack.said, re.MULTILINE)
    assert order.index("influxdb") < order.index("setup") < order.index("daemon")
    assert order[-1] == "ready"
    assert set(ABSENT) <= set(order)
    assert "all are well" in stack.said
    assert "Grafana: http://localhost:3000" in (stack.folder / "ready.log").read_text(encoding="utf-8")


def what_is_measured_is_where_grafana_asks_for_it(stack: Run) -> None:
    deadline = time.monotonic() + SECONDS
    wanted = {
        ("soakwatch_raw", "requests", "count"),
        ("soakwatch_raw", "load", "users"),
        ("soakwatch_raw", "collector", "written"),
        ("soakwatch_1m", "requests_1m", "count"),
        ("soakwatch", "runs", "users"),
        ("soakwatch_raw", "passes", "duration"),
    }
    while missing := {one for one in wanted if not stack.counts(*one)}:
        assert time.monotonic() < deadline, missing
        time.sleep(2)
    names = {
        value
        for series in stack.asks('SHOW TAG VALUES ON "soakwatch_1m" FROM "requests_1m" WITH KEY = "service"')
        for _, value in series["values"]
    }
    assert names == {"api_gateway", "rag_service", "mcp_server"}
    databases = stack.asks("SHOW DATABASES")[0]["values"]
    assert {name for (name,) in databases} == {"soakwatch", "soakwatch_raw", "soakwatch_1m", "soakwatch_10m"}


def both_workers_write_and_nothing_is_lost(stack: Run) -> None:
    query = 'SELECT last("spooled"), last("dropped") FROM "soakwatch_raw".."collector" GROUP BY "source"'
    series = stack.asks(query)
    assert len(series) >= 2
    assert {one["values"][0][2] for one in series} == {0}


def the_daemon_takes_alerts_from_those_who_know_its_token(stack: Run) -> None:
    assert stack.tell("somebody-else-s-token") == 401
    assert stack.tell(stack.secrets["SOAKWATCH_HTTP__TOKEN"]) == 200


def the_daemon_says_how_it_is_and_takes_deploys(stack: Run) -> None:
    daemon = stack.url("daemon")
    for path in ("/healthz", "/readyz"):
        answer = requests.get(f"{daemon}{path}", timeout=30)
        assert answer.status_code == 200, answer.text
    metrics = requests.get(f"{daemon}/metrics", timeout=30).text
    assert "\nsoakwatch_leader 1.0\n" in metrics
    assert re.search(r'^soakwatch_job_last_success_timestamp_seconds\{name="detection"\} ', metrics, re.MULTILINE)
    told = requests.post(
        f"{daemon}/deploys",
        json={"service": "rag_service", "version": "9.9"},
        headers={"Authorization": f"Bearer {stack.secrets['SOAKWATCH_HTTP__TOKEN']}"},
        timeout=30,
    )
    assert told.status_code == 200, told.text
    assert stack.counts("soakwatch", "deploys", "version")


def grafanas_token_cannot_write(stack: Run) -> None:
    token = (stack.folder / "volumes" / "token-reader" / "soakwatch-reader.token").read_text(encoding="ascii").strip()
    answer = requests.post(
        f"{stack.url('influxdb')}/api/v2/write",
        params={"org": "soakwatch", "bucket": "soakwatch"},
        headers={"Authorization": f"Token {token}"},
        data=b"runs users=1i",
        timeout=30,
    )
    assert answer.status_code in {401, 403}, json.dumps(answer.json())
