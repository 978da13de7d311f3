"""`soakwatch spool`: what waits can be seen, delivered and dropped, and nothing happens behind anybody's back."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import soakwatch
from spooled import BEGIN, REFUSED, a_window, left_by_a_dead_process, spool_left_behind

from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.sqlite import SqliteStore

ALIVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from spooled import a_window
from soakwatch.collector.spool import Spool
from soakwatch.store import rows
spool = Spool(Path(sys.argv[1]), "alive", 1 << 30)
spool.append([rows.encode([a_window(50)])])
print("ready", flush=True)
sys.stdin.readline()
"""

AWAY = {"SOAKWATCH_STORE__URL": "http://127.0.0.1:1", "SOAKWATCH_STORE__TOKEN": "a-token-not-to-be-shown"}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "soakwatch.db.spool"


@contextmanager
def a_living_process(spool: Path) -> Iterator[None]:
    command = [sys.executable, "-c", ALIVE, str(spool), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        process.kill()


def as_json(*arguments: str, folder: Path, code: int = 0, environment: Mapping[str, str] | None = None) -> Any:
    ended = soakwatch("spool", *arguments, "--json", folder=folder, environment=environment)
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout)


def stored(folder: Path) -> list[float]:
    """The numbers of the windows in the store."""
    with SqliteStore.open(folder / "soakwatch.db") as store:
        return [(window.start - BEGIN) / 10 for window in store.windows("run")]


def test_status_says_what_waits_from_when_to_when_and_of_which_runs(tmp_path: Path, spool: Path) -> None:
    left_by_a_dead_process(spool, [[a_window(0), a_window(1)], [a_window(2, 1_000)]])
    (one,) = as_json("status", folder=tmp_path)["spools"]
    assert (one["source"], one["in_use"], one["requests"], one["windows"]) == ("dead", False, 1_006, 3)
    assert (one["runs"], one["span"]) == (["run"], [BEGIN, BEGIN + 30])
    shown = soakwatch("spool", "status", folder=tmp_path).stdout
    for text in ("dead", "1,006", "2026-11-18 11:06:40 - 2026-11-18 11:07:10", "left behind", "dead letters: none"):
        assert text in shown


def test_status_changes_nothing(tmp_path: Path, spool: Path) -> None:
    left_by_a_dead_process(spool, [[a_window(0)]])
    first, second = (as_json("status", folder=tmp_path) for _ in range(2))
    assert first == second
    assert not (tmp_path / "soakwatch.db").exists()


