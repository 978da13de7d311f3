"""The life of an issue, from the first evidence to recovery, on a GitHub of the test's own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fake_faults import Answer, Asked, Fault, Faults, broken, closed, cut, healthy, silent
from fake_github import FakeGitHub
from fake_github_faults import rate_limited, slowed_down, unavailable
from issue_desk import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    Clock,
    Desk,
    a_desk,
    an_endpoint,
    an_incident,
    critical,
    notes,
    open_about,
    ours,
    resolved,
    with_endpoint,
)

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import SurfaceRefused, SurfaceUnavailable
from soakwatch.core.github_settings import AssigneeSection
from soakwatch.core.incident import Incident, Kind, RulingKind, State
from soakwatch.reporter.issue_marker import note_marker, read_marker
from soakwatch.reporter.labels import ACCEPT, IGNORED

JSON = {"content-type": "application/json"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Iterator[FakeGitHub]:
    with FakeGitHub.running(clock) as running:
        yield running
        assert running.violations == []


@pytest.fixture
def desk(tmp_path: Path, fake: FakeGitHub, clock: Clock) -> Iterator[Desk]:
    with a_desk(tmp_path / "desk", fake, clock) as made:
        yield made


def opened(desk: Desk, incident: Incident | None = None) -> Incident:
    """An incident with an issue, #1."""
    incident = incident or an_incident()
    desk.save(incident)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]
    return incident


def test_a_confirmed_incident_gets_one_issue_and_a_suspicion_none(desk: Desk) -> None:
    desk.save(an_incident(state=State.SUSPECT, service="cart"), an_incident())
    desk.sync()
    desk.sync()
    (issue,) = ours(desk.fake)
    assert issue.title == "p95 of rag_service POST /query +62 % in staging"
    assert set(issue.labels) == {"soakwatch", "severity: warning", "service: rag_service"}


def test_a_pass_without_news_asks_once_and_makes_a_label_that_people_may_use(desk: Desk) -> None:
    opened(desk)
    assert [desk.requests() for _ in range(4)] == [2, 2, 1, 1]
    assert {ACCEPT, IGNORED} <= set(desk.fake.repository.labels)


def test_each_new_incident_takes_no_more_than_three_requests(desk: Desk) -> None:
    for number in (1, 2, 5):
        desk.save(*(an_incident(desk.clock.now + one, service=f"service-{number}-{one}") for one in range(number)))
        assert desk.requests() <= 2 + 3 * number
        desk.clock.passes(HOUR)


def test_becoming_critical_is_a_comment_and_another_label(desk: Desk) -> None:
    incident = opened(desk)
    desk.save(critical(incident, desk.clock.now))
    assert desk.requests() <= 2 + 3
    issue = desk.fake.issue(1)
    assert notes(issue) == ["critical"]
    assert "severity: critical" in issue.labels
    assert "severity: warning" not in issue.labels


def test_further_series_are_told_of_together_and_at_most_each_hour(desk: Desk) -> None:
    incident = opened(desk)
    for number in range(6):
        desk.clock.passes(15 * MINUTE)
        incident = with_endpoint(incident, f"/more-{number}", desk.clock.now)
        desk.save(incident)
        desk.sync()
    desk.clock.passes(HOUR)
    desk.sync()
    issue = desk.fake.issue(1)
    assert len(notes(issue)) == 2
    assert all(f"/more-{number}" in "".join(issue.texts) for number in range(6))


def test_after_recovery_it_is_closed_as_completed_with_a_comment(desk: Desk) -> None:
    incident = opened(desk)
    desk.clock.passes(2 * HOUR)
    desk.save(replace(incident, state=State.RECOVERING, recovering=desk.clock.now))
    desk.sync()
    assert desk.fake.issue(1).state == "open"
    desk.clock.passes(HOUR)
    desk.save(resolved(incident, desk.clock.now))
    desk.sync()
    issue = desk.fake.issue(1)
    assert (issue.state, issue.state_reason, notes(issue)) == ("closed", "completed", ["recovered"])
    assert desk.requests() <= 2


