"""The daemon's HTTP: who may tell it what, what becomes of that, and clients that do as they like."""

import json
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from ledgers import ledger_at
from pydantic import SecretStr
from served_daemon import NOW, TOKEN, Served, a_report

from soakwatch.cli.daemon_http import daemon_server
from soakwatch.core.configuration import Configuration
from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import ConfigurationError, StoreRefused, UsageError
from soakwatch.core.http_settings import HttpSection, http_token
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreSection
from soakwatch.scheduler import http_server
from soakwatch.scheduler.alert_book import known_alerts
from soakwatch.scheduler.daemon_app import ALERTS, ALIVE, DEPLOYS, METRICS, READY, daemon_app
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.daemon_view import DaemonView
from soakwatch.scheduler.http_server import DaemonServer

BOTH = [ALERTS, DEPLOYS]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    with served.serving():
        yield served


def a_notice(**changes: Any) -> bytes:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Spool grows"},
        "startsAt": "2026-11-22T00:00:00Z",
        "fingerprint": "c6eadffa33fcdf37",
    }
    return json.dumps({"alerts": [{**alert, **changes}]}).encode()


def a_deploy(**changes: Any) -> bytes:
    return json.dumps({"service": "cart", "version": "2.4.1", **changes}).encode()


def alerts_kept(daemon: Served) -> list[str]:
    with ledger_at(str(daemon.ledger_file)) as ledger:
        return [one.name for one in known_alerts(ledger, NOW)]


def deploys_kept(daemon: Served) -> list[Deploy]:
    with daemon.store() as store:
        return store.deploys(Span(0.0, NOW + 1e6))


def test_an_alert_is_kept_before_it_is_answered(daemon: Served) -> None:
    told = daemon.asks(ALERTS, a_notice())
    assert (told.status, told.body) == (200, "1 alert was taken\n")
    assert alerts_kept(daemon) == ["Spool grows"]
    assert daemon.heard == ["told: Spool grows fires"]


def test_a_deploy_is_kept_in_the_store_where_nothing_else_is_said_for_now_and_here(daemon: Served) -> None:
    told = daemon.asks(DEPLOYS, a_deploy(commit="3f9a2c1", title="a release"))
    assert (told.status, told.body) == (200, "the deploy was taken\n")
    assert deploys_kept(daemon) == [Deploy("staging", "cart", NOW, "2.4.1", "3f9a2c1", "a release")]


def test_a_deploy_may_say_where_and_when_and_told_twice_it_is_one(daemon: Served) -> None:
    body = a_deploy(environment="perf", at="2026-11-21T03:00:00+01:00")
    assert [daemon.asks(DEPLOYS, body).status for _ in range(2)] == [200, 200]
    (kept,) = deploys_kept(daemon)
    assert (kept.environment, kept.at) == ("perf", 1_795_226_400.0)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "no notice of a deploy"),
        (b"[]", "no notice of a deploy"),
        (b'{"service": "cart"}', "nothing says what was deployed; give version, commit or title"),
        (b'{"version": " "}', "nothing says what was deployed; give version, commit or title"),
        (b'{"version": 3}', "version: Input should be a valid string"),
        (
            b'{"version": "1", "sevrice": "cart"}',
            "sevrice: unknown key; known are service, version, commit, title, environment, at",
        ),
        (b'{"version": "1", "service": ""}', "service: String should have at least 1 character"),
        (b'{"version": "1", "at": "2027-11-21"}', "at: '2027-11-21' is yet to come"),
        (b'{"version": "1", "at": "yesterday"}', "at: 'yesterday' is no time"),
        (b'{"version": "' + b"1" * 2_000 + b'"}', "version: String should have at most 1000 characters"),
    ],
)
def test_a_deploy_that_is_none_is_refused_with_what_is_wrong_and_nothing_is_kept(
    daemon: Served, body: bytes, says: str
) -> None:
    told = daemon.asks(DEPLOYS, body)
    assert told.status == 400
    assert says in told.body
    assert deploys_kept(daemon) == []


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()])
def test_whoever_does_not_know_the_token_can_tell_nothing_and_learns_nothing(
    daemon: Served, path: str, token: str
) -> None:
    told = daemon.asks(path, b"{", token)
    assert told.status == 401
    assert TOKEN not in told.body
    assert "no notice" not in told.body  # it was not even looked at


@pytest.mark.parametrize("path", BOTH)
def test_without_a_token_nobody_can_tell_anything_and_it_says_what_to_set(tmp_path: Path, path: str) -> None:
    daemon = Served(tmp_path)
    with daemon.serving(token=""):
        for token in ("", "anything"):
            told = daemon.asks(path, b"{}", token)
            assert told.status == 403
            assert "set SOAKWATCH_HTTP__TOKEN" in told.body
        assert daemon.asks(ALIVE).status == 200
        assert daemon.asks(METRICS).status == 200


