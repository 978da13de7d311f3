"""The small parts of soaks: what a pulse shows, a log that is bounded, a leash, and how Locust is called."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import ledger_at

from soakwatch.collector.failures import is_unanswered
from soakwatch.collector.leash import Leash
from soakwatch.core.configuration import Configuration
from soakwatch.core.settings import DeploySection
from soakwatch.core.soak_pulse import HEARTBEAT_FILE, PULSE_FILE, Pulse
from soakwatch.core.soak_settings import SoakSection
from soakwatch.scheduler.soak_book import Whereabouts, Wish, note_whereabouts, note_wish, whereabouts, wishes
from soakwatch.scheduler.soak_command import Start, arguments, fingerprint, variables
from soakwatch.scheduler.soak_files import SoakFiles
from soakwatch.scheduler.soak_occasion import Occasion
from soakwatch.scheduler.soak_record import SoakRecord
from soakwatch.scheduler.soak_trouble import Asked, trouble_of
from soakwatch.scheduler.soak_watching import SoakWatching

NOW = 1_800_000_000.0
RUNNING = Pulse("a", number=1, windows=1, run="one", state="running", users=8)
SOAK = SoakSection(name="staging", locustfile="users.py", users=40, spawn_rate=4)
START = Start("a", Path("/soaks/staging"), leash=180.0)


def looks(pulses: Sequence[tuple[float, int, Pulse | None]]) -> SoakWatching:
    """What a watching knows after looks at (moment, when the pulse was written, pulse)."""
    watching = SoakWatching("a")
    for at, written, pulse in pulses:
        watching.look(written, pulse, NOW + at, is_complete=True)
    return watching


def beats(seconds: int, first: int = 0) -> list[tuple[float, int, Pulse | None]]:
    """A pulse every other second, with a window every ten."""
    moments = range(first, first + seconds, 2)
    return [(at, at + 1, replace(RUNNING, number=at, windows=at // 10)) for at in moments]


def test_one_that_beats_and_closes_windows_is_not_silent() -> None:
    assert looks(beats(120)).silent <= 10


def test_one_that_does_not_beat_is_silent_from_its_last_beat() -> None:
    last = beats(60)[-1]
    still = [(float(at), last[1], last[2]) for at in range(60, 100, 2)]
    assert looks([*beats(60), *still]).silent == 98 - 50, "its last window was closed at 50"


def test_one_that_beats_and_closes_no_windows_is_silent_while_its_test_runs_and_only_then() -> None:
    for now, silent in (
        (RUNNING, 50.0),
        (replace(RUNNING, state="ready"), 0.0),
        (replace(RUNNING, state="stopped", ended=True), 50.0),
    ):
        stuck = [(float(at), at, replace(now, number=at, windows=5)) for at in range(60, 102, 2)]
        assert looks([*beats(60), *stuck]).silent == silent


def test_a_machine_that_slept_and_a_clock_that_was_set_are_no_silence() -> None:
    last = beats(60)[-1]
    for jump in (3_600.0, -3_600.0):
        assert looks([*beats(60), (60 + jump, last[1], last[2])]).silent == 0.0


def test_a_pulse_of_another_start_is_none_and_one_that_cannot_be_read_is_one() -> None:
    other = [(float(at), at, Pulse("b", number=at)) for at in range(60, 100, 2)]
    assert looks([*beats(60), *other]).silent > 35
    torn = [(float(at), at, None) for at in range(60, 70, 2)]
    assert looks([*beats(60), *torn]).silent <= 20


def test_a_target_is_gone_when_every_request_of_a_while_went_without_an_answer() -> None:
    def said(unanswered: int) -> bool:
        counts = [replace(RUNNING, requests=at * 10, unanswered=at * unanswered, number=at) for at in range(0, 44, 2)]
        return looks([(float(one.number), one.number + 1, one) for one in counts]).is_unanswered

    assert said(10)
    assert not said(9)
    assert not looks(beats(60)).is_unanswered, "who makes no requests hears nothing"


def test_users_that_make_no_requests_are_told_of_after_five_minutes() -> None:
    def said(requests: int, users: int = 8, state: str = "running", seconds: int = 320) -> str:
        pulses = [
            replace(RUNNING, requests=at // 20 * requests, number=at, windows=at // 10, users=users, state=state)
            for at in range(0, seconds, 2)
        ]
        watching = looks([(float(one.number), one.number + 1, one) for one in pulses])
        now = NOW + seconds
        return trouble_of(SoakRecord("a", began=NOW), watching, Asked(Occasion(NOW, now + 60)), 0, now)

    assert said(0) == "its users make no requests; Locust's log says what they do instead"
    assert said(1) == ""
    assert said(0, users=0) == said(0, state="ready") == said(0, seconds=290) == ""


@given(st.builds(Pulse, st.text(), st.integers(), st.integers(), st.text(), st.text()))
def test_a_pulse_reads_back_equal(pulse: Pulse) -> None:
    assert Pulse.decode(pulse.encode()) == pulse


@given(st.text())
def test_what_is_no_pulse_is_none(text: str) -> None:
    assert Pulse.decode(text) is None


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        ("ConnectionRefusedError(111, 'Connection refused')", True),
        ("ConnectionError(MaxRetryError('Failed to establish a new connection'))", True),
        ("gaierror(-2, 'Name or service not known')", True),
        ("TimeoutError('timed out')", True),
        ("LocustBadStatusCode(code=503)", False),
        ("CatchResponseError('wrong answer')", False),
    ],
)
def test_errors_of_a_target_that_is_gone_are_told_from_others(error: str, *, gone: bool) -> None:
    assert is_unanswered(error) is gone


def test_a_leash_runs_out_by_a_clock_that_nobody_sets(tmp_path: Path) -> None:
    heartbeat, clock = tmp_path / HEARTBEAT_FILE, [0.0]
    leash = Leash(heartbeat, 10.0, lambda: clock[0])
    said = []
    for moment in range(60):
        clock[0] = float(moment)
        if moment < 20 and moment % 5 == 0:
            # by whatever clock: it only has to change
            heartbeat.touch()
            os.utime(heartbeat, (moment * 1e6, moment * 1e6))
        said.append(leash.is_over())
    assert said.index(True) == 26


def test_a_log_that_cannot_be_kept_is_cut_all_the_same(tmp_path: Path) -> None:
    files = SoakFiles(tmp_path, 10)
    (tmp_path / "locust.log").write_text("x" * 100, encoding="utf-8")
    (tmp_path / "locust.log.1").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.bound_log()
    assert files.log.read_text(encoding="utf-8") == ""


def test_last_words_are_those_since_the_last_start(tmp_path: Path) -> None:
    files = SoakFiles(tmp_path, 10)
    assert files.last_words() == ""
    files.mark_log("staging")
    with files.log.open("ab") as log:
        log.write(b"one\n\xff\ntwo\n\n  three  \n")
    assert files.last_words() == "one / \N{REPLACEMENT CHARACTER} / two / three".removeprefix("one / ")
    files.mark_log("staging")
    assert files.last_words() == ""
    with files.log.open("ab") as log:
        log.write(b"[2026-11-30 08:24:41,123] soak-1/ERROR/locust.main: no users\n")
    assert files.last_words() == "soak-1/ERROR/locust.main: no users", "the next time it reads the same"


def test_what_others_left_in_the_folder_is_no_record_and_no_pulse(tmp_path: Path) -> None:
    files = SoakFiles(tmp_path, 10)
    assert (files.record(), files.pulse()) == (None, (0, None))
    for name in ("record.json", PULSE_FILE):
        (tmp_path / name).write_bytes(b"\xff{")
    assert files.record() is None
    assert files.pulse()[1] is None
    files.keep(SoakRecord(run="one"))
    assert files.record() == SoakRecord(run="one")


def test_a_run_that_goes_on_has_all_users_in_two_seconds() -> None:
    usual, at_once = arguments(SOAK, START), arguments(SOAK, replace(START, at_once=True))
    assert usual[usual.index("--spawn-rate") + 1] == "4"
    assert at_once[at_once.index("--spawn-rate") + 1] == "20"


def test_a_scenario_goes_on_where_it_was() -> None:
    words = arguments(SOAK.model_copy(update={"scenario": "spike", "duration": 60.0}), replace(START, elapsed=1800.5))
    for option, value in {
        "--scenario": "spike",
        "--scenario-seconds": "3600",
        "--scenario-elapsed": "1800.500",
    }.items():
        assert words[words.index(option) + 1] == value


def test_versions_that_are_watched_already_go_on_being_watched() -> None:
    known = DeploySection(service="rag", version_url="http://user:secret@rag/version")
    soak = SOAK.model_copy(update={"version_url": known.version_url, "version_field": "build"})
    told = variables(soak, START, Configuration(deploy=(known,)), None, {})
    assert told["SOAKWATCH_DEPLOY"].count("http://user:secret@rag/version") == 2
    assert "SOAKWATCH_DEPLOY" not in variables(SOAK, START, Configuration(deploy=(known,)), None, {})


def test_only_what_a_running_locust_was_started_with_makes_it_another_one() -> None:
    same = SOAK.model_copy(update={"rotate": "", "log_limit": 99_999, "cron": "0 3 * * *", "duration": 5.0})
    assert fingerprint(same) == fingerprint(SOAK)
    assert fingerprint(SOAK.model_copy(update={"users": 41})) != fingerprint(SOAK)


def test_what_is_wanted_of_each_soak_and_where_it_is_reads_back(tmp_path: Path) -> None:
    with ledger_at(str(tmp_path / "ledger.db")) as ledger:
        with ledger.transaction() as work:
            note_wish(work, "a", Wish(wanted=True, at=1.5))
            note_wish(work, "b c", Wish(wanted=False, at=2.5))
            note_whereabouts(work, "a", Whereabouts("here", 3.5))
            work.remember({"soak wish d": b"of another version"})
        assert wishes(ledger) == {"a": Wish(wanted=True, at=1.5), "b c": Wish(wanted=False, at=2.5)}
        assert whereabouts(ledger) == {"a": Whereabouts("here", 3.5)}
