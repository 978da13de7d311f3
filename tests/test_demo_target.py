"""The demo target: real processes where its promises are about a process, a fake clock where they are about time."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from statistics import median
from time import monotonic

import pytest

from soakwatch.demo.faults import BadFault, Fault, FaultKind, fails, parse_faults, render_faults, service_time
from soakwatch.demo.target import ENDPOINTS, Answer, Target, main

ROOT = Path(__file__).parent.parent
QUERY = "POST /rag/query"


class Client:
    """A target's address, and what a person would do with curl."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def ask(self, route: str, body: object = None) -> tuple[int, object]:
        method, path = route.split()
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body if isinstance(body, str | None) else json.dumps(body))
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def time(self, route: str) -> float:
        before = monotonic()
        self.ask(route)
        return monotonic() - before

    def many(self, route: str, count: int) -> list[int]:
        with ThreadPoolExecutor(8) as pool:
            return [status for status, _ in pool.map(lambda _: self.ask(route), range(count))]

    def median_time(self, route: str) -> float:
        with ThreadPoolExecutor(4) as pool:
            return median(pool.map(lambda _: self.time(route), range(40)))


@contextmanager
def running(*arguments: str) -> Iterator[Client]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / ".typing")}
    command = [sys.executable, "-m", "soakwatch.demo.target", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", process.stdout.readline())
            assert match
            yield Client(process, int(match[1]))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    with running("--port", "0", "--seed", "1") as client:
        yield client


@pytest.fixture
def target(shared: Client) -> Client:
    shared.ask("DELETE /faults")
    return shared


def fault(kind: str, value: object, endpoint: str = QUERY) -> dict[str, object]:
    return {"endpoint": endpoint, "kind": kind, "value": value}


def test_it_serves_eight_endpoints_of_three_services(target: Client) -> None:
    answers = [target.ask(str(endpoint)) for endpoint in ENDPOINTS]
    assert [status for status, _ in answers] == [200] * 8
    assert {endpoint.service for endpoint in ENDPOINTS} == {"api_gateway", "rag_service", "mcp_server"}


def test_it_says_that_it_is_well(target: Client) -> None:
    assert target.ask("GET /healthz") == (200, {"status": "ok"})


def test_an_unknown_path_or_method_is_not_found(target: Client) -> None:
    assert target.ask("GET /nothing")[0] == 404
    assert target.ask("DELETE /rag/query")[0] == 404


def test_a_factor_of_three_makes_responses_three_times_as_slow_until_it_is_deleted(target: Client) -> None:
    before = target.median_time(QUERY)
    target.ask("PUT /faults", [fault("latency_factor", 3)])
    during = target.median_time(QUERY)
    target.ask("DELETE /faults")
    after = target.median_time(QUERY)
    assert 2.2 < during / before < 4.1
    assert 0.6 < after / before < 1.6


def test_a_fault_leaves_other_endpoints_alone(target: Client) -> None:
    target.ask("PUT /faults", [fault("error_rate", 1)])
    assert target.many("GET /mcp/resources", 50) == [200] * 50


def test_an_error_rate_is_the_share_of_requests_that_fail(target: Client) -> None:
    target.ask("PUT /faults", [fault("error_rate", 0.3, "GET /mcp/resources")])
    failures = target.many("GET /mcp/resources", 200).count(503)
    assert 28 <= failures <= 92  # 60 expected, five standard deviations to either side


def test_a_failure_says_that_upstream_timed_out(target: Client) -> None:
    target.ask("PUT /faults", [fault("error_rate", 1)])
    assert target.ask(QUERY) == (503, {"error": "upstream timed out"})


def test_what_was_put_can_be_read_and_put_again(target: Client) -> None:
    faults = [fault("creep", 0.5), fault("latency_added", 20.0, "GET /api/users")]
    assert target.ask("PUT /faults", faults)[0] == 200
    _, first = target.ask("GET /faults")
    target.ask("PUT /faults", first)
    assert target.ask("GET /faults") == (200, first)
    assert sorted(first, key=str) == sorted(faults, key=str)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "not JSON"),
        ({}, "a JSON list"),
        ([3], "exactly the keys endpoint, kind, value"),
        ([{"endpoint": QUERY, "kind": "creep"}], "exactly the keys"),
        ([fault("creep", 1, "GET /nothing")], "endpoint is one of GET /api/users"),
        ([fault("slow", 1)], "kind is one of latency_factor"),
        ([fault("latency_factor", 0)], "from 0.01 to 100; not 0"),
        ([fault("latency_added", "20")], "not '20'"),
        ([fault("error_rate", 1.5)], "from 0 to 1; not 1.5"),
        ([fault("error_rate", True)], "not True"),
        ([fault("creep", float("nan"))], "not nan"),
        ([fault("creep", 1), fault("creep", 2)], "given twice"),
    ],
)
def test_a_bad_fault_is_refused_with_what_is_wrong_and_nothing_is_switched(
    target: Client, body: object, message: str
) -> None:
    target.ask("PUT /faults", [fault("creep", 0.5)])
    status, answer = target.ask("PUT /faults", body)
    assert status == 400
    assert message in str(answer)
    assert target.ask("GET /faults") == (200, [fault("creep", 0.5)])


def test_a_huge_body_is_refused(target: Client) -> None:
    assert target.ask("PUT /faults", " " * 100_000)[0] == 413


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(number: signal.Signals) -> None:
    with running() as client:
        client.ask("GET /healthz")
        client.process.send_signal(number)
        assert client.process.wait(timeout=30) == 0