def test_what_comes_back_gets_a_new_issue_that_links_the_old_one(desk: Desk) -> None:
    incident = opened(desk)
    desk.save(resolved(incident, desk.clock.now + HOUR))
    desk.clock.passes(DAY)
    desk.sync()
    again = an_incident(desk.clock.now)
    desk.save(again)
    desk.sync()
    assert open_about(desk.fake, again.fingerprint) == [2]
    assert "#1" in (desk.fake.issue(2).body or "")
    assert desk.fake.issue(1).state == "closed"


def test_closed_as_not_planned_it_is_ignored_until_its_label_is_taken_off(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1, "not_planned")
    desk.sync()
    assert desk.known(incident).is_silent(desk.clock.now)
    assert IGNORED in desk.fake.issue(1).labels
    for _ in range(3):
        desk.clock.passes(DAY)
        desk.save(critical(incident, desk.clock.now))
        desk.sync()
    assert desk.fake.issue(1).state == "closed"
    assert notes(desk.fake.issue(1)) == []
    desk.fake.person("ada").unlabels(1, IGNORED)
    desk.sync()
    assert not desk.known(incident).is_silent(desk.clock.now)
    desk.sync()
    assert desk.fake.issue(1).state == "closed", "what people declined is never opened again"
    assert open_about(desk.fake, incident.fingerprint) == [2]
    assert "#1" in (desk.fake.issue(2).body or "")


def test_what_was_declined_and_comes_back_is_ignored_too_but_not_on_another_endpoint(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1, "not_planned")
    desk.sync()
    desk.save(resolved(desk.known(incident), desk.clock.now + HOUR))
    desk.clock.passes(DAY)
    again, other = an_incident(desk.clock.now), an_incident(desk.clock.now + 1, endpoints=("/search",))
    desk.save(again, other)
    desk.sync()
    desk.sync()
    assert desk.known(again).is_silent(desk.clock.now)
    assert open_about(desk.fake, again.fingerprint) == []
    assert open_about(desk.fake, other.fingerprint) == [2]
    desk.fake.person("ada").unlabels(1, IGNORED)
    desk.sync()
    desk.sync()
    assert open_about(desk.fake, again.fingerprint) == [3]


def test_opened_again_by_a_person_it_is_heard_of_again(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1, "not_planned")
    desk.sync()
    desk.fake.person("ada").reopens(1)
    desk.sync()
    desk.sync()
    assert not desk.known(incident).is_silent(desk.clock.now)
    assert IGNORED not in desk.fake.issue(1).labels
    assert open_about(desk.fake, incident.fingerprint) == [1]


def test_the_label_accept_and_nothing_else_accepts(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").comments(1, "accept this, please; soakwatch:accept")
    desk.fake.person("ada").closes(1)
    desk.sync()
    assert not desk.known(incident).is_accepted
    desk.fake.person("ada").labels(1, ACCEPT)
    desk.sync()
    accepted = desk.known(incident)
    assert accepted.is_accepted
    assert "#1" in (accepted.ruling.reason if accepted.ruling else "")


def test_an_accepted_issue_says_so_and_is_closed_when_the_detector_has_taken_it_up(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").labels(1, ACCEPT)
    desk.sync()
    desk.sync()
    assert "**Accepted**" in (desk.fake.issue(1).body or "")
    desk.save(resolved(incident, desk.clock.now + HOUR))
    desk.sync()
    issue = desk.fake.issue(1)
    assert (issue.state, issue.state_reason, notes(issue)) == ("closed", "completed", ["accepted"])


def test_silence_has_no_level_that_could_be_accepted(desk: Desk) -> None:
    incident = opened(desk, an_incident(kind=Kind.NO_DATA))
    desk.fake.person("ada").labels(1, ACCEPT)
    desk.sync()
    desk.sync()
    assert not desk.known(incident).is_accepted
    issue = desk.fake.issue(1)
    assert ACCEPT not in issue.labels
    assert len(notes(issue)) == 1
    assert "cannot be accepted" in issue.texts[0]


def test_closed_as_completed_while_slow_it_waits_a_day_and_is_opened_again(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1)
    for _ in range(23):
        desk.clock.passes(HOUR)
        desk.sync()
        assert open_about(desk.fake, incident.fingerprint) == []
    desk.clock.passes(HOUR)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]
    (text,) = desk.fake.issue(1).texts
    assert "closed as completed, but goes on" in text


def test_closed_as_completed_it_is_looked_at_again_an_hour_after_the_next_deploy(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1)
    desk.clock.passes(2 * HOUR)
    desk.deploys.append(Deploy("staging", "rag_service", desk.clock.now, "2.5"))
    desk.deploys.append(Deploy("perf", "rag_service", desk.clock.now - HOUR, "2.4"))
    desk.clock.passes(50 * MINUTE)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == []
    desk.clock.passes(10 * MINUTE)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]


