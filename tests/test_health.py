"""docker/health.py, as the health checks of containers call it."""

import socket
import subprocess
import sys
from pathlib import Path

HEALTH = Path(__file__).parent.parent / "docker" / "health.py"


def code_of(*arguments: str) -> int:
    # without the environment's packages, as in an image that has others
    return subprocess.run([sys.executable, "-I", "-S", str(HEALTH), *arguments], timeout=30, check=False).returncode


def test_a_server_that_answers_is_well_whatever_it_wants(host: str) -> None:
    assert code_of("answers", f"{host}/page") == 0
    assert code_of("answers", f"{host}/fail") == 1  # 503
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert code_of("answers", f"http://127.0.0.1:{closed.getsockname()[1]}/") == 1


def test_a_connection_is_seen_by_the_port_of_the_other_side_while_it_lasts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert code_of("connected", port) == 1
        with socket.create_connection(server.getsockname()):
            assert code_of("connected", port) == 0
