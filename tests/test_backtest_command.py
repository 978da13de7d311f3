"""What `backtest` tells of a stored history, and `baseline show` of what was learnt: the real commands."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from command_line import soakwatch
from ledgers import ledger_at
from watched_history import END, ONSET, SERIES, Place, learnt, stored

from soakwatch.core.incident import Kind
from soakwatch.core.mute import Mute
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind, TrueEvent, Truth
from soakwatch.scheduler.mute_book import note_mute
from soakwatch.store.truth_files import write_truth

SETTINGS = {"SOAKWATCH_DETECTOR__LEARNING": "0.5", "SOAKWATCH_DETECTOR__HISTORY": "1"}
TRUTH = Truth(
    1,
    Span(END - 86_400, END),
    (TrueEvent(EventKind.STEP, 0.5, Span(ONSET, END), SERIES[:1], incident=Kind.LATENCY),),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    """A history after a backtest with truth and plots, and what was printed as JSON."""
    place = stored().copy(tmp_path_factory.mktemp("backtest"))
    write_truth(place.folder / "truth.json", TRUTH)
    before = _content(place.folder / "soakwatch.db")
    done = soakwatch(
        *("backtest", "--days", "1", "--truth", "truth.json", "--plots", "plots", "--json"),
        folder=place.folder,
        environment=SETTINGS,
    )
    assert done.returncode == 0, done.stderr
    assert _content(place.folder / "soakwatch.db") == before
    assert not (place.folder / "soakwatch-ledger.db").exists()
    return place, done.stdout


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_backtest_tells_how_soon_and_how_right_it_would_have_been(told: tuple[Place, str]) -> None:
    document = json.loads(told[1])
    (story,) = document["incidents"]
    assert [change["state"] for change in story["changes"]] == ["suspect", "confirmed"]
    assert (document["score"]["precision"], document["score"]["recall"]) == (1, 1)
    (group,) = document["score"]["groups"]
    assert (group["kind"], group["found"]) == ("step", 1)
    assert 0 < group["confirmed"]["median"] < 2_400
    assert document["steps"] == 1_560, "a day to judge, and two hours before that are there to be learnt from"


def test_each_incident_is_drawn_and_one_page_has_all_of_them(told: tuple[Place, str]) -> None:
    place, printed = told
    fingerprint = json.loads(printed)["incidents"][0]["incident"]["fingerprint"]
    assert (place.folder / "plots" / f"{fingerprint}.png").read_bytes().startswith(b"\x89PNG")
    page = (place.folder / "plots" / "incidents.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "it began here (90 %)" in page
    assert "rag_service POST /query" in page
    assert not re.search(r"(src|href)=.https?:", page), "self-contained"


def test_people_read_the_same_in_lines_that_fit_on_a_narrow_terminal(told: tuple[Place, str]) -> None:
    place, _ = told
    arguments = ("--days", "1", "--truth", "truth.json")
    done = soakwatch("backtest", *arguments, folder=place.folder, environment=SETTINGS)
    assert "1 incident (" in done.stdout
    assert "rag_service POST /query" in done.stdout
    assert "still open" in done.stdout
    assert "0 told again when they were over, 0 false" in done.stdout


def test_what_people_have_muted_is_no_incident_in_a_backtest_either(tmp_path: Path) -> None:
    place = stored().copy(tmp_path)
    muted = Mute("", "*", "rag_*", Span(ONSET, END), "index is rebuilt", "ada", ONSET)
    with ledger_at(str(place.folder / "soakwatch-ledger.db")) as ledger, ledger.transaction() as work:
        note_mute(work, muted)
    done = soakwatch("backtest", "--days", "1", "--json", folder=place.folder, environment=SETTINGS)
    assert json.loads(done.stdout)["incidents"] == []
    (place.folder / "soakwatch-ledger.db").write_bytes(b"no ledger" * 100)
    done = soakwatch("backtest", "--days", "1", "--json", folder=place.folder, environment=SETTINGS)
    assert len(json.loads(done.stdout)["incidents"]) == 1
    assert "told as if nobody had muted anything: " in done.stderr.replace("\n", " ")


def test_the_truth_about_another_history_is_refused(told: tuple[Place, str]) -> None:
    place, _ = told
    write_truth(place.folder / "other.json", Truth(1, Span(0.0, 86_400.0), ()))
    done = soakwatch("backtest", "--days", "1", "--truth", "other.json", folder=place.folder, environment=SETTINGS)
    assert done.returncode == 2
    assert "other.json is about another history, 1970-01-01" in done.stderr.replace("\n", " ")


def test_a_history_that_is_too_short_to_judge_says_so(told: tuple[Place, str]) -> None:
    longer = {**SETTINGS, "SOAKWATCH_DETECTOR__LEARNING": "2"}
    done = soakwatch("backtest", "--days", "0.2", folder=told[0].folder, environment=longer)
    assert done.returncode == 0
    assert "too little to judge anything: all of it is learning, which takes 48 h" in done.stdout


def test_all_days_that_were_asked_for_are_judged_where_the_store_has_what_was_before(told: tuple[Place, str]) -> None:
    done = soakwatch("backtest", "--days", "0.2", "--json", folder=told[0].folder, environment=SETTINGS)
    document = json.loads(done.stdout)
    assert document["steps"] == 1_560
    assert len(document["incidents"]) == 1
    again = soakwatch("backtest", "--days", "0.2", folder=told[0].folder, environment=SETTINGS)
    assert "judged 0.2 days" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--store", "none.db"), "there is no store"), (("--truth", "none.json"), "none.json")],
)
def test_what_is_not_there_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    stored().copy(tmp_path)
    done = soakwatch("backtest", *arguments, folder=tmp_path)
    assert done.returncode in {2, 3}
    assert said in done.stderr


def test_the_baseline_of_a_series_says_what_it_is_made_of(tmp_path: Path) -> None:
    learnt().copy(tmp_path)
    shown = soakwatch("baseline", "show", "rag_service POST /query", folder=tmp_path, environment=SETTINGS).stdout
    assert "are in the baseline" in shown
    assert "yes" in shown
    document = json.loads(
        soakwatch("baseline", "show", "search", "--json", folder=tmp_path, environment=SETTINGS).stdout
    )
    assert document["endpoint"] == "/search"
    medians = [level["value"] for level in document["levels"] if level["metric"] == "p50"]
    assert medians == pytest.approx([50.0] * 24, rel=0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [("rag_service", "write more of one"), ("/nothing", "no series is like '/nothing'; there are")],
)
def test_a_series_that_is_not_clear_is_asked_for(tmp_path: Path, text: str, said: str) -> None:
    learnt().copy(tmp_path)
    done = soakwatch("baseline", "show", text, folder=tmp_path, environment=SETTINGS)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
