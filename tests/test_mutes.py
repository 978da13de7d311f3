"""Mutes: what people mute opens nothing, teaches nothing, closes nothing, and is over when they said."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo, available_timezones

import pytest
from command_line import soakwatch
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import an_incident, ledger_at
from watched_history import END, LEARNT, ONSET, Place, learnt, load_at, minute_at

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import MaintenanceSection
from soakwatch.core.errors import UsageError
from soakwatch.core.incident import Incident, State
from soakwatch.core.mute import Mute
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.detector.maintenance import MaintenanceCalendar
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.mute_book import end_mute, known_mutes, note_mute
from soakwatch.store.ledger import Ledger

HOUR, DAY = 3_600.0, 86_400.0
MUTED_UNTIL = ONSET + 45 * MINUTE


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A daemon's folder: a quiet day is learnt, at `ONSET` an endpoint gets half as slow again."""
    return learnt().copy(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_at(str(tmp_path / "other-ledger.db")) as opened:
        yield opened


def a_mute(
    start: float = ONSET, end: float = MUTED_UNTIL, service: str = "rag_*", environment: str = "staging"
) -> Mute:
    return Mute("", environment, service, Span(start, end), "index is rebuilt", "ada", start)


def note(ledger: Ledger, mute: Mute) -> Mute:
    with ledger.transaction() as work:
        return note_mute(work, mute)


def mute(place: Place, wanted: Mute) -> Mute:
    with place.opened() as (_, ledger, _):
        return note(ledger, wanted)


def tick(ledger: Ledger, detection: Detection, now: float) -> Sequence[Incident]:
    """The tick of a daemon that goes on."""
    detection.detect(now, detection.arrivals(now))
    return ledger.incidents()


def memory_of(place: Place) -> dict[str, bytes]:
    """All that the detector has learnt."""
    with place.opened() as (_, ledger, _):
        return {name: part for name, part in ledger.remembered().items() if not name.startswith("mute ")}


def incidents_of(place: Place) -> list[Incident]:
    with place.opened() as (_, ledger, _):
        return ledger.incidents()


def test_a_fault_in_a_mute_opens_nothing_and_one_that_goes_on_afterwards_does(place: Place) -> None:
    mute(place, a_mute())
    place.tick(ONSET + 20 * MINUTE + 30)  # each of these is a daemon that was just started
    place.tick(MUTED_UNTIL + 30)
    assert incidents_of(place) == []
    place.tick(END + 30)
    (found,) = incidents_of(place)
    assert found.suspected > MUTED_UNTIL
    assert found.state is State.CONFIRMED
    assert found.service == "rag_service"


def test_without_the_mute_the_same_fault_opens_an_incident_in_that_time(place: Place) -> None:
    place.tick(MUTED_UNTIL + 30)
    assert len(incidents_of(place)) == 1


@pytest.mark.parametrize("other", [a_mute(environment="perf"), a_mute(service="cart")], ids=["environment", "service"])
def test_a_mute_of_something_else_hides_nothing(place: Place, other: Mute) -> None:
    mute(place, other)
    place.tick(MUTED_UNTIL + 30)
    assert len(incidents_of(place)) == 1


def test_a_mute_teaches_what_a_planned_window_teaches_which_is_nothing(place: Place, tmp_path: Path) -> None:
    planned = Planned(learnt().copy(tmp_path / "planned").folder)
    mute(place, a_mute())
    for now in (MUTED_UNTIL + 30, END + 30):
        place.tick(now)
        planned.tick(now)
    assert memory_of(place) == memory_of(planned)
    assert memory_of(place) != memory_of(unmuted(tmp_path / "unmuted"))


class Planned(Place):
    """The same with the window in the settings."""

    @property
    def configuration(self) -> Configuration:
        begin = datetime.fromtimestamp(ONSET, UTC)
        window = MaintenanceSection(service="rag_*", cron=f"{begin.minute} {begin.hour} * * *", duration=45)
        return super().configuration.model_copy(update={"maintenance": (window,)})


def unmuted(folder: Path) -> Place:
    place = learnt().copy(folder)
    for now in (MUTED_UNTIL + 30, END + 30):
        place.tick(now)
    return place


def test_what_is_open_stays_as_it_is_while_it_is_muted_also_when_the_fault_ends(place: Place) -> None:
    place.tick(END + 30)
    (before,) = incidents_of(place)
    assert before.state is State.CONFIRMED
    mute(place, a_mute(END, END + HOUR))
    with place.opened() as (store, ledger, detection):
        for number in range(60):
            start = END + number * MINUTE
            store.write([*minute_at(start, onset=END + DAY), load_at(start)])
        (muted,) = tick(ledger, detection, END + HOUR + 30)
        assert muted.state is State.CONFIRMED
        for number in range(60, 180):
            start = END + number * MINUTE
            store.write([*minute_at(start, onset=END + DAY), load_at(start)])
        (after,) = tick(ledger, detection, END + 3 * HOUR + 30)
    assert after.state in {State.RECOVERING, State.RESOLVED}
    assert (after.recovering or 0) > END + HOUR


def test_a_mute_from_a_while_ago_is_as_if_it_had_been_there_from_the_beginning(place: Place, tmp_path: Path) -> None:
    foreseen = learnt().copy(tmp_path / "foreseen")
    mute(foreseen, a_mute())
    with place.opened() as (_, ledger, detection):
        tick(ledger, detection, ONSET + 2 * MINUTE + 30)  # nothing is suspected yet
        note(ledger, a_mute())
        assert tick(ledger, detection, MUTED_UNTIL + 30) == []
    for now in (ONSET + 2 * MINUTE + 30, MUTED_UNTIL + 30):
        foreseen.tick(now)
    assert memory_of(place) == memory_of(foreseen)


def test_a_daemon_that_was_away_for_a_whole_mute_keeps_to_it_when_it_catches_up(place: Place) -> None:
    mute(place, a_mute(ONSET, END - 2 * MINUTE))
    place.tick(END + 30)
    assert incidents_of(place) == []


def test_a_mute_that_is_ended_early_hides_nothing_from_then_on(place: Place) -> None:
    kept = mute(place, a_mute(end=END + DAY))
    with place.opened() as (_, ledger, detection):
        tick(ledger, detection, MUTED_UNTIL + 30)
        with ledger.transaction() as work:
            end_mute(work, kept.id[:4], MUTED_UNTIL)
        (found,) = tick(ledger, detection, END + 30)
    assert found.suspected > MUTED_UNTIL


def test_a_mute_in_the_past_of_the_learning_is_kept_to_when_all_is_learnt_anew(tmp_path: Path) -> None:
    mutes = [a_mute(LEARNT - 90 * MINUTE, LEARNT - 60 * MINUTE)]
    anew = learnt().copy(tmp_path / "anew")
    with anew.opened() as (_, ledger, _), ledger.transaction() as work:
        note_mute(work, mutes[0])
        work.set_cursor("detection", "")
    anew.tick(LEARNT + 30)
    assert memory_of(anew) != memory_of(learnt())


TEXTS = st.text(min_size=1, max_size=40)
MOMENTS = st.floats(0, 4e9, allow_nan=False)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, MOMENTS, st.floats(1, 1e7)), max_size=5))
def test_what_was_asked_reads_back_equal(asked: list[tuple[str, str, str, float, float]]) -> None:
    with TemporaryDirectory() as folder, ledger_at(f"{folder}/ledger.db") as ledger:
        noted = [
            note(ledger, Mute("", environment, service, Span(start, start + length), why, "ada", start))
            for environment, service, why, start, length in asked
        ]
        assert len({one.id for one in noted}) == len(noted)
        newest = max((one.asked for one in noted), default=0.0)
        kept = {one.id: one for one in known_mutes(ledger)}
        # those of long ago may be gone
        assert all(kept[one.id] == one for one in noted if one.span.end > newest - 399 * DAY)