def test_closed_as_completed_and_recovered_it_stays_closed_without_a_word(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1)
    desk.clock.passes(HOUR)
    desk.save(resolved(incident, desk.clock.now))
    desk.sync()
    desk.clock.passes(2 * DAY)
    desk.sync()
    issue = desk.fake.issue(1)
    assert (issue.state, notes(issue)) == ("closed", [])
    assert "**Over**" in (issue.body or "")


def test_silence_from_the_command_line_closes_the_issue_and_its_end_opens_it_again(desk: Desk) -> None:
    incident = opened(desk)
    desk.rule(incident, RulingKind.IGNORE, until=desk.clock.now + DAY)
    desk.sync()
    issue = desk.fake.issue(1)
    assert (issue.state, issue.state_reason) == ("closed", "not_planned")
    desk.clock.passes(DAY)
    desk.sync()
    issue = desk.fake.issue(1)
    assert (issue.state, len(notes(issue))) == ("open", 1)
    assert IGNORED not in issue.labels


def test_the_label_ignored_silences_an_open_issue(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").labels(1, IGNORED)
    desk.sync()
    desk.sync()
    assert desk.known(incident).is_silent(desk.clock.now)
    assert desk.fake.issue(1).state == "closed"


def test_a_muted_issue_says_until_when_by_whom_and_why_and_what_follows_is_told_afterwards(desk: Desk) -> None:
    incident = opened(desk)
    desk.mute("rag_*", HOUR)
    desk.sync()
    muted = (
        "**Muted** until 2026-11-23 01:00 UTC by <code>ada</code> (index is rebuilt): nothing is concluded meanwhile."
    )
    assert muted in (desk.fake.issue(1).body or "")
    desk.save(critical(with_endpoint(incident, "/ingest", desk.clock.now), desk.clock.now))
    desk.clock.passes(HOUR - MINUTE)
    desk.sync()
    assert notes(desk.fake.issue(1)) == []
    desk.clock.passes(5 * MINUTE)
    desk.sync()
    assert notes(desk.fake.issue(1)) == []  # the detector has to look again first
    assert "Muted" not in (desk.fake.issue(1).body or "")
    desk.clock.passes(20 * MINUTE)
    desk.sync()
    assert notes(desk.fake.issue(1))[0] == "critical"


def test_what_was_closed_as_completed_is_not_opened_again_while_it_is_muted(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").closes(1)
    desk.sync()
    desk.clock.passes(2 * DAY)
    desk.mute("*", HOUR)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == []
    desk.clock.passes(2 * HOUR)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]
    assert notes(desk.fake.issue(1)) == ["no-help"]


def test_a_mute_of_another_service_changes_no_issue(desk: Desk) -> None:
    opened(desk)
    for _ in range(3):
        desk.sync()
    before = desk.fake.issue(1).body
    desk.mute("cart", HOUR)
    assert desk.requests() == 1
    assert desk.fake.issue(1).body == before


def test_a_renamed_title_and_a_body_without_marker_make_no_second_issue(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").renames(1, "Slow since the new index")
    desk.fake.person("ada").edits_body(1, "I know what this is.")
    desk.sync()
    desk.save(critical(incident, desk.clock.now))
    desk.sync()
    assert [issue.number for issue in desk.fake.issues] == [1]
    assert desk.fake.issue(1).title == "Slow since the new index"


def test_a_lost_memory_makes_no_second_issue_and_no_second_comment(desk: Desk) -> None:
    incident = critical(opened(desk), desk.clock.now)
    desk.save(incident)
    desk.sync()
    desk.lose_memory()
    desk.sync()
    desk.save(resolved(incident, desk.clock.now + HOUR))
    desk.lose_memory()
    desk.sync()
    (issue,) = ours(desk.fake)
    assert notes(issue) == ["critical", "recovered"]


def test_a_comment_whose_answer_was_lost_is_made_once_also_where_new_ones_were_looked_through_meanwhile(
    desk: Desk,
) -> None:
    incident = opened(desk)
    for _ in range(2):
        desk.fake.person("ada").comments(1, "looking at it")
    desk.save(resolved(incident, desk.clock.now + HOUR))
    lost = unavailable(502, is_done=True)
    desk.fake.faults = lambda asked: lost if asked.method == "POST" else None
    desk.sync()
    desk.fake.faults = healthy
    desk.clock.passes(HOUR)
    desk.sync()
    (issue,) = ours(desk.fake)
    assert (notes(issue), issue.state) == (["recovered"], "closed")


def test_what_two_have_said_at_once_and_then_forgotten_stands_there_once_in_the_end(desk: Desk) -> None:
    incident = opened(desk)
    desk.save(resolved(incident, desk.clock.now + HOUR))
    desk.sync()
    (said,) = desk.fake.issue(1).texts
    desk.fake.person(desk.fake.login).comments(1, said)
    desk.lose_memory()
    desk.sync()
    (issue,) = ours(desk.fake)
    assert notes(issue) == ["recovered"]
    desk.clock.passes(DAY)
    desk.lose_memory()
    assert desk.requests() <= 2


def test_what_is_found_anew_after_a_ledger_was_lost_goes_on_in_its_issue(desk: Desk, tmp_path: Path) -> None:
    opened(desk)
    with a_desk(tmp_path / "another", desk.fake, desk.clock) as another:
        desk.clock.passes(HOUR)
        anew = an_incident(desk.clock.now)
        another.save(anew)
        another.sync()
        assert len(ours(desk.fake)) == 1
        another.save(resolved(anew, desk.clock.now))
        another.sync()
    assert desk.fake.issue(1).state == "closed"


def test_of_two_that_were_made_at_once_the_lower_number_stays(desk: Desk, tmp_path: Path) -> None:
    incident = an_incident()
    with a_desk(tmp_path / "another", desk.fake, desk.clock) as another:
        desk.save(incident)
        another.save(incident)
        desk.fake.lag = 5.0
        desk.sync()
        another.sync()
        desk.clock.passes(MINUTE)
        another.sync()
        desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]
    second = desk.fake.issue(2)
    assert (second.state, second.state_reason) == ("closed", "duplicate")
    assert "Duplicate of #1" in (second.body or "")


def test_more_than_five_at_once_share_a_summary_that_lives_like_an_issue(desk: Desk) -> None:
    many = [an_incident(desk.clock.now + number, service=f"service-{number}") for number in range(12)]
    desk.save(*many)
    desk.sync()
    assert len(ours(desk.fake)) == 6
    assert all(len(open_about(desk.fake, one.fingerprint)) == 1 for one in many)
    desk.clock.passes(HOUR)
    desk.save(*(resolved(one, desk.clock.now) for one in many[:11]))
    desk.sync()
    assert desk.fake.issue(6).state == "open"
    desk.save(resolved(many[11], desk.clock.now))
    desk.sync()
    assert {issue.state for issue in ours(desk.fake)} == {"closed"}


def test_declining_a_summary_is_declining_those_in_it_and_nobody_else(desk: Desk) -> None:
    many = [an_incident(desk.clock.now + number, service=f"service-{number}") for number in range(8)]
    desk.save(*many)
    desk.sync()
    desk.fake.person("ada").closes(6, "not_planned")
    desk.sync()
    assert [desk.known(one).is_silent(desk.clock.now) for one in many] == [False] * 5 + [True] * 3
    more = [an_incident(desk.clock.now + number, service=f"another-{number}") for number in range(7)]
    desk.save(*more)
    desk.sync()
    desk.sync()
    assert all(len(open_about(desk.fake, one.fingerprint)) == 1 for one in more)


def test_a_deleted_issue_is_not_made_again(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").deletes(1)
    for _ in range(3):
        desk.clock.passes(HOUR)
        desk.save(critical(incident, desk.clock.now))
        desk.sync()
    assert ours(desk.fake) == []
    assert desk.known(incident).is_silent(desk.clock.now)


def test_those_who_look_after_a_service_are_assigned(desk: Desk) -> None:
    desk.fake.assignable.add("grace")
    desk.assignees = (AssigneeSection(service="rag_*", user="grace"), AssigneeSection(service="cart", user="ada"))
    opened(desk)
    assert tuple(desk.fake.issue(1).assignees) == ("grace",)


def test_somebody_who_cannot_be_assigned_and_a_milestone_that_is_gone_are_no_reason_to_say_nothing(desk: Desk) -> None:
    desk.assignees, desk.milestone = (AssigneeSection(user="nobody"),), 7
    opened(desk)
    assert tuple(desk.fake.issue(1).assignees) == ()


def test_numbers_are_brought_up_to_date_every_six_hours_and_not_each_minute(desk: Desk) -> None:
    incident = opened(desk)
    desk.sync(), desk.sync()
    writes = desk.fake.count("PATCH")
    for number in range(12):
        desk.clock.passes(30 * MINUTE)
        worse = replace(incident.findings[0], current=200.0 + number)
        desk.save(replace(incident, findings=(worse,)))
        desk.sync()
    assert desk.fake.count("PATCH") == writes + 1


def an_alert(started: float, ended: float | None = None, incident: str = "") -> Alert:
    labels = (("alertname", "Spool grows"), ("severity", "critical"), ("service", "rag_service"))
    said = ("the spool is at 80 %", "", "B=0.8")
    return Alert("a1b2c3", "Spool grows", labels, *said, started, ended, incident=incident)


def test_an_alert_of_grafana_has_the_same_life(desk: Desk) -> None:
    desk.tell(an_alert(MONDAY))
    desk.sync()
    desk.tell(an_alert(MONDAY))
    desk.sync()
    (issue,) = ours(desk.fake)
    assert (issue.title, "severity: critical" in issue.labels) == ("Spool grows: the spool is at 80 %", True)
    desk.tell(an_alert(MONDAY, desk.clock.now + HOUR))
    desk.sync()
    assert (desk.fake.issue(1).state, notes(desk.fake.issue(1))) == ("closed", ["recovered"])
    desk.clock.passes(DAY)
    desk.tell(an_alert(desk.clock.now))
    desk.sync()
    assert "#1" in (desk.fake.issue(2).body or "")
    desk.fake.person("ada").closes(2, "not_planned")
    desk.sync()
    desk.sync()
    assert (desk.fake.issue(2).state, IGNORED in desk.fake.issue(2).labels) == ("closed", True)


def test_an_alert_that_names_an_incident_only_adds_to_its_issue(desk: Desk) -> None:
    incident = opened(desk)
    desk.tell(an_alert(MONDAY, incident=incident.fingerprint), an_alert(MONDAY, incident="0123456789ab"))
    desk.tell(an_alert(MONDAY, incident=incident.fingerprint))
    desk.sync()
    (issue,) = ours(desk.fake)
    assert "<code>Spool grows</code>" in (issue.body or "")


def test_an_endpoint_that_is_many_series_is_known_by_all_of_them(desk: Desk) -> None:
    incident = an_incident(endpoints=[f"/{number}" for number in range(40)])
    opened(desk, incident)
    assert an_endpoint("/0") in {finding.series for finding in incident.findings}
    assert "30 more" in (desk.fake.issue(1).body or "")


def when_opening(fault: Fault) -> Faults:
    return lambda asked: fault if asked.is_write and asked.path.endswith("/issues") else None


def test_an_issue_whose_answer_was_lost_is_looked_for_and_not_made_again(desk: Desk) -> None:
    desk.fake.lag = MINUTE
    for lost in (closed(is_done=True), broken(), unavailable(502, is_done=True), cut()):
        incident = an_incident(desk.clock.now, service=f"service-{lost.name}")
        desk.save(incident)
        desk.fake.faults = when_opening(lost)
        assert desk.sync().trouble
        desk.fake.faults = healthy
        for _ in range(3):
            desk.clock.passes(50.0)
            desk.sync()
        assert len(open_about(desk.fake, incident.fingerprint)) == 1
    assert len(ours(desk.fake)) == 4


def test_an_issue_that_was_not_made_is_made_later_once_that_is_sure(desk: Desk) -> None:
    incident = an_incident()
    desk.save(incident)
    desk.fake.faults = when_opening(silent())
    assert "did not answer in time" in desk.sync().trouble[0]
    desk.fake.faults = healthy
    desk.clock.passes(MINUTE)
    desk.sync()
    assert ours(desk.fake) == []
    desk.clock.passes(2 * MINUTE)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]


@pytest.mark.parametrize("limit", [slowed_down(300), slowed_down(300, 429), rate_limited(MONDAY + 300)])
def test_when_github_wants_to_be_left_alone_nothing_is_asked_until_then(desk: Desk, limit: Fault) -> None:
    desk.save(an_incident())
    desk.fake.faults = lambda asked: limit if asked.is_write else None
    assert "wants to be left alone for 300 s" in desk.sync().trouble[0]
    asked = len(desk.fake.asked)
    desk.clock.passes(299)
    with pytest.raises(SurfaceUnavailable, match="wants to be left alone until 00:05:00 UTC"):
        desk.sync()
    assert len(desk.fake.asked) == asked
    desk.fake.faults = healthy
    desk.clock.passes(2)
    desk.sync()
    assert len(ours(desk.fake)) == 1


def test_one_change_that_fails_does_not_stop_the_others(desk: Desk) -> None:
    first, second = an_incident(MONDAY - 1, service="cart"), an_incident()
    desk.save(first, second)
    desk.sync()
    desk.save(critical(first, MONDAY), critical(second, MONDAY))
    desk.fake.faults = lambda asked: unavailable() if asked.path.endswith("/1/comments") else None
    assert len(desk.sync().trouble) == 1
    assert notes(desk.fake.issue(1)) == []
    assert notes(desk.fake.issue(2)) == ["critical"]
    desk.fake.faults = healthy
    desk.sync()
    assert notes(desk.fake.issue(1)) == ["critical"]


def test_what_strangers_write_is_never_taken_for_ours_and_never_deleted(desk: Desk) -> None:
    desk.fake.outsiders.add("mallory")
    incident = opened(desk)
    mallory, written = desk.fake.person("mallory"), read_marker(desk.fake.issue(1).body or "")
    assert written is not None
    forged = note_marker(incident.fingerprint, f"critical-{written.written}")
    mallory.comments(1, forged)
    desk.save(critical(incident, desk.clock.now))
    desk.sync()
    mallory.comments(1, f"me too\n\n{forged}")
    desk.sync()
    texts = desk.fake.issue(1).texts
    assert len(texts) == 3
    assert "**critical**" in texts[1]


def test_a_pull_request_with_our_label_and_a_copy_of_our_text_is_left_alone(desk: Desk) -> None:
    opened(desk)
    body = f"My fix. From #1:\n\n{desk.fake.issue(1).body}"
    number = desk.fake.person("ada").opens_pull_request("Faster again", body, labels=["soakwatch"])
    for _ in range(2):
        desk.clock.passes(HOUR)
        desk.sync()
    pull = desk.fake.issue(number)
    assert (pull.state, pull.body) == ("open", body)


def test_a_locked_issue_says_it_in_its_text_and_stops_nobody_else(desk: Desk) -> None:
    incident = opened(desk)
    locked = Answer(403, b'{"message": "Unable to create comment because issue is locked."}', JSON)
    lock = Fault("locked", is_done=False, answer=locked)
    desk.fake.faults = lambda asked: lock if asked.is_write and asked.path.endswith("/comments") else None
    other = an_incident(desk.clock.now + 1, service="cart")
    desk.save(critical(incident, desk.clock.now), other)
    desk.sync()
    assert "severity: critical" in desk.fake.issue(1).labels
    assert open_about(desk.fake, other.fingerprint) == [2]
    assert desk.requests() <= 2


def test_one_that_seems_gone_is_looked_at_again_before_anybody_is_silent(desk: Desk) -> None:
    incident = opened(desk)
    gone = Fault("not found", is_done=False, answer=Answer(404, b'{"message": "Not Found"}', JSON))
    desk.fake.faults = lambda asked: gone if asked.method == "PATCH" else None
    desk.save(critical(incident, desk.clock.now))
    assert desk.sync().trouble
    desk.fake.faults = healthy
    desk.sync()
    assert not desk.known(incident).is_silent(desk.clock.now)
    assert notes(desk.fake.issue(1)) == ["critical"]


@pytest.mark.parametrize("status", [301, 307])
def test_what_was_moved_is_not_followed_to_what_may_be_somebody_elses(desk: Desk, status: int) -> None:
    incident = opened(desk)
    theirs = desk.fake.person("ada").opens("Precious", "precious text")
    place = {**JSON, "location": f"{desk.fake.url}/repos/{desk.fake.name}/issues/{theirs}"}
    moved = Fault("moved", is_done=False, answer=Answer(status, b"{}", place))
    desk.fake.faults = lambda asked: moved if asked.path.endswith("/issues/1") else None
    desk.save(critical(incident, desk.clock.now))
    desk.sync()
    assert desk.fake.issue(theirs).body == "precious text"
    desk.fake.faults = lambda asked: moved if asked.path.endswith("/issues") else None
    with pytest.raises(SurfaceRefused, match="somewhere else now; set GITHUB_REPOSITORY"):
        desk.sync()


def test_what_people_decide_on_an_issue_that_goes_on_for_another_ledger_counts(desk: Desk, tmp_path: Path) -> None:
    opened(desk)
    with a_desk(tmp_path / "another", desk.fake, desk.clock) as another:
        desk.clock.passes(HOUR)
        anew, beside = an_incident(desk.clock.now), an_incident(desk.clock.now + 1)
        another.save(anew, beside)
        another.sync()
        assert len(ours(desk.fake)) == 2, "one goes on in the old issue, and only one"
        desk.fake.person("ada").closes(1, "not_planned")
        another.sync()
        assert another.known(anew).is_silent(desk.clock.now)
        desk.clock.passes(5 * DAY)
        another.save(resolved(beside, desk.clock.now - 4 * DAY))
        another.sync()
    assert {issue.state for issue in ours(desk.fake)} == {"closed"}


def test_a_later_issue_about_more_does_not_hide_that_one_was_declined(desk: Desk) -> None:
    opened(desk)
    desk.fake.person("ada").closes(1, "not_planned")
    desk.sync()
    more = an_incident(desk.clock.now + HOUR, endpoints=("/query", "/search"))
    desk.save(more)
    desk.sync()
    desk.save(resolved(more, desk.clock.now + 2 * HOUR))
    desk.sync()
    desk.clock.passes(DAY)
    again = an_incident(desk.clock.now)
    desk.save(again)
    desk.sync()
    assert desk.known(again).is_silent(desk.clock.now)
    assert open_about(desk.fake, again.fingerprint) == []


def test_two_that_watch_different_things_in_one_repository_have_a_summary_each(desk: Desk, tmp_path: Path) -> None:
    with a_desk(tmp_path / "another", desk.fake, desk.clock) as another:
        for name, one in (("perf", desk), ("staging", another)):
            one.save(*(an_incident(desk.clock.now + number, service=f"{name}-{number}") for number in range(12)))
        for _ in range(3):
            desk.sync()
            another.sync()
            desk.clock.passes(HOUR)
    assert len(ours(desk.fake)) == 12


def test_a_ledger_that_was_restored_from_a_backup_files_nothing_that_is_over(desk: Desk) -> None:
    incident = opened(desk)
    desk.save(resolved(incident, desk.clock.now + HOUR))
    desk.sync()
    desk.save(incident)
    desk.lose_memory()
    desk.sync()
    assert [issue.state for issue in ours(desk.fake)] == ["closed"]


def test_labels_that_people_put_on_during_a_pass_stay(desk: Desk) -> None:
    incident = opened(desk)

    def labelling(asked: Asked) -> None:
        if asked.path.endswith("/comments"):
            desk.fake.person("ada").labels(1, ACCEPT, "mine")

    desk.fake.faults = labelling
    desk.save(critical(incident, desk.clock.now))
    desk.sync()
    assert {ACCEPT, "mine", "severity: critical"} <= set(desk.fake.issue(1).labels)
    desk.sync()
    assert desk.known(incident).is_accepted


def test_a_clock_that_was_set_back_keeps_nothing_from_being_filed(desk: Desk) -> None:
    desk.clock.passes(DAY)
    incident = an_incident(desk.clock.now)
    desk.save(incident)
    desk.fake.faults = when_opening(closed())
    desk.sync()
    desk.fake.faults = healthy
    desk.clock.passes(-HOUR)
    desk.sync()
    assert open_about(desk.fake, incident.fingerprint) == [1]


def test_issues_of_others_that_wear_our_label_cost_no_further_requests(desk: Desk) -> None:
    opened(desk)
    for number in range(250):
        desk.fake.person("ada").opens(f"Number {number}", "mine", labels=["soakwatch"])
    desk.clock.passes(HOUR)
    assert [desk.requests() for _ in range(5)][-2:] == [1, 1]


@pytest.mark.parametrize(
    ("old", "new"),
    [("written=", "written=" + "9" * 400), ("fingerprint=", "fingerprint= no="), ("told=open", "told=perhaps")],
)
def test_a_marker_that_somebody_spoilt_is_none(desk: Desk, old: str, new: str) -> None:
    incident = opened(desk)
    desk.fake.person("ada").edits_body(1, (desk.fake.issue(1).body or "").replace(old, new, 1))
    desk.sync()
    desk.save(critical(incident, desk.clock.now))
    desk.sync()
    assert len(ours(desk.fake)) == 1


def test_a_page_of_a_newer_soakwatch_is_not_written_over(desk: Desk) -> None:
    opened(desk)
    body = (desk.fake.issue(1).body or "").replace("soakwatch:issue:1", "soakwatch:issue:2")
    desk.fake.person("ada").edits_body(1, body)
    with pytest.raises(SurfaceRefused, match="written by a newer soakwatch; upgrade"):
        desk.sync()
    assert desk.fake.issue(1).body == body


def test_what_was_ignored_on_the_command_line_after_it_was_accepted_stays_ignored(desk: Desk) -> None:
    incident = opened(desk)
    desk.fake.person("ada").labels(1, ACCEPT)
    desk.sync()
    desk.clock.passes(MINUTE)
    desk.sync()
    desk.clock.passes(MINUTE)
    desk.rule(incident, RulingKind.IGNORE)
    desk.sync()
    assert desk.known(incident).is_silent(desk.clock.now)
