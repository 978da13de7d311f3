"""Annotations of runs, deploys and incidents: each once, with the right times, whatever happens in between."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fake_faults import Asked, Fault, broken, closed, cut
from fake_grafana import FakeGrafana, trouble
from fake_grafana_state import KeptAnnotation
from hostile_names import HOSTILE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from issue_desk import DAY, HOUR, MINUTE, MONDAY, Clock, an_incident, critical, resolved
from ledgers import ledger_at
from pydantic import SecretStr

from soakwatch.core.deploy import Deploy
from soakwatch.core.detector_settings import MaintenanceSection
from soakwatch.core.incident import Incident, Kind, State
from soakwatch.core.mute import Mute
from soakwatch.core.run import Outcome, Run
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.detector.maintenance import NOTHING_PLANNED, MaintenanceCalendar
from soakwatch.grafana.annotation_shelf import AnnotationShelf
from soakwatch.grafana.annotation_wishes import of_deploy, of_incident, of_run
from soakwatch.grafana.annotation_words import incident_text
from soakwatch.grafana.api import GrafanaApi, Where
from soakwatch.scheduler.annotation_pass import AnnotationPass, AnnotationReport
from soakwatch.scheduler.fence import Fence, FencedLedger, unfenced
from soakwatch.scheduler.mute_book import end_mute, note_mute
from soakwatch.store.ledger import Ledger
from soakwatch.store.sqlite import SqliteStore

RUN = Run("20261123-000000-ab12", "staging", "nightly", MONDAY, MONDAY + HOUR, 50, outcome=Outcome.FINISHED)
DEPLOY = Deploy("staging", "rag_service", MONDAY + MINUTE, "1.5", "4bf92f3577b34da6", "a release")


class Killed(BaseException):
    """The process has ended: nothing in it catches that."""


class MortalApi(GrafanaApi):
    """Ends the process with its `last` request, as often before it is sent as after it was answered."""

    left: float | None = None

    def _ask(self, *asked: Any) -> Any:
        self._step()
        answer = super()._ask(*asked)
        self._step()
        return answer

    def _step(self) -> None:
        self.left = None if self.left is None else self.left - 0.5
        if self.left is not None and self.left <= 0:
            raise Killed


@dataclass
class Desk:
    """A soakwatch that keeps the annotations of a fake Grafana."""

    fake: FakeGrafana
    clock: Clock
    store: SqliteStore
    ledger: Ledger
    planned: MaintenanceCalendar = NOTHING_PLANNED

    def mute(self, *mutes: Mute) -> list[Mute]:
        with self.ledger.transaction() as work:
            return [note_mute(work, one) for one in mutes]

    fence: Fence = unfenced

    def save(self, *incidents: Incident) -> None:
        with self.ledger.transaction() as work:
            work.save(incidents)

    def annotate(self, *, again: bool = False, seconds_of_a_look: float = 0.0) -> AnnotationReport:
        """A pass; the clock that it looks at goes on by so many seconds from one look to the next."""
        ticking = count(0.0, seconds_of_a_look)
        with self._api() as api:
            ledger, shelf = FencedLedger(self.ledger, self.fence), AnnotationShelf(api)
            one = AnnotationPass(self.store, ledger, shelf, clock=lambda: next(ticking), planned=self.planned)
            if again:
                one.write_deleted_again()
            return one.run(self.clock.now)

    def killed_at(self, request: float) -> None:
        """A pass that ends with kill -9, before or after a request was answered."""
        with self._api() as api:
            api.left = request
            try:
                AnnotationPass(self.store, FencedLedger(self.ledger), AnnotationShelf(api)).run(self.clock.now)
            except Killed:
                return

    @contextmanager
    def _api(self) -> Iterator[MortalApi]:
        api = MortalApi(Where(self.fake.url, SecretStr(self.fake.token), 1))
        try:
            yield api
        finally:
            api.close()


@contextmanager
def a_desk(folder: Path, fake: FakeGrafana, clock: Clock) -> Iterator[Desk]:
    folder.mkdir(exist_ok=True)
    with SqliteStore.create(folder / "soakwatch.db") as store, ledger_at(str(folder / "ledger.db")) as ledger:
        yield Desk(fake, clock, store, ledger)


@pytest.fixture
def clock() -> Clock:
    return Clock(MONDAY + 2 * HOUR)


@pytest.fixture
def fake(clock: Clock) -> Iterator[FakeGrafana]:
    with FakeGrafana.running(clock) as running:
        yield running
        assert running.violations == []


@pytest.fixture
def desk(tmp_path: Path, fake: FakeGrafana, clock: Clock) -> Iterator[Desk]:
    with a_desk(tmp_path, fake, clock) as made:
        yield made


def about(fake: FakeGrafana, tag: str) -> list[KeptAnnotation]:
    return [one for one in fake.annotations if tag in one.tags]


def span(one: KeptAnnotation) -> Span:
    return Span(one.time / 1000, one.time_end / 1000)


def judged(incident: Incident, at: float) -> Incident:
    return replace(incident, judged=at)


def recovering(incident: Incident, at: float) -> Incident:
    return replace(incident, state=State.RECOVERING, recovering=at, judged=at)


def test_a_run_a_deploy_and_an_incident_are_each_written_once(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    desk.store.write([RUN, DEPLOY])
    desk.save(incident)
    report = desk.annotate()
    assert (report.made, report.changed, report.trouble, report.left) == (3, 0, [], 0)
    (run,), (deploy,), (regression,) = (about(fake, tag) for tag in ("run", "deploy", "incident"))
    assert span(run) == Span(RUN.start, RUN.start + HOUR)
    assert span(deploy) == Span(DEPLOY.at, DEPLOY.at)
    assert span(regression) == Span(incident.onset.start, MONDAY + 5 * MINUTE)
    assert {"soakwatch", "env:staging", "service:rag_service"} <= set(regression.tags)
    assert f"soakwatch-id:{incident.fingerprint}" in regression.tags
    assert run.text == "Run 20261123-000000-ab12 of nightly in staging: 50 users, finished"
    assert deploy.text == "Deploy of rag_service in staging: version 1.5, commit 4bf92f3577b3, a release"
    assert regression.text == (
        "Regression (warning) in staging: p95 of rag_service POST /query 181 ms instead of 112 ms (+62 %); it goes on"
    )
    writes = fake.writes
    assert desk.annotate().requests == 1
    assert fake.writes == writes == 3


def test_with_nothing_to_write_about_nothing_is_asked(desk: Desk, fake: FakeGrafana) -> None:
    desk.save(an_incident(MONDAY, state=State.SUSPECT))
    assert desk.annotate() == AnnotationReport()
    assert fake.asked == []


def test_an_incident_grows_at_most_every_ten_minutes_and_ends_with_its_recovery(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    first = MONDAY + 5 * MINUTE
    ends = []
    for minute in range(21):
        desk.save(judged(incident, first + minute * MINUTE))
        desk.annotate()
        ends.append(fake.annotations[0].time_end / 1000 - first)
    assert ends == [0.0] * 10 + [600.0] * 10 + [1200.0]
    desk.save(recovering(incident, first + 23 * MINUTE))
    desk.annotate()
    assert span(fake.annotations[0]).end == first + 23 * MINUTE
    assert "it looks normal again" in fake.annotations[0].text
    desk.save(replace(recovering(incident, first + 23 * MINUTE), state=State.RESOLVED, resolved=first + HOUR))
    desk.annotate()
    (one,) = fake.annotations
    assert (span(one).end, one.text.endswith("it is over")) == (first + 23 * MINUTE, True)
    assert desk.annotate().done == []


def test_one_that_came_back_grows_again(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    desk.save(recovering(incident, MONDAY + HOUR))
    desk.annotate()
    back = replace(recovering(incident, MONDAY + HOUR), state=State.CONFIRMED, confirmed=MONDAY + 80 * MINUTE)
    desk.save(judged(back, MONDAY + 80 * MINUTE))
    desk.annotate()
    assert span(fake.annotations[0]).end == MONDAY + 80 * MINUTE
    over = replace(back, state=State.RESOLVED, resolved=MONDAY + 2 * HOUR)
    desk.save(over)
    desk.annotate()
    assert span(fake.annotations[0]).end == MONDAY + 2 * HOUR


def test_a_revised_onset_moves_the_beginning(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    desk.save(incident)
    desk.annotate()
    for onset in (MONDAY - DAY, MONDAY - 20 * MINUTE, MONDAY + MINUTE):
        desk.save(replace(incident, onset=Span(onset, onset + MINUTE)))
        assert desk.annotate().changed == 1
        (one,) = fake.annotations
        assert span(one).start == onset


def test_planned_windows_and_mutes_are_written_once_they_have_begun_up_to_their_end(
    desk: Desk, fake: FakeGrafana
) -> None:
    now = desk.clock.now
    nightly = MaintenanceSection(service="rag_*", cron="0 1 * * *", duration=90.0, title="nightly <rebuild>")
    desk.planned = MaintenanceCalendar.of([nightly], "UTC")
    mutes = [
        Mute("", "staging", "cart", Span(now - HOUR, now + HOUR), "new hosts", "ada", now),
        Mute("", "staging", "*", Span(now + HOUR, now + DAY), "yet to come", "ada", now),
    ]
    desk.mute(*mutes)
    assert desk.annotate().made == 9
    (muted,), planned = about(fake, "service:cart"), about(fake, "service:rag_*")
    assert span(muted) == mutes[0].span
    assert muted.text == "Mute of cart in staging: new hosts (by ada)"
    assert {"soakwatch", "maintenance", "env:staging"} <= set(muted.tags)
    assert {span(one) for one in planned} == {
        Span(MONDAY + HOUR - day * DAY, MONDAY + 2.5 * HOUR - day * DAY) for day in range(8)
    }
    assert {one.text for one in planned} == {"Maintenance of rag_*: nightly &lt;rebuild&gt;"}
    assert desk.annotate().done == []


def test_a_mute_that_is_ended_early_ends_in_grafana_too(desk: Desk, fake: FakeGrafana) -> None:
    (kept,) = desk.mute(Mute("", "staging", "cart", Span(MONDAY, MONDAY + DAY), "new hosts", "ada", MONDAY))
    desk.annotate()
    desk.clock.passes(10 * MINUTE)
    with desk.ledger.transaction() as work:
        end_mute(work, kept.id, desk.clock.now)
    assert desk.annotate().changed == 1
    assert span(fake.annotations[0]) == Span(MONDAY, desk.clock.now)


def test_what_was_only_suspected_is_never_written_and_taken_away_where_it_was(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    desk.save(incident)
    desk.annotate()
    dropped = replace(resolved(incident, MONDAY + HOUR), confirmed=None)
    assert dropped.was_dropped
    desk.save(dropped)
    assert desk.annotate().changed == 1
    assert fake.annotations == []
    assert desk.annotate().done == []


def test_a_run_is_a_point_until_its_end_is_known(desk: Desk, fake: FakeGrafana) -> None:
    desk.store.write([replace(RUN, end=None, outcome=Outcome.RUNNING)])
    desk.annotate()
    assert span(fake.annotations[0]) == Span(RUN.start, RUN.start)
    desk.store.write([RUN])
    assert desk.annotate().changed == 1
    (one,) = fake.annotations
    assert span(one) == Span(RUN.start, RUN.start + HOUR)
    assert one.text.endswith("finished")


def test_a_version_that_every_run_names_is_one_deploy(desk: Desk, fake: FakeGrafana) -> None:
    desk.store.write([replace(DEPLOY, at=DEPLOY.at + n * MINUTE) for n in range(5)])
    desk.annotate()
    assert [span(one).start for one in about(fake, "deploy")] == [DEPLOY.at]


def test_what_is_older_than_a_week_is_left_alone(desk: Desk, fake: FakeGrafana, clock: Clock) -> None:
    desk.store.write([RUN, DEPLOY])
    desk.save(resolved(an_incident(MONDAY), MONDAY + HOUR))
    clock.passes(8 * DAY)
    assert desk.annotate() == AnnotationReport()
    desk.save(an_incident(MONDAY, service="cart"))
    desk.annotate()
    assert len(fake.annotations) == 1


def test_a_text_that_somebody_changed_stays_while_the_times_go_on(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    desk.save(incident)
    desk.annotate()
    (one,) = fake.annotations
    fake.state.annotations[one.id] = replace(one, text="the cache, see the wiki", tags=(*one.tags, "cache"))
    desk.save(critical(resolved(incident, MONDAY + 90 * MINUTE), MONDAY + 10 * MINUTE))
    desk.annotate()
    (one,) = fake.annotations
    assert (one.text, "cache" in one.tags) == ("the cache, see the wiki", True)
    assert span(one).end == MONDAY + 60 * MINUTE


def test_tags_that_people_added_stay_when_the_text_is_written_anew(desk: Desk, fake: FakeGrafana) -> None:
    incident = an_incident(MONDAY)
    desk.save(incident)
    desk.annotate()
    (one,) = fake.annotations
    fake.state.annotations[one.id] = replace(one, tags=(*one.tags, "cache"))
    desk.save(resolved(incident, MONDAY + HOUR))
    desk.annotate()
    (one,) = fake.annotations
    assert (one.text.endswith("it is over"), "cache" in one.tags) == (True, True)
    assert desk.annotate().done == []


def test_what_somebody_deleted_is_not_written_again_unless_asked_for(desk: Desk, fake: FakeGrafana) -> None:
    desk.save(an_incident(MONDAY))
    desk.annotate()
    fake.state.annotations.clear()
    for _ in range(3):
        assert desk.annotate().done == []
    assert fake.annotations == []
    assert fake.count("POST") == 1
    assert desk.annotate(again=True).made == 1


def test_of_two_that_were_written_at_once_the_first_stays(desk: Desk, fake: FakeGrafana) -> None:
    desk.save(an_incident(MONDAY))
    desk.annotate()
    (one,) = fake.annotations
    fake.state.annotations[99] = replace(one, id=99)
    assert desk.annotate().changed == 1
    assert [kept.id for kept in fake.annotations] == [one.id]


def test_of_other_peoples_annotations_none_is_touched(desk: Desk, fake: FakeGrafana) -> None:
    theirs = KeptAnnotation(99, round(MONDAY * 1000), round(MONDAY * 1000), "lunch", ("soakwatch", "incident"))
    fake.state.annotations[99] = theirs
    desk.save(an_incident(MONDAY))
    desk.annotate()
    assert fake.state.annotations[99] == theirs


def test_one_that_the_list_does_not_show_is_found_before_it_is_written(desk: Desk, fake: FakeGrafana) -> None:
    desk.save(an_incident(MONDAY))
    desk.annotate()
    (one,) = fake.annotations
    far = replace(one, time=round((MONDAY - 300 * DAY) * 1000), time_end=round((MONDAY - 299 * DAY) * 1000))
    fake.state.annotations[one.id] = far
    report = desk.annotate()
    assert (report.made, report.changed, len(fake.annotations)) == (0, 1, 1)


@pytest.mark.parametrize(
    "fault", [trouble(), trouble(is_done=True), closed(is_done=True), broken(), cut()], ids=lambda fault: fault.name
)
def test_after_trouble_with_a_write_there_is_one_of_each(desk: Desk, fake: FakeGrafana, fault: Fault) -> None:
    desk.store.write([RUN, DEPLOY])
    desk.save(an_incident(MONDAY))
    fake.faults = lambda asked: fault if asked.is_write else None
    report = desk.annotate()
    assert len(report.trouble) == 3
    assert report.trouble[0].startswith(f"Grafana ({fake.url}), asked to write an annotation")
    fake.faults = lambda _: None
    desk.annotate()
    assert len(fake.annotations) == 3
    assert desk.annotate().done == []


def test_a_slow_grafana_gets_the_rest_in_the_next_pass(desk: Desk) -> None:
    desk.store.write([RUN, DEPLOY])
    desk.save(an_incident(MONDAY))
    report = desk.annotate(seconds_of_a_look=20.0)
    assert (report.made, report.left, report.trouble) == (1, 2, [])
    assert desk.annotate().made == 2


def test_trouble_with_grafana_is_reported_and_not_raised(desk: Desk, fake: FakeGrafana) -> None:
    desk.save(an_incident(MONDAY))
    fake.faults = lambda _: trouble()
    report = desk.annotate()
    assert (report.requests, len(report.trouble)) == (1, 1)


def test_where_a_right_is_missing_one_request_tells(desk: Desk, fake: FakeGrafana) -> None:
    desk.store.write([RUN, DEPLOY])
    fake.permissions.discard("annotations:create")
    report = desk.annotate()
    assert (report.left, len(report.trouble), fake.count("POST")) == (2, 1, 1)
    assert "needs the permission annotations:create" in report.trouble[0]


class Elements(HTMLParser):
    """What a browser would make of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_becomes_more_than_text(desk: Desk, fake: FakeGrafana, name: str) -> None:
    series = Series(name, name, name, name, name)
    incident = an_incident(MONDAY)
    findings = (replace(incident.findings[0], series=series),)
    desk.save(replace(incident, environment=name, service=name, findings=findings))
    desk.store.write(
        [replace(RUN, environment=name, test=name, version=name), replace(DEPLOY, service=name, title=name)]
    )
    desk.annotate()
    assert len(fake.annotations) == 3
    for one in fake.annotations:
        parser = Elements()
        parser.feed(one.text)
        assert parser.found == []
        read = unescape(one.text)
        assert read.isprintable() or "\u200b" in read
        assert "://" not in read
        assert "](" not in read
        assert len(one.text) < 2_000