@given(
    st.sampled_from(sorted(available_timezones())),
    st.sampled_from(["2026-10-25T00:30+00:00", "2026-03-29T00:30+00:00", "2026-11-01T05:30+00:00"]),
    st.integers(0, 300),
)
def test_a_mute_is_as_long_as_it_is_whatever_clocks_do_meanwhile(zone: str, begin: str, minute: int) -> None:
    start = datetime.fromisoformat(begin).timestamp()
    calendar = MaintenanceCalendar.of((), zone).with_mutes([a_mute(start, start + 2 * HOUR)])
    at = start + (minute - 60) * MINUTE
    assert bool(calendar.covers("rag_service", Span(at, at + MINUTE), "staging")) is (60 <= minute < 180)


def test_the_hour_that_comes_twice_is_told_apart_by_what_people_write() -> None:
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold) for fold in (0, 1))
    calendar = MaintenanceCalendar.of((), "Europe/Berlin").with_mutes([a_mute(first.timestamp(), second.timestamp())])
    assert calendar.covers("rag_service", Span(second.timestamp() - MINUTE, second.timestamp()), "staging")
    assert not calendar.covers("rag_service", Span(second.timestamp(), second.timestamp() + MINUTE), "staging")


@pytest.mark.parametrize(
    "wrong", [a_mute(service="\udcff"), replace(a_mute(), why="caf\udce9")], ids=["service", "why"]
)
def test_what_is_no_text_is_refused_and_nothing_is_muted(ledger: Ledger, wrong: Mute) -> None:
    with pytest.raises(UsageError, match="text in UTF-8"), ledger.transaction() as work:
        note_mute(work, wrong)
    assert known_mutes(ledger) == []