def test_a_port_in_use_is_refused_with_exit_code_2(shared: Client) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / ".typing")}
    command = [sys.executable, "-m", "soakwatch.demo.target", "--port", str(shared.port)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert result.returncode == 2
    assert f"cannot listen on 127.0.0.1:{shared.port}" in result.stderr


def test_it_listens_elsewhere_than_on_loopback_only_where_it_is_told_to() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "soakwatch.demo.target", "--host", "127.0.0.2"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            match = re.fullmatch(r"listening on (http://127\.0\.0\.2:\d+)\n", process.stdout.readline())
            assert match
            with urllib.request.urlopen(f"{match[1]}/healthz", timeout=30) as answer:
                assert json.load(answer) == {"status": "ok"}
        finally:
            process.kill()


def test_what_is_no_address_to_listen_on_is_refused_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--host", "everywhere"])
    assert ended.value.code == 2
    assert "it must be an IPv4 address such as 127.0.0.1, not 'everywhere'" in capsys.readouterr().err


@pytest.mark.processes
def test_plain_locust_loads_every_endpoint_with_about_twelve_requests_a_second_and_none_fails(
    target: Client, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "locust", "--locustfile", str(ROOT / "demo" / "locustfile.py"), "--headless"]
    command += ["--host", f"http://127.0.0.1:{target.port}", "--users", "24", "--spawn-rate", "24"]
    command += ["--run-time", "5s", "--csv", str(tmp_path / "run")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    with (tmp_path / "run_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {f"{endpoint.service}: {endpoint.path}" for endpoint in ENDPOINTS} | {"Aggregated"}
    assert rows["Aggregated"]["Failure Count"] == "0"
    # a machine that is busy with other tests makes a few less of them
    assert min(float(row["Requests/s"]) for row in rows.values()) >= 9


def test_the_locustfile_works_without_soakwatch() -> None:
    assert "import soakwatch" not in (source := (ROOT / "demo" / "locustfile.py").read_text())
    assert "from soakwatch" not in source


class Bench:
    """A target on a fake clock: `times` are what its requests would have slept, in milliseconds."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0.0
        self.times: list[float] = []
        self._target = Target(seed, clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.times.append(seconds * 1000)

    def ask(self, route: str, body: str = "") -> str:
        method, path = route.split()
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": BytesIO(body.encode())}
        statuses: list[str] = []
        self._target(environ, lambda status, _: statuses.append(status))
        return statuses[0]

    def median_of(self, route: str, count: int = 500) -> float:
        self.times.clear()
        for _ in range(count):
            self.ask(route)
        return median(self.times)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_service_times_have_the_median_of_their_endpoint(endpoint: object) -> None:
    expected = {str(one): one.median for one in ENDPOINTS}[str(endpoint)]
    assert Bench().median_of(str(endpoint)) == pytest.approx(expected, rel=0.06)


def test_a_seed_fixes_service_times_whatever_other_endpoints_and_faults_do() -> None:
    alone, busy = Bench(seed=7), Bench(seed=7)
    busy.ask("PUT /faults", render_faults([Fault(QUERY, FaultKind.ERROR_RATE, 0.5)]))
    for _ in range(20):
        alone.ask(QUERY)
        busy.ask("GET /api/users")
        busy.ask(QUERY)
    assert busy.times[1::2] == alone.times
    assert Bench(seed=8).median_of(QUERY, 20) != median(alone.times)


def test_creep_grows_from_when_it_was_switched_on_even_when_it_is_put_again() -> None:
    bench = Bench()
    creep = Fault(QUERY, FaultKind.CREEP, 0.5)
    bench.ask("PUT /faults", render_faults([creep]))
    start = bench.median_of(QUERY)
    bench.now = 120.0
    bench.ask("PUT /faults", render_faults([creep, Fault("GET /api/users", FaultKind.ERROR_RATE, 0.1)]))
    assert bench.median_of(QUERY) / start == pytest.approx(2.0, rel=0.06)


def test_creep_that_is_switched_off_and_on_starts_again() -> None:
    bench = Bench()
    faults = render_faults([Fault(QUERY, FaultKind.CREEP, 1)])
    bench.ask("PUT /faults", faults)
    bench.ask("DELETE /faults")
    bench.now = 600.0
    bench.ask("PUT /faults", faults)
    assert bench.median_of(QUERY) == pytest.approx(60, rel=0.06)


def test_faults_of_an_endpoint_add_up() -> None:
    faults = {Fault(QUERY, FaultKind.LATENCY_FACTOR, 2): 0.0, Fault(QUERY, FaultKind.LATENCY_ADDED, 30): 0.0}
    assert service_time(50, faults, now=5) == 130


def test_a_forgotten_creep_is_bounded() -> None:
    assert service_time(50, {Fault(QUERY, FaultKind.CREEP, 100): 0.0}, now=1e9) == 30_000


@pytest.mark.parametrize(("value", "draw", "expected"), [(0, 0.0, False), (1, 0.999, True), (0.1, 0.1, False)])
def test_a_request_fails_when_its_draw_is_below_the_error_rate(value: float, draw: float, expected: bool) -> None:
    assert fails([Fault(QUERY, FaultKind.ERROR_RATE, value)], draw) is expected


def test_faults_survive_writing_and_reading() -> None:
    faults = [Fault(QUERY, kind, 0.5) for kind in FaultKind]
    assert parse_faults(render_faults(faults), [QUERY]) == faults


def test_bytes_that_are_no_text_are_no_faults() -> None:
    with pytest.raises(BadFault, match="not JSON"):
        parse_faults(b"\xff\xfe\x00", [QUERY])


def test_answers_are_json() -> None:
    assert Answer.of("200 OK", [1]).body == b"[1]"
