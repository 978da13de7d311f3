"""The keeper of soaks, with real Locust processes and a real store: whatever dies, the load goes on, and once."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from locust_runs import LOCUSTFILE, TARGET, free_port
from soak_runs import NAME, SoakBench

from soakwatch.core.run import Outcome, Run
from soakwatch.core.span import Span
from soakwatch.scheduler.soak_book import Whereabouts, note_whereabouts, whereabouts
from soakwatch.store.opening import open_store

pytestmark = pytest.mark.processes

NewBench = Callable[..., SoakBench]


@pytest.fixture
def soak(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewBench]:
    """Makes a soak of two workers, or as settings say."""
    monkeypatch.chdir(tmp_path)
    made = []

    def make(window: float = 1.0, leash: float = 180.0, host: str = host, **settings: object) -> SoakBench:
        made.append(SoakBench(tmp_path, host, {"processes": 2, **settings}, window, leash))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def exact(run: Run) -> bool:
    return run.outcome is Outcome.FINISHED and run.reconciled is not None and run.reconciled.exact


def test_it_runs_while_it_is_wanted_and_ends_in_order_when_it_is_stopped(soak: NewBench) -> None:
    bench = soak()
    begun = bench.until_it_runs()
    assert len(bench.processes()) == 3
    bench.wish(wanted=False)
    ended = bench.until(lambda state: not state.process, "its end")
    assert (ended.wanted, ended.restarts, ended.trouble, ended.run) == (False, 0, "", begun.run)
    assert bench.processes() == []
    (run,) = bench.runs()
    assert (run.id, run.test, run.continues) == (begun.run, NAME, "")
    assert exact(run), run
    assert bench.keep().process == 0
    bench.wish(wanted=True)
    begins = bench.until(lambda state: bool(state.process), "its start")
    assert begins.run == "", "it makes no load yet, and the run that is over is not its own"
    assert bench.until_it_runs(but=begun.run).wanted
    assert bench.trouble == []


def test_a_rotation_leaves_a_gap_of_two_windows_at_most_and_both_runs_are_reconciled(soak: NewBench) -> None:
    bench = soak(rotate=20, users=24, spawn_rate=4)
    first = bench.until_it_runs()
    # users come one after the other in the first run, and all at once in the one that goes on from it
    second = bench.until_it_runs(but=first.run)
    bench.until(lambda state: state.due is not None and state.due - time.time() < 4, "some seconds of the second run")
    bench.wish(wanted=False)
    bench.until(lambda state: not state.process, "its end")
    before, after = bench.runs()[:2]
    assert (before.id, after.id) == (first.run, second.run)
    assert (before.continues, after.continues) == ("", before.id)
    assert exact(before), before
    assert exact(after), after
    gap = bench.busy(after.id)[0] - bench.busy(before.id)[1]
    assert gap <= 20.0, f"{gap} s without load; two windows are 20 s by default"
    assert (before.spawn_rate, after.spawn_rate) == (4.0, 12.0)
    assert second.restarts == 0
    assert bench.trouble == []


def test_a_master_that_is_killed_is_told_its_workers_end_and_another_one_begins(soak: NewBench) -> None:
    bench = soak()
    begun = bench.until_it_runs()
    os.kill(begun.process, signal.SIGKILL)
    old = {one.pid for one in bench.processes()}

    def has_begun_anew(now: object) -> bool:
        living = {one.pid for one in bench.processes()}
        assert not (living & old and living - old), "what is left of one start never lives beside the next"
        return bool(living - old) and now is not None

    bench.until(has_begun_anew, "another start")
    again = bench.until_it_runs(but=begun.run)
    assert again.restarts == 1
    assert any("ended by itself" in sentence for sentence in bench.trouble), bench.trouble
    assert bench.runs()[-1].continues == "", "who dies does not go on"


def test_a_worker_that_is_killed_is_told_and_replaced(soak: NewBench) -> None:
    bench = soak()
    begun = bench.until_it_runs()
    worker = next(one for one in bench.processes() if one.pid != begun.process)
    worker.kill()
    again = bench.until(lambda state: state.run not in {"", begun.run}, "another run", seconds=90)
    assert again.restarts == 1
    bench.until(lambda _: len(bench.processes()) == 3, "a master and two workers")
    assert any("a worker is gone" in sentence for sentence in bench.trouble), bench.trouble


@pytest.mark.parametrize("who", ["the master", "a plain process"])
def test_one_that_hangs_is_told_ended_and_replaced(soak: NewBench, who: str) -> None:
    bench = soak(processes=2 if who == "the master" else 0)
    begun = bench.until_it_runs()
    os.kill(begun.process, signal.SIGSTOP)
    again = bench.until(lambda state: state.run not in {"", begun.run}, "another run", seconds=120)
    assert again.restarts == 1
    assert any("Locust hangs" in sentence for sentence in bench.trouble), bench.trouble
    assert not psutil.pid_exists(begun.process) or psutil.Process(begun.process).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("left", ["everything", "no record"])
def test_a_daemon_that_is_killed_leaves_the_load_to_the_next_one(soak: NewBench, left: str) -> None:
    bench = soak()
    with bench.daemon() as daemon:
        deadline = time.monotonic() + 60
        while len(bench.processes()) < 3 or not bench.log.count("All users spawned"):
            assert time.monotonic() < deadline, bench.log
            time.sleep(0.2)
        daemon.kill()
    before = [one.pid for one in bench.processes()]
    if left == "no record":
        (bench.files / "record.json").unlink()
        # what the settings were is not known then, so that it is begun anew with those that there are, in order
        state = bench.until(lambda state: state.process not in {0, before[0]}, "one with known settings")
        assert state.restarts == 0
        return
    adopted = bench.until_it_runs()
    assert adopted.process == before[0]
    assert [one.pid for one in bench.processes()] == before
    assert (adopted.restarts, len(bench.runs())) == (0, 1)


def test_a_daemon_that_works_again_after_another_one_adopts_what_that_began(soak: NewBench) -> None:
    bench = soak(processes=0)
    bench.wish(wanted=False)
    first, second = bench.keeper, bench.new_keeper()
    first.keep(time.time(), lambda: False)
    bench.keeper = second
    bench.wish(wanted=True)
    begun = bench.until_it_runs()
    bench.keeper = first
    adopted = bench.until(lambda state: bool(state.process), "the adopted one")
    bench.until(lambda state: state.run == begun.run, "its run")
    assert (adopted.process, [one.pid for one in bench.processes()]) == (begun.process, [begun.process])


def test_locust_ends_itself_when_no_daemon_says_anything_any_more(soak: NewBench) -> None:
    bench = soak(leash=4.0)
    bench.until_it_runs()
    deadline = time.monotonic() + 60
    while bench.processes():
        assert time.monotonic() < deadline, bench.log
        time.sleep(0.2)
    assert "says nothing any more" in bench.log
    (run,) = bench.runs()
    assert exact(run), run


def test_locust_that_ignores_that_it_should_end_does_so_all_the_same_when_no_daemon_is_there(soak: NewBench) -> None:
    bench = soak(leash=5.0, processes=2)
    deaf = "\nimport gevent, signal\nfor one in (signal.SIGINT, signal.SIGTERM):\n"
    deaf += "    gevent.spawn_later(1, signal.signal, one, signal.SIG_IGN)\n"
    (bench.folder / "users.py").write_text(LOCUSTFILE + deaf, encoding="utf-8")
    bench.until_it_runs()
    time.sleep(1)
    bench.keep()
    deadline = time.monotonic() + 90
    while bench.processes():
        assert time.monotonic() < deadline, bench.log
        time.sleep(0.5)
    assert "the daemon that keeps this soak running says nothing any more" in bench.log


def test_when_the_daemon_ends_locust_is_asked_to_and_the_next_one_goes_on(soak: NewBench) -> None:
    bench = soak()
    first = bench.until_it_runs()
    began = time.monotonic()
    bench.keeper.release()
    assert time.monotonic() - began < 8
    assert bench.keeper.states() == (), "who looks after none says nothing of any"
    bench.until(lambda state: state.process not in {0, first.process}, "the next start")
    second = bench.until_it_runs(but=first.run)
    assert second.restarts == 0
    before, after = bench.runs()
    assert exact(before), before
    assert after.continues == before.id


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("no locustfile", "Could not find"),
        ("a syntax error", "SyntaxError"),
        ("a port that is taken", "in use"),
    ],
)
def test_what_cannot_start_is_told_with_its_last_words_and_tried_again_ever_later(
    soak: NewBench, wrong: str, words: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        distributed = {"expect_workers": 1, "master_host": "127.0.0.1", "master_port": port, "processes": 0}
        bench = soak(**(distributed if wrong == "a port that is taken" else {"processes": 0}))
        match wrong:
            case "no locustfile":
                (bench.folder / "users.py").unlink()
            case "a syntax error":
                (bench.folder / "users.py").write_text("def users(:\n", encoding="utf-8")
            case _:
                pass
        state = bench.until(lambda state: state.restarts >= 2, "two tries")
        assert words in state.trouble, state.trouble
        assert "next try in" in state.trouble
        assert state.due is not None
        assert state.due - time.time() > 1
        said = bench.trouble[-1]
        bench.keep()
        assert bench.trouble[-1] == said, "a log says it once, however long it is until the next try"
        bench.wish(wanted=False)
        stopped = bench.keep()
        assert (stopped.trouble, stopped.due) == ("", None), "what is stopped is not tried again"
        bench.wish(wanted=True)
    if wrong == "a syntax error":
        (bench.folder / "users.py").write_text(LOCUSTFILE, encoding="utf-8")
        assert bench.until_it_runs().restarts >= 2


def test_a_target_that_is_gone_is_told_and_locust_goes_on(soak: NewBench) -> None:
    served = subprocess.Popen([sys.executable, "-c", TARGET], stdout=subprocess.PIPE, text=True)
    assert served.stdout is not None
    with served:
        bench = soak(processes=0, host=f"http://127.0.0.1:{int(served.stdout.readline())}")
        begun = bench.until_it_runs()
        served.kill()
    told = bench.until(lambda state: bool(state.trouble), "a word on the target", seconds=90)
    assert told.trouble == "the target does not answer: every request goes without any answer"
    assert (told.process, told.restarts) == (begun.process, 0)


def test_a_store_that_takes_nothing_is_not_taken_for_a_locust_that_hangs(soak: NewBench) -> None:
    bench = soak(processes=0)
    begun = bench.until_it_runs()
    with closing(sqlite3.connect(bench.folder / "soakwatch.db", isolation_level=None)) as locked:
        locked.execute("BEGIN IMMEDIATE")
        end = time.monotonic() + 45
        while time.monotonic() < end:
            state = bench.keep()
            assert (state.process, state.restarts, state.trouble) == (begun.process, 0, "")
            time.sleep(0.5)
        locked.execute("ROLLBACK")


def test_what_may_still_run_on_another_machine_is_waited_for(soak: NewBench) -> None:
    bench = soak(processes=0)
    with bench.ledger.transaction() as work:
        note_whereabouts(work, NAME, Whereabouts("another machine", time.time() + 4))
    waits = bench.keep()
    assert waits.process == 0
    assert "another machine" in waits.trouble
    assert "it begins here within" in waits.trouble
    assert bench.trouble == [f"soak {NAME}: it may still be under way on another machine"]
    bench.until_it_runs()
    assert whereabouts(bench.ledger)[NAME].machine != "another machine"
    bench.wish(wanted=False)
    bench.until(lambda state: not state.process, "its end")
    bench.keep()
    assert whereabouts(bench.ledger) == {}


def test_an_end_of_which_the_ledger_takes_no_note_is_noted_when_it_does(soak: NewBench) -> None:
    bench = soak(processes=0)
    bench.until_it_runs()
    bench.wish(wanted=False)
    with closing(sqlite3.connect(bench.folder / "soakwatch-ledger.db", isolation_level=None)) as ledger:
        refuse = "BEGIN SELECT RAISE(ABORT, 'not now'); END"
        ledger.execute(f"CREATE TRIGGER refusing BEFORE DELETE ON ledger_memory {refuse}")
        bench.until(lambda state: not state.process and "not now" in state.trouble, "an end that cannot be noted")
        ledger.execute("DROP TRIGGER refusing")
    assert bench.keep().trouble == ""
    assert whereabouts(bench.ledger) == {}


def test_its_log_is_bounded_and_one_older_part_is_kept(soak: NewBench) -> None:
    bench = soak(processes=0, log_limit=65_536)
    chatty = LOCUSTFILE.replace("    def page(self):", "    def page(self):\n        print('talk ' * 200, flush=True)")
    (bench.folder / "users.py").write_text(chatty, encoding="utf-8")
    bench.until_it_runs()
    older = bench.files / "locust.log.1"
    bench.until(lambda _: older.exists(), "an older part")
    sizes = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        bench.keep()
        sizes.append((bench.files / "locust.log").stat().st_size)
        time.sleep(0.2)
    assert max(sizes) < 3 * 65_536
    assert "\0" not in bench.log, "Locust goes on at the end of the emptied file, not where it was"


def test_the_version_of_what_it_tests_is_looked_at(soak: NewBench, host: str) -> None:
    bench = soak(processes=0, version_url=f"{host}/version")
    bench.until_it_runs()

    def is_known(_: object) -> bool:
        with open_store(bench.configuration) as store:
            return [one.version for one in store.deploys(Span(0, time.time() + 60))] == ["ok"]

    bench.until(is_known, "a deploy")


def test_settings_that_changed_are_taken_over_by_a_new_start(soak: NewBench) -> None:
    bench = soak(processes=0)
    first = bench.until_it_runs()
    changed = SoakBench(bench.folder, bench.host, {"processes": 0, "users": 5}, bench.window)
    try:
        second = changed.until_it_runs(but=first.run)
        assert second.restarts == 0
        before, after = changed.runs()
        assert (before.users, after.users, after.continues) == (8, 5, "")
        assert exact(before), before
    finally:
        changed.close()


def test_a_scenario_is_stretched_over_its_duration_and_then_it_has_ended(soak: NewBench) -> None:
    bench = soak(processes=0, scenario="baseline", duration=0.25, users=9)
    assert bench.keep().wanted is False
    bench.wish(wanted=True)
    bench.until_it_runs()
    ended = bench.until(lambda state: not (state.process or state.wanted), "its end")
    assert (ended.restarts, ended.trouble) == (0, "")
    (run,) = bench.runs()
    assert exact(run), run
    with open_store(bench.configuration) as store:
        assert max(one.users for one in store.load(run.id)) == 3, "a third of the users, as the scenario says"


def test_workers_from_elsewhere_are_waited_for_and_missed(soak: NewBench) -> None:
    port = free_port()
    bench = soak(processes=0, expect_workers=1, master_host="127.0.0.1", master_port=port)
    waits = bench.until(lambda state: bool(state.trouble), "a word on workers")
    assert waits.trouble == "it waits for its workers: 0 of 1 have come"
    launcher = [sys.executable, "-m", "soakwatch.collector.launcher", "-f", "users.py"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SOAKWATCH_")}
    with subprocess.Popen([*launcher, "--worker", "--master-port", str(port)], cwd=bench.folder, env=clean) as worker:
        begun = bench.until_it_runs()
        assert begun.trouble == ""
        worker.kill()
    missed = bench.until(lambda state: bool(state.trouble), "a word on the missing one")
    assert missed.trouble == "workers are missing: 0 of 1 are there"
    assert (missed.process, missed.restarts) == (begun.process, 0)
    # Locust stops the test when the last one is gone, and would never begin it again
    again = bench.until(lambda state: state.process not in {0, begun.process}, "another start", seconds=90)
    assert again.restarts == 1


def test_a_log_that_takes_nothing_is_told_and_locust_goes_on(soak: NewBench) -> None:
    bench = soak(processes=0)
    bench.files.mkdir(parents=True)
    (bench.files / "locust.log").symlink_to("/dev/full")
    state = bench.until_it_runs()
    assert state.restarts == 0
    assert any("No space left on device" in sentence for sentence in bench.trouble), bench.trouble
    bench.wish(wanted=False)
    bench.until(lambda state: not state.process, "its end")
    (run,) = bench.runs()
    assert exact(run), run


def test_a_ledger_that_cannot_be_read_changes_nothing(soak: NewBench) -> None:
    bench = soak(processes=0)
    begun = bench.until_it_runs()
    with closing(sqlite3.connect(bench.folder / "soakwatch-ledger.db", isolation_level=None)) as ledger:
        ledger.execute("ALTER TABLE ledger_memory RENAME TO elsewhere")
        for _ in range(5):
            state = bench.keep()
            assert (state.process, state.restarts) == (begun.process, 0)
        assert any("soaks go on as they are" in sentence for sentence in bench.trouble)
        ledger.execute("ALTER TABLE elsewhere RENAME TO ledger_memory")
    assert bench.keep().trouble == ""


def test_what_the_daemon_alone_needs_is_kept_from_the_locustfile(
    soak: NewBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [f"SOAKWATCH_{section}__TOKEN" for section in ("GITHUB", "GRAFANA", "HTTP")]
    for name in (*secrets, "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "of-the-daemon-alone")
    monkeypatch.setenv("LOCUST_USERS", "99")
    bench = soak(processes=0)
    begun = bench.until_it_runs()
    told = psutil.Process(begun.process).environ()
    assert "of-the-daemon-alone" not in told.values()
    assert "LOCUST_USERS" not in told
    assert [run.users for run in bench.runs()] == [8]