def test_only_one_that_is_not_over_can_be_ended_and_one_to_come_is_forgotten(ledger: Ledger) -> None:
    over, running, to_come = (note(ledger, a_mute(start, start + 100)) for start in (1_000.0, 2_000.0, 3_000.0))
    with ledger.transaction() as work:
        assert end_mute(work, running.id, 2_050.0).span == Span(2_000.0, 2_050.0)
        end_mute(work, to_come.id, 2_050.0)
        for wrong in (over.id, to_come.id, running.id, "", "zz"):
            with pytest.raises(UsageError, match="there is no mute"):
                end_mute(work, wrong, 2_060.0)
    assert [one.span for one in known_mutes(ledger)] == [over.span, Span(2_000.0, 2_050.0)]


def test_what_ended_long_ago_is_forgotten_when_somebody_mutes_again(ledger: Ledger) -> None:
    note(ledger, a_mute(0.0, 100.0))
    recent = note(ledger, a_mute(500 * DAY, 501 * DAY))
    assert known_mutes(ledger) == [recent]


# The command line


def muting(folder: Path, *arguments: str, code: int = 0) -> str:
    done = soakwatch("mute", *arguments, folder=folder, environment={"SOAKWATCH_ENVIRONMENT": "staging"})
    assert done.returncode == code, done.stderr
    return done.stdout if "--json" in arguments or arguments[:1] == ("list",) else done.stderr


def test_a_mute_is_made_listed_and_ended(tmp_path: Path) -> None:
    said = muting(tmp_path, "--service", "rag_*", "--for", "2h", "--why", "index [b]is[/b] rebuilt", "--by", "ada")
    assert said.startswith("muted rag_* in staging until ")
    (made,) = json.loads(muting(tmp_path, "list", "--json"))["mutes"]
    assert (made["environment"], made["service"], made["by"]) == ("staging", "rag_*", "ada")
    start, end = (datetime.fromisoformat(made[key]).timestamp() for key in ("start", "end"))
    assert end - start == 7_200
    listed = muting(tmp_path, "list")
    assert made["id"] in listed
    assert "index [b]is[/b] rebuilt" in listed
    assert muting(tmp_path, "end", made["id"][:5]).startswith(f"ended {made['id']}: rag_* is watched again")
    assert "nothing is muted" in muting(tmp_path, "list")
    (ended,) = json.loads(muting(tmp_path, "list", "--all", "--json"))["mutes"]
    assert datetime.fromisoformat(ended["end"]).timestamp() < end