def test_where_nothing_waits_nothing_is_made_and_nothing_is_wrong(tmp_path: Path) -> None:
    for command in ("status", "replay", "drop"):
        ended = soakwatch("spool", command, folder=tmp_path)
        assert ended.returncode == 0
        assert "nothing" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_replay_delivers_everything_once_and_again_changes_nothing(tmp_path: Path, spool: Path) -> None:
    for source in ("one", "two"):
        left_by_a_dead_process(spool, [[a_window(n, source=source)] for n in range(20)], source)
    ended = soakwatch("spool", "replay", folder=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout == "delivered 120 requests in 40 records\n"
    assert sorted(stored(tmp_path)) == sorted([*range(20), *range(20)])
    assert not list(spool.iterdir())
    before = stored(tmp_path)
    left_by_a_dead_process(spool, [[a_window(n, source="one")] for n in range(20)], "one")
    assert as_json("replay", folder=tmp_path)["stored"] == 60
    assert stored(tmp_path) == before
    assert as_json("replay", folder=tmp_path)["records"] == 0


def test_the_spool_of_a_living_process_is_shown_as_in_use_and_left_alone(tmp_path: Path, spool: Path) -> None:
    left_by_a_dead_process(spool, [[a_window(0)]])
    with a_living_process(spool):
        in_use = {one["source"]: one["in_use"] for one in as_json("status", folder=tmp_path)["spools"]}
        assert in_use == {"alive": True, "dead": False}
        ended = soakwatch("spool", "replay", folder=tmp_path)
        assert "left alone: 3 requests of the process alive, which is running" in ended.stdout
        assert soakwatch("spool", "drop", "--yes", folder=tmp_path).returncode == 0
        assert stored(tmp_path) == [0]
        assert [one["requests"] for one in as_json("status", folder=tmp_path)["spools"]] == [3]
    assert soakwatch("spool", "replay", folder=tmp_path).returncode == 0
    assert stored(tmp_path) == [0, 50]


def test_a_store_that_cannot_be_reached_is_named_and_all_goes_on_waiting(tmp_path: Path) -> None:
    folder = StoreSection(kind=StoreKind.INFLUXDB, url=AWAY["SOAKWATCH_STORE__URL"]).spool_folder
    left_by_a_dead_process(tmp_path / folder, [[a_window(0)], [a_window(1)]])
    ended = soakwatch("spool", "replay", "--store", "influxdb", folder=tmp_path, environment=AWAY)
    assert ended.returncode == 3
    assert f"6 requests still wait in {folder}" in ended.stdout
    assert "http://127.0.0.1:1" in ended.stderr
    assert AWAY["SOAKWATCH_STORE__TOKEN"] not in ended.stdout + ended.stderr
    document = as_json("replay", "--store", "influxdb", folder=tmp_path, code=3, environment=AWAY)
    assert [one["requests"] for one in document["left"]] == [6]
    assert "http://127.0.0.1:1" in document["trouble"]


def test_what_waits_for_one_server_is_left_alone_when_another_is_configured(tmp_path: Path) -> None:
    folder = StoreSection(kind=StoreKind.INFLUXDB, url="http://staging.example.com:8086").spool_folder
    left_by_a_dead_process(tmp_path / folder, [[a_window(0)]])
    ended = soakwatch("spool", "status", "--store", "influxdb", folder=tmp_path, environment=AWAY)
    assert ended.returncode == 0
    assert str(folder) not in ended.stdout
    there = {**AWAY, "SOAKWATCH_STORE__URL": "http://staging.example.com:8086"}
    assert "dead" in soakwatch("spool", "status", "--store", "influxdb", folder=tmp_path, environment=there).stdout


def test_what_the_store_refuses_goes_to_the_dead_letters_with_the_reason(tmp_path: Path, spool: Path) -> None:
    left_by_a_dead_process(spool, [[a_window(0), a_window(1, 5, REFUSED), a_window(2)]])
    ended = soakwatch("spool", "replay", folder=tmp_path)
    assert ended.returncode == 0
    assert "delivered 6 requests" in ended.stdout
    assert "the store refused 5 requests, which are in the dead letters in soakwatch.db.spool" in ended.stdout
    assert "surrogates not allowed" in ended.stdout
    letters = as_json("status", folder=tmp_path)["dead_letters"]
    assert (letters["letters"], letters["requests"]) == (1, 5)
    assert "1 times: soakwatch.db: this cannot be stored" in soakwatch("spool", "status", folder=tmp_path).stdout


def test_dead_letters_are_tried_again_when_that_is_asked_for(tmp_path: Path, spool: Path) -> None:
    left_by_a_dead_process(spool, [[a_window(0, 5, REFUSED)]])
    spool_left_behind(spool, [b"of another version"], "older")
    soakwatch("spool", "replay", folder=tmp_path)
    # what was refused for another reason, which is over: as a store refuses that was set up wrongly
    with (spool / "dead-letters.jsonl").open("ab") as file:
        file.write(
            (spool / "dead-letters.jsonl").read_bytes().replace(b"\\\\ud800", b"cart").replace(b"\\ud800", b"cart")
        )
    again = as_json("replay", "--dead-letters", folder=tmp_path)
    assert (again["records"], again["stored"], again["refused"]) == (4, 5, 5)
    assert stored(tmp_path) == [0]
    left = list(DeadLetters(spool).read())
    assert [letter.unreadable for letter in left if letter.unreadable] == [b"of another version"] * 2
    assert [letter.points for letter in left if letter.points] == [(a_window(0, 5, REFUSED),)]


@pytest.mark.parametrize("command", [("status",), ("replay",), ("drop", "--yes")])
def test_a_spool_that_may_not_be_opened_is_named_and_does_not_stop_the_others(
    tmp_path: Path, spool: Path, command: tuple[str, ...]
) -> None:
    left_by_a_dead_process(spool, [[a_window(0)]])
    (spool / "somebody.lock").mkdir()  # as another user's: the tests may run as one who may open everything
    done = soakwatch("spool", *command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "somebody" in done.stderr
    assert "Traceback" not in done.stderr
    left = {path.name for path in spool.iterdir()}
    assert (left == {"somebody.lock"}) == (command != ("status",))


def test_drop_says_what_would_be_lost_and_does_it_only_with_yes(tmp_path: Path, spool: Path) -> None:
    left_by_a_dead_process(spool, [[a_window(0), a_window(1)]])
    asked = soakwatch("spool", "drop", folder=tmp_path)
    assert asked.returncode == 2
    for text in ("dead", "6", "2026-11-18 11:06:40", "run"):
        assert text in asked.stdout
    assert "nothing was dropped; with --yes" in asked.stderr
    assert [one["requests"] for one in as_json("status", folder=tmp_path)["spools"]] == [6]
    done = soakwatch("spool", "drop", "--yes", folder=tmp_path)
    assert done.returncode == 0
    assert "2026-11-18 11:06:40" in done.stdout
    assert "dropped 6 requests" in done.stdout
    assert not list(spool.iterdir())
    assert as_json("drop", "--yes", folder=tmp_path) == {"lost": [], "dropped": True}
