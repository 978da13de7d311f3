"""The proxy that makes faults makes those that it is told to, and none else."""

import gzip
import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from fault_runs import proxied
from faulty_proxy import Fault, FaultyProxy, answer_lost, answers, black_hole, cut_in_the_middle, late, refuses


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, and keeps it."""

    received: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        """Say nothing."""


@pytest.fixture
def received() -> list[bytes]:
    return []


@pytest.fixture
def proxy(received: list[bytes]) -> Iterator[FaultyProxy]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Echo,), {"received": received})) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with proxied(f"http://127.0.0.1:{server.server_port}") as made:
            yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def client(proxy: FaultyProxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=0.5)
    yield connection
    connection.close()


def send(client: http.client.HTTPConnection, body: bytes = b"points") -> tuple[int, bytes]:
    client.request("POST", "/api/v2/write", body)
    answer = client.getresponse()
    return answer.status, answer.read()


def test_without_a_fault_what_is_sent_and_answered_arrives(
    client: http.client.HTTPConnection, proxy: FaultyProxy, received: list[bytes]
) -> None:
    assert send(client) == (200, b"points")
    assert received == [b"points"]
    assert [asked.path for asked in proxy.writes] == ["/api/v2/write"]


def test_an_answer_of_its_own_does_not_reach_the_server(
    client: http.client.HTTPConnection, proxy: FaultyProxy, received: list[bytes]
) -> None:
    with proxy.doing(answers(503, Retry_After="7")):
        client.request("POST", "/", b"points")
        answer = client.getresponse()
        answer.read()
    assert (answer.status, answer.headers["Retry-After"], received) == (503, "7", [])
    assert send(client)[0] == 200


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [(cut_in_the_middle, []), (answer_lost, [b"points"])],
    ids=["cut in the middle", "answer lost"],
)
def test_a_reset_is_one_for_the_client(
    client: http.client.HTTPConnection,
    proxy: FaultyProxy,
    received: list[bytes],
    fault: Fault,
    arrives: list[bytes],
) -> None:
    with proxy.doing(fault), pytest.raises(ConnectionResetError):
        send(client)
    assert received == arrives


def test_a_black_hole_says_nothing(client: http.client.HTTPConnection, proxy: FaultyProxy) -> None:
    with proxy.doing(black_hole), pytest.raises(TimeoutError):
        send(client)


def test_an_answer_is_late(client: http.client.HTTPConnection, proxy: FaultyProxy) -> None:
    begin = time.monotonic()
    with proxy.doing(late(0.2)):
        assert send(client)[0] == 200
    assert time.monotonic() - begin >= 0.2


def test_while_it_is_down_nobody_connects_and_who_was_is_cut_off(
    client: http.client.HTTPConnection, proxy: FaultyProxy
) -> None:
    send(client)
    with proxy.down():
        with pytest.raises(ConnectionResetError):
            send(client)
        client.close()
        with pytest.raises(ConnectionRefusedError):
            send(client)
    client.close()
    assert send(client)[0] == 200


def test_only_what_holds_the_text_is_refused(client: http.client.HTTPConnection, proxy: FaultyProxy) -> None:
    with proxy.doing(refuses("bad")):
        assert send(client, b"good")[0] == 200
        assert send(client, b"good and bad")[0] == 400
        client.request("POST", "/", gzip.compress(b"bad"), {"Content-Encoding": "gzip"})
        assert client.getresponse().status == 400
