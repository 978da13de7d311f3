"""From alarms to incidents: what becomes one, when it is confirmed, and when it is over."""

from dataclasses import replace

import pytest
from incident_signals import MINUTE, NOON, TIMING, around, endpoint, found, run, signal, steps, together

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind, State
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric, Severity
from soakwatch.detector.incidents import accepted, advance_incidents, watched
from soakwatch.detector.onset_vote import agreed_onset
from soakwatch.detector.signal import Standing

QUERY, INGEST = endpoint("/query"), endpoint("/ingest")
CONFIRMING = "A" * TIMING.hold
HEALTHY = "n" * TIMING.healthy
LATER = NOON + 100 * MINUTE


def only(incidents: list[Incident]) -> Incident:
    (incident,) = incidents
    return incident


def test_an_alarm_is_suspected_at_once_and_confirmed_when_it_has_held() -> None:
    first, *_, last = (at for at, _ in steps(CONFIRMING, QUERY))
    suspect = only(run(steps("A", QUERY)))
    assert (suspect.state, suspect.suspected, suspect.confirmed) == (State.SUSPECT, first, None)
    confirmed = only(run(steps(CONFIRMING, QUERY)))
    assert (confirmed.state, confirmed.suspected, confirmed.confirmed) == (State.CONFIRMED, first, last)


@pytest.mark.parametrize("standings", ["AAnAAnAAAAA", "AAeeAAeAAA", "AAuuuAAAAA", "A.A.A.A.A.A.A"])
def test_an_alarm_need_not_hold_without_a_break(standings: str) -> None:
    assert only(run(steps(standings, QUERY))).state is State.CONFIRMED


def test_an_alarm_that_has_held_for_hours_is_confirmed_at_once() -> None:
    at = NOON + 12 * 60 * MINUTE
    incident = only(run([(at, [signal(QUERY, at, immediate=True)])]))
    assert (incident.state, incident.confirmed) == (State.CONFIRMED, at)


def test_of_two_alarms_about_the_same_the_one_with_the_nearer_numbers_says_how_large_it_is() -> None:
    at = NOON + 4 * 60 * MINUTE
    near = signal(QUERY, at, severity=Severity.CRITICAL)
    far = replace(signal(QUERY, at, immediate=True), looks_back=True)
    for signals in ([near, far], [far, near]):
        incident = only(run([(at, signals)]))
        assert (incident.state, incident.severity) == (State.CONFIRMED, Severity.CRITICAL)


@pytest.mark.parametrize("after", ["n", "e", "en"])
def test_a_suspicion_without_further_alarms_is_dropped(after: str) -> None:
    quiet = (after * TIMING.patience)[: TIMING.patience]
    assert only(run(steps("AAA" + quiet[1:], QUERY))).state is State.SUSPECT
    assert only(run(steps("AAA" + quiet, QUERY))).was_dropped


def test_less_than_an_alarm_opens_nothing() -> None:
    assert run(steps("enunee" * 20, QUERY)) == []


def test_an_elevated_level_keeps_an_incident_open() -> None:
    incident = only(run(steps(CONFIRMING + ("n" * (TIMING.patience - 1) + "e") * 40, QUERY)))
    assert incident.state is State.CONFIRMED


def test_an_incident_recovers_and_is_resolved_after_half_an_hour_of_normal_steps() -> None:
    ticks = steps(CONFIRMING + HEALTHY, QUERY)
    confirmed, healthy = ticks[TIMING.hold - 1][0], ticks[-1][0]
    assert only(run(ticks[:-1])).state is State.RECOVERING
    incident = only(run(ticks))
    assert incident.state is State.RESOLVED
    assert (incident.confirmed, incident.resolved) == (confirmed, healthy)
    assert incident.recovering == confirmed + TIMING.patience * MINUTE


def test_silence_is_no_recovery() -> None:
    silent = "u." * 2000
    assert only(run(steps(CONFIRMING + silent, QUERY))).state is State.CONFIRMED
    assert only(run(steps("AA" + silent, QUERY))).state is State.SUSPECT
    recovering = CONFIRMING + "n" * TIMING.patience
    assert only(run(steps(recovering + silent, QUERY))).state is State.RECOVERING


def test_an_endpoint_that_nobody_tests_any_more_does_not_keep_an_incident_open() -> None:
    both = together(steps(CONFIRMING, QUERY), steps(CONFIRMING, INGEST))
    begin = both[-1][0] + MINUTE
    ended = begin + TIMING.history * TIMING.step
    healed = run(steps(HEALTHY, QUERY, begin), run(both))
    assert only(healed).state is State.CONFIRMED
    forgotten = run([*steps("n", QUERY, ended), *steps("nn", QUERY, ended + MINUTE)], healed)
    assert only(forgotten).state is State.RESOLVED