def test_a_text_reads_as_it_was_named() -> None:
    finding = replace(an_incident(MONDAY).findings[0], series=Series("a", "b", "rag_service", "GET", "/q?a=1&lt=<id>"))
    text = incident_text(replace(an_incident(MONDAY), findings=(finding,)))
    assert "p95 of rag_service GET /q?a=1&lt=<id> 181 ms" in unescape(text)


def test_silence_and_a_run_of_which_little_is_known_have_words_too() -> None:
    silent = replace(an_incident(MONDAY), kind=Kind.NO_DATA)
    assert "no data of rag_service POST /query; it goes on" in incident_text(silent)
    assert of_run(Run("old", "", "", 5.0)).text == "Run old of (empty) in (empty): no end is known"
    goes_on = of_run(replace(RUN, continues="20261122-220000-<b>"))
    assert "goes on from 20261122-220000-&lt;b&gt;" in goes_on.text
    assert of_deploy(Deploy("staging", "*", 5.0)).text == "Deploy of all services in staging"
    assert of_incident(replace(silent, findings=())).text.endswith("no data of rag_service; it goes on")


def test_two_environments_have_a_run_of_one_id_each() -> None:
    assert of_run(RUN).identity != of_run(replace(RUN, environment="prod")).identity
    assert of_deploy(DEPLOY).identity == of_deploy(replace(DEPLOY, title="said anew")).identity