@pytest.mark.parametrize("path", BOTH)
def test_a_huge_body_is_refused_and_the_client_is_told_so(daemon: Served, path: str) -> None:
    assert daemon.asks(path, b"x" * 3_000_000).status == 413
    assert daemon.asks(ALIVE).status == 200


@pytest.mark.parametrize("path", BOTH)
def test_a_body_without_a_length_is_refused(daemon: Served, path: str) -> None:
    with daemon.connected() as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"2\r\n{}\r\n0\r\n\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 411 ")


def test_what_the_store_does_not_take_now_is_to_be_sent_again_and_is_not_lost_in_silence(daemon: Served) -> None:
    with daemon.store():
        pass
    with sqlite3.connect(daemon.folder / "soakwatch.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        told = daemon.asks(DEPLOYS, a_deploy())
        assert (told.status, told.headers["Retry-After"]) == (503, "30")
        assert str(daemon.folder) not in told.body
        other.rollback()
    other.close()
    assert daemon.heard == []
    assert daemon.asks(DEPLOYS, a_deploy()).status == 200
    assert len(deploys_kept(daemon)) == 1


def test_what_the_ledger_does_not_take_now_is_to_be_sent_again(daemon: Served) -> None:
    with sqlite3.connect(daemon.ledger_file) as other:
        other.execute("BEGIN EXCLUSIVE")
        told = daemon.asks(ALERTS, a_notice())
        assert (told.status, told.headers["Retry-After"]) == (503, "30")
        other.rollback()
    other.close()
    assert alerts_kept(daemon) == []
    assert daemon.asks(ALERTS, a_notice()).status == 200


def test_what_the_store_will_never_take_is_refused_for_good(tmp_path: Path) -> None:
    def refuse(_deploy: Deploy) -> None:
        raise StoreRefused(f"{tmp_path}: no such field")

    view = DaemonView(a_report, lambda _alerts: None, refuse, "staging")
    told = (
        daemon_app(view, TOKEN, lambda: NOW)
        .test_client()
        .post(DEPLOYS, data=a_deploy(), headers={"Authorization": f"Bearer {TOKEN}"})
    )
    assert told.status_code == 422
    assert "refused for good" in told.text
    assert str(tmp_path) not in told.text


def test_a_defect_is_not_shown_to_whoever_asks(tmp_path: Path) -> None:
    def defect() -> DaemonReport:
        raise RuntimeError(f"{tmp_path} is broken")

    view = DaemonView(defect, lambda _alerts: None, lambda _deploy: None, "staging")
    told = daemon_app(view, TOKEN, lambda: NOW).test_client().get(READY)
    assert told.status_code == 500
    assert "the daemon's log may say why" in told.text
    assert str(tmp_path) not in told.text


@pytest.mark.parametrize("path", [ALIVE, READY, METRICS])
def test_head_answers_as_get_without_a_body(daemon: Served, path: str) -> None:
    got, head = daemon.asks(path), daemon.asks(path, method="HEAD")
    assert (head.status, head.body) == (200, "")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize(
    ("path", "method", "status", "says"),
    [
        ("/", "GET", 404, "there are /healthz, /readyz and /metrics"),
        ("/static/x", "GET", 404, "there are /healthz"),
        ("/%00<script>", "GET", 404, "there are /healthz"),
        (ALIVE, "POST", 405, "only GET, HEAD, OPTIONS can be used here"),
        (ALERTS, "GET", 405, "only OPTIONS, POST can be used here"),
        (DEPLOYS, "DELETE", 405, "only OPTIONS, POST can be used here"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_what_can(
    daemon: Served, path: str, method: str, status: int, says: str
) -> None:
    told = daemon.asks(path, b"" if method == "POST" else None, method=method)
    assert told.status == status
    assert says in told.body
    assert "script" not in told.body
    assert (status == 405) == ("Allow" in told.headers)


def test_no_answer_says_what_it_is_made_with_or_may_be_kept(daemon: Served) -> None:
    for path in (ALIVE, READY, METRICS, "/nothing"):
        told = daemon.asks(path)
        assert told.headers["Server"] == "soakwatch"
        assert told.headers["Cache-Control"] == "no-store"
        assert told.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    """A daemon whose patience is a second, and who answers three at once."""
    monkeypatch.setattr(http_server, "PATIENCE", 1.0)
    monkeypatch.setattr(http_server, "MOST_AT_ONCE", 3)
    served = Served(tmp_path)
    with served.serving():
        yield served


def is_hung_up_on(connection: socket.socket) -> bool:
    try:
        return connection.recv(1_000) == b""
    except ConnectionError:
        return True


def test_half_a_request_is_hung_up_on_and_takes_nothing(hasty: Served) -> None:
    head = f"POST {DEPLOYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n"
    for half in (b"", b"GET /hea", head.encode() + a_deploy()):
        with hasty.connected() as connection:
            connection.sendall(half)
            begin = time.monotonic()
            said = connection.recv(1_000)
            assert not said.startswith(b"HTTP/1.1 200")
            assert time.monotonic() - begin < 20
    assert deploys_kept(hasty) == []


def test_a_client_that_goes_in_the_middle_takes_nothing_with_it(hasty: Served) -> None:
    head = f"POST {DEPLOYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n"
    with hasty.connected() as connection:
        connection.sendall(head.encode() + a_deploy())
    assert hasty.asks(DEPLOYS, a_deploy(version="3")).status == 200
    assert [one.version for one in deploys_kept(hasty)] == ["3"]


def test_clients_that_ask_nothing_or_nonsense_do_not_fill_the_log(
    hasty: Served, caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (b"GET", b"GET\r\n\r\n", b"GET /healthz HTTP/9.9\r\n\r\n"):
        with hasty.connected() as connection:
            connection.sendall(sent)
            while connection.recv(4_096):
                pass
    assert caplog.messages == []


def test_a_trickle_does_not_prolong_the_time_that_a_request_has(hasty: Served) -> None:
    with hasty.connected() as connection:
        assert seconds_of_trickle(connection) < 20


def seconds_of_trickle(connection: socket.socket) -> float:
    """How long a byte now and then is taken."""
    begin = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - begin < 30:
            connection.sendall(b"x")
            time.sleep(0.05)
    return time.monotonic() - begin


def test_more_than_it_answers_at_once_are_hung_up_on_and_afterwards_all_is_as_before(hasty: Served) -> None:
    idle = [hasty.connected() for _ in range(3)]
    time.sleep(0.2)
    with hasty.connected() as one_more:
        assert is_hung_up_on(one_more)
    for connection in idle:
        assert is_hung_up_on(connection)
        connection.close()
    assert hasty.asks(ALIVE).status == 200


def test_the_end_waits_for_an_answer_that_is_being_made() -> None:
    app, begun, answers = Flask("slow"), threading.Event(), list[bytes]()

    @app.get("/slow")
    def slow() -> str:
        begun.set()
        time.sleep(0.3)
        return "done"

    def ask(address: str) -> None:
        with urllib.request.urlopen(f"{address}/slow", timeout=30) as answer:
            answers.append(answer.read())

    with DaemonServer("127.0.0.1", 0, app) as server:
        asking = threading.Thread(target=ask, args=(server.address,))
        asking.start()
        assert begun.wait(30)
    asking.join(30)
    assert answers == [b"done"]


def test_it_ends_soon_whoever_is_connected(tmp_path: Path) -> None:
    daemon = Served(tmp_path)
    with daemon.serving():
        connection = daemon.connected()
        begin = time.monotonic()
    assert time.monotonic() - begin < http_server._LAST_ANSWERS + 5
    connection.close()


def test_a_port_that_is_taken_is_named() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match=r"\[http\]: cannot listen on 127\.0\.0\.1, port \d+: .*in use"),
    ):
        DaemonServer("127.0.0.1", taken.getsockname()[1], Flask("x"))


def test_an_address_that_is_none_of_this_machines_is_named() -> None:
    with pytest.raises(UsageError, match=r"\[http\]: cannot listen on 192\.0\.2\.1, port 9178"):
        DaemonServer("192.0.2.1", 9178, Flask("x"))


def test_a_token_that_could_be_guessed_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="needs a token of 16 characters or more") as caught:
        http_token(HttpSection(token="short"))  # noqa: S106
    assert "short" not in str(caught.value)
    assert http_token(HttpSection()) == ""
    assert http_token(HttpSection(token=TOKEN)) == TOKEN


def test_put_together_from_the_configuration_it_keeps_what_it_is_told_there(tmp_path: Path) -> None:
    configuration = Configuration(
        environment="perf",
        store=StoreSection(path=tmp_path / "soakwatch.db"),
        http=HttpSection(port=0, token=SecretStr(TOKEN)),
    )
    daemon = Served(tmp_path)
    with ledger_at(str(daemon.ledger_file)) as ledger, daemon_server(configuration, ledger, a_report) as server:
        daemon.address = server.address
        assert [daemon.asks(path).status for path in (ALIVE, READY, METRICS)] == [200, 200, 200]
        assert daemon.asks(DEPLOYS, a_deploy(at="2026-11-22T00:00:00Z")).status == 200
        assert daemon.asks(ALERTS, a_notice()).status == 200
    (kept,) = deploys_kept(daemon)
    assert (kept.environment, kept.version) == ("perf", "2.4.1")
    with ledger_at(str(daemon.ledger_file)) as ledger:
        assert [one.name for one in known_alerts(ledger, time.time())] == ["Spool grows"]