def test_an_incident_of_which_nothing_is_tested_any_more_is_resolved_without_having_recovered() -> None:
    ticks = steps(CONFIRMING, QUERY)
    gone = ticks[-1][0] + TIMING.history * TIMING.step
    still, over = run([*ticks, (gone, [])]), run([*ticks, (gone + MINUTE, [])])
    assert only(still).state is State.CONFIRMED
    assert (only(over).state, only(over).resolved, only(over).recovering) == (State.RESOLVED, gone + MINUTE, None)


def test_what_comes_back_before_it_was_resolved_is_the_same_incident() -> None:
    incident = only(run(steps(CONFIRMING + "n" * (TIMING.healthy - 1) + "A", QUERY)))
    assert incident.state is State.CONFIRMED
    assert incident.suspected == NOON + 10 * MINUTE
    assert incident.findings[0].recovered is None


def test_what_comes_back_after_it_was_resolved_is_a_new_incident() -> None:
    ended = run(steps(CONFIRMING + HEALTHY, QUERY))
    first, second = run(steps(CONFIRMING, QUERY, LATER, around(LATER)), ended)
    assert first == only(ended)
    assert second.state is State.CONFIRMED
    assert second.fingerprint != first.fingerprint


def test_a_deploy_that_slows_forty_endpoints_makes_one_incident_that_names_it() -> None:
    deploys = [
        Deploy("staging", "rag", NOON - 86_400, "v1"),
        Deploy("staging", "rag", NOON - MINUTE, "v2"),
        Deploy("staging", "rag", NOON + MINUTE, "v2", title="a run with the same version began"),
        Deploy("staging", "search", NOON, "v7"),
        Deploy("staging", "rag", NOON + 40 * MINUTE, "v3"),
    ]
    # each is noticed in its own minute, and is a little wrong about when it began
    onsets = [around(NOON + (number * 7 % 11 - 5) * MINUTE, 8) for number in range(40)]
    parts = [steps("." * number + "A" * 20, endpoint(f"/{number}"), onset=onsets[number]) for number in range(40)]
    incident = only(run(together(*parts), deploys=deploys))
    assert len(incident.findings) == 40
    assert incident.onset.start <= NOON <= incident.onset.end
    assert incident.deploy_before == deploys[1]
    assert incident.deploy_after == deploys[4]
    early = only(run(together(*parts)[:20], deploys=deploys))
    assert early.deploy_after is None, "nobody could know of it then"


@pytest.mark.parametrize(
    ("series", "kind"), [(endpoint("/query", "search"), Kind.LATENCY), (endpoint("/query"), Kind.ERRORS)]
)
def test_another_service_or_kind_is_another_incident(series: Series, kind: Kind) -> None:
    at = NOON + 10 * MINUTE
    other = replace(signal(QUERY, at), series=series, kind=kind)
    first, second = run([(at, [signal(QUERY, at), other])])
    assert {first.kind, second.kind} == {Kind.LATENCY, kind}
    assert first.fingerprint != second.fingerprint


def test_an_endpoint_that_is_noticed_hours_later_joins_the_incident_that_began_with_it() -> None:
    ticks = together(steps("A" * 200, QUERY), steps("." * 190 + "A" * 10, INGEST))
    assert [finding.series for finding in only(run(ticks)).findings] == [QUERY, INGEST]


def test_another_metric_of_the_same_endpoint_joins_whatever_is_thought_of_when_it_began() -> None:
    at, creeping = LATER + 10 * MINUTE, run(steps("A" * 60, QUERY))
    finding = replace(found(QUERY, around(LATER), at), metric=Metric.MEAN)
    later = replace(signal(QUERY, at), metric=Metric.MEAN, finding=finding)
    assert [one.metric for one in only(run([(at, [later])], creeping)).findings] == [Metric.P95, Metric.MEAN]


def test_what_begins_clearly_later_is_a_second_incident() -> None:
    ticks = together(steps("A" * 120, QUERY), steps("AAAAA", INGEST, LATER + 10 * MINUTE, around(LATER)))
    first, second = run(ticks)
    assert (first.onset, second.onset) == (around(NOON), around(LATER))


def test_two_beginnings_that_are_noticed_in_the_same_minute_are_two_incidents() -> None:
    beginnings = (QUERY, around(NOON)), (INGEST, around(LATER))
    # the second waits for the next step
    ticks = together(*(steps(CONFIRMING + "A", one, LATER, onset) for one, onset in beginnings))
    incidents = run(ticks)
    assert {one.onset for one in incidents} == {around(NOON), around(LATER)}
    assert len({one.fingerprint for one in incidents}) == 2
    assert all(one.state is State.CONFIRMED for one in incidents)