LIFE = st.lists(
    st.tuples(
        st.sampled_from(["judge", "confirm", "recover", "resolve", "revise", "revise"]),
        st.integers(1, 40),
        st.sampled_from(["pass", "pass", "away", "kill", "fault"]),
        st.integers(0, 9),
    ),
    max_size=10,
)
"""What becomes of an incident, how many minutes later; what becomes of the pass after that, and where."""

FAULTS = (trouble(), trouble(is_done=True), closed(is_done=True), cut(), closed())


def lived(incident: Incident, what: str, size: int, now: float) -> Incident:
    """What becomes of an incident."""
    if incident.state is State.RESOLVED:
        return incident
    if what == "revise":
        onset = MONDAY + (5 - 3 * size) * MINUTE
        return replace(incident, onset=Span(onset, onset + MINUTE))
    changed = replace(incident, judged=now)
    if what == "confirm" and incident.state is not State.CONFIRMED:
        return replace(changed, state=State.CONFIRMED, confirmed=now)
    if what == "recover" and incident.state is State.CONFIRMED:
        return replace(changed, state=State.RECOVERING, recovering=now)
    if what == "resolve":
        return replace(changed, state=State.RESOLVED, resolved=now)
    return changed


def check_against(fake: FakeGrafana, incidents: Sequence[Incident]) -> None:
    """Each confirmed incident has exactly one annotation, with the right ends."""
    wanted = {one.fingerprint: of_incident(one) for one in incidents if one.confirmed is not None}
    assert len(fake.annotations) == len(wanted)
    for one in fake.annotations:
        (identity,) = [tag.removeprefix("soakwatch-id:") for tag in one.tags if tag.startswith("soakwatch-id:")]
        assert one.time == wanted[identity].start
        behind = wanted[identity].end - one.time_end
        assert 0 <= behind < 600_000 if wanted[identity].is_moving else behind == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=LIFE, second=LIFE)