def test_a_mute_may_be_of_another_environment_and_begin_later(tmp_path: Path) -> None:
    moments = ("--from", "2100-03-28T01:30:00+01:00", "--until", "2100-03-28T03:30:00+02:00")
    said = muting(tmp_path, "--service", "*", *moments, "--why", "new hosts", "-e", "perf", "--json")
    (made,) = json.loads(said)["mutes"]
    assert (made["start"], made["end"], made["environment"]) == ("2100-03-28T00:30:00Z", "2100-03-28T01:30:00Z", "perf")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "which service?"),
        (("--service", "cart", "--for", "2h"), "--why: give a reason"),
        (("--service", "cart", "--why", "x"), "a mute needs an end"),
        (("--service", "cart", "--why", "x", "--for", "2h", "--until", "2100-01-01"), "a mute needs an end"),
        (("--service", "cart", "--why", "x", "--for", "soon"), "is no duration; write it as 30m, 12h, 7d or 2w"),
        (("--service", "cart", "--why", "x", "--for", "60w"), "a mute lasts a year at most"),
        (("--service", "cart", "--why", "x", "--until", "2020-01-01"), "has passed"),
        (("--service", "x", "--why", "x", "--from", "2099-01-01", "--until", "2098-12-31"), "before it begins at 2099"),
        (("--service", "cart", "--why", "x", "--from", "2020-01-01", "--for", "1h"), "the last 3 h"),
        (("--service", "cart", "--why", "x", "--from", "noon", "--for", "1h"), "--from: 'noon' is no time"),
        (("end", "3f9a"), "no ledger|there is no mute"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_muted(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = soakwatch("mute", *arguments, folder=tmp_path)
    assert done.returncode in {2, 3}
    assert any(one in done.stderr for one in says.split("|")), done.stderr
    if (tmp_path / "soakwatch-ledger.db").exists():
        with ledger_at(str(tmp_path / "soakwatch-ledger.db")) as ledger:
            assert known_mutes(ledger) == []


def test_an_incident_says_that_its_service_is_muted(tmp_path: Path) -> None:
    with ledger_at(str(tmp_path / "soakwatch-ledger.db")) as ledger, ledger.transaction() as work:
        work.save([replace(an_incident(state=State.CONFIRMED), environment="staging", service="cart")])
    assert "muted" not in soakwatch("incidents", "show", "4bf9", folder=tmp_path).stdout
    muting(tmp_path, "--service", "ca*", "--for", "2h", "--why", "index is rebuilt", "--by", "ada")
    shown = soakwatch("incidents", "show", "4bf9", folder=tmp_path).stdout
    assert "  muted          until 20" in shown
    assert "UTC by ada: index is rebuilt; nothing is concluded meanwhile" in shown


@pytest.mark.parametrize("command", [("list",), ("end", "3f9a")], ids=["list", "end"])
def test_options_before_list_or_end_are_refused_as_they_would_count_for_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = soakwatch("mute", "--config", "production.toml", *command, folder=tmp_path)
    assert done.returncode == 2
    assert f"--config before `{command[0]}` would count for nothing; write options behind it" in done.stderr


def test_ending_one_of_two_mutes_says_that_the_other_still_mutes(tmp_path: Path) -> None:
    for pattern in ("cart", "ca*", "rag_*"):
        muting(tmp_path, "--service", pattern, "--for", "2h", "--why", "new hosts")
    exact, wide, _ = json.loads(muting(tmp_path, "list", "--json"))["mutes"]
    said = muting(tmp_path, "end", exact["id"])
    assert said.startswith(f"ended {exact['id']}: {wide['id']} still mutes ca* until ")
    assert "watched again" not in said
    assert "ca* is watched again" in muting(tmp_path, "end", wide["id"])


def test_a_mute_of_what_nobody_knows_says_which_services_there_are(place: Place) -> None:
    known = {
        "SOAKWATCH_ENVIRONMENT": "staging",
        "SOAKWATCH_DETECTOR__LEARNING": "0.5",
        "SOAKWATCH_DETECTOR__HISTORY": "1",
    }

    def said(service: str) -> str:
        arguments = ("--service", service, "--for", "2h", "--why", "new hosts")
        environment = {**known, "SOAKWATCH_ENVIRONMENT": "staging"}
        return soakwatch("mute", *arguments, folder=place.folder, environment=environment).stderr

    assert "no service that is known is meant by that; there are rag_service in staging" in said("rag-service")
    assert "no service" not in said(" rag_* ")