def test_the_onset_is_what_most_findings_agree_on() -> None:
    right, early, late = around(NOON, 20), around(NOON - 60 * MINUTE, 20), around(NOON + 60 * MINUTE, 20)
    assert agreed_onset([right]) == right
    assert agreed_onset([right, early, late]) == right
    assert agreed_onset([right, Span(NOON - 86_400, NOON)]) == right, "the first has the casting vote"


def test_the_onset_is_revised_while_new_data_tell_more_of_it_and_then_stays() -> None:
    suspect = run(steps("A", QUERY, onset=around(NOON, 60)))
    sharper = run(steps("A" * 10, QUERY, NOON + 11 * MINUTE, around(NOON + 60, 10)), suspect)
    assert only(sharper).onset == around(NOON + 60, 10)
    assert only(sharper).fingerprint == only(suspect).fingerprint
    much_later = run(steps("A", QUERY, NOON + 300 * MINUTE, around(NOON + 120 * MINUTE)), sharper)
    assert only(much_later).onset == around(NOON + 60, 10)


def test_a_signal_that_only_says_that_it_goes_on_does_not_move_the_onset() -> None:
    suspect = run(steps("A", QUERY, onset=around(NOON)))
    goes_on = run(steps("eee", QUERY, NOON + 11 * MINUTE, around(NOON - 900 * MINUTE, 1080)), suspect)
    assert only(goes_on).onset == around(NOON)


def test_an_incident_is_as_severe_as_its_worst_finding_and_remembers_when_it_became_critical() -> None:
    mild = run(steps(CONFIRMING, QUERY))
    at = mild[0].suspected + 10 * MINUTE
    worse = run([(at, [signal(QUERY, at), signal(INGEST, at, severity=Severity.CRITICAL)])], mild)
    assert only(mild).escalated is None
    assert (only(worse).severity, only(worse).escalated) == (Severity.CRITICAL, at)
    better = run(together(steps("A" * 20, QUERY, at + MINUTE), steps("n" * 20, INGEST, at + MINUTE)), worse)
    assert (only(better).severity, only(better).escalated) == (Severity.WARNING, at)


def test_why_did_it_fire_has_an_answer_that_does_not_grow() -> None:
    ticks = steps("A" * 500, QUERY)
    said = [word.at for word in only(run(ticks)).findings[0].evidence]
    assert said == [ticks[0][0], ticks[TIMING.hold - 1][0], ticks[-1][0]]


def test_accepting_ends_the_incident_and_makes_its_level_the_baseline_from_the_onset_on() -> None:
    ticks = steps("A" * 9, QUERY)
    open_ones = run(ticks[:-1])
    ruled = [replace(one, ruling=Ruling(RulingKind.ACCEPT, LATER, "the new index is worth it")) for one in open_ones]
    incident = only(run(ticks[-1:], ruled))
    assert (incident.state, incident.resolved) == (State.RESOLVED, ticks[-1][0])
    assert not incident.was_dropped
    assert watched([incident]) == {}
    assert accepted([incident])[QUERY, Metric.P95, Kind.LATENCY] == around(NOON).end
    assert (QUERY, Metric.P50, Kind.LATENCY) in accepted([incident]), "no alarm tomorrow about the same in the median"
    assert accepted(open_ones) == {}


def test_silence_has_no_level_that_could_be_accepted() -> None:
    silent = replace(only(run(steps(CONFIRMING, QUERY))), kind=Kind.NO_DATA)
    assert accepted([replace(silent, ruling=Ruling(RulingKind.ACCEPT, LATER, "nobody needs it"))]) == {}


def test_ignoring_silences_up_to_an_end_and_changes_nothing_else() -> None:
    ticks = steps(CONFIRMING + "A" * 10, QUERY)
    ignoring = Ruling(RulingKind.IGNORE, NOON, "the cause is known", until=LATER)
    ignored = only(run(ticks[5:], [replace(only(run(ticks[:5])), ruling=ignoring)]))
    assert (ignored.is_silent(LATER - 1), ignored.is_silent(LATER)) == (True, False)
    assert replace(ignored, ruling=None) == only(run(ticks))


def test_the_engine_is_told_to_watch_what_belongs_to_open_incidents() -> None:
    suspect = run(steps("A", QUERY))
    assert watched(suspect) == {(QUERY, Metric.P95, Kind.LATENCY): around(NOON)}
    assert watched(run(steps("n" * TIMING.patience, QUERY, LATER), suspect)) == {}


def test_a_step_that_was_seen_before_changes_nothing() -> None:
    incidents = run(steps("A" * 4, QUERY))
    for at in (incidents[0].suspected, NOON, incidents[0].suspected + 3 * MINUTE):
        again = [signal(QUERY, at), signal(INGEST, at), signal(INGEST, at, Standing.NORMAL)]
        assert advance_incidents(incidents, again, at, TIMING, []) == incidents