@example(first=[("judge", 1, "pass", 0), ("revise", 1, "away", 0)], second=[])
@example(first=[("judge", 1, "kill", 5), ("resolve", 9, "kill", 3)], second=[("confirm", 3, "fault", 1)])
def test_after_any_interruptions_each_incident_has_one_annotation_with_the_right_end(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[str, int, str, int]],
    second: list[tuple[str, int, str, int]],
) -> None:
    clock = Clock(MONDAY + HOUR)
    suspect = replace(an_incident(MONDAY, service="search", state=State.SUSPECT), confirmed=None)
    incidents = [an_incident(MONDAY, service="cart"), suspect]
    with FakeGrafana.running(clock) as fake, a_desk(tmp_path_factory.mktemp("desk"), fake, clock) as desk:
        desk.save(*incidents)
        for number, steps in enumerate((first, second)):
            for what, minutes, ending, where in steps:
                clock.passes(minutes * MINUTE)
                incidents[number] = lived(incidents[number], what, minutes, clock.now)
                desk.save(*incidents)
                interrupted(desk, ending, where)
        for _ in range(2):
            desk.annotate()
        check_against(fake, incidents)
        assert desk.annotate().done == []
        assert fake.violations == []


def interrupted(desk: Desk, ending: str, where: int) -> None:
    """A pass, or as much of it as there is before it ends."""
    if ending == "kill":
        desk.killed_at((where + 1) / 2)
    if ending == "fault":
        desk.fake.faults = in_turn(FAULTS[where % len(FAULTS)])
    if ending in {"pass", "fault"}:
        desk.annotate()
    desk.fake.faults = lambda _: None


def in_turn(fault: Fault) -> Any:
    """The fault for every second request."""
    turns = [0]

    def faults(_: Asked) -> Fault | None:
        turns[0] += 1
        return fault if turns[0] % 2 == 0 else None

    return faults
