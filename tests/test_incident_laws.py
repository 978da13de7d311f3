"""Laws of incidents: whatever the signals are, and whatever happens to the process that follows them."""

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from incident_signals import MINUTE, NOON, TIMING, Tick, around, endpoint, run, signal

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, State
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Severity
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.signal import Signal, Standing
from soakwatch.store.ledger_records import decode_incident, encode_incident

ENDPOINTS = [endpoint(name, service) for service in ("rag", "search") for name in ("/query", "/ingest")]
DEPLOYS = [Deploy("staging", "*", NOON + hours * 60 * MINUTE, f"v{hours}") for hours in range(-4, 10, 3)]

# what a restart, or silence, happens in the middle of must be reached often: runs of one standing, not single steps
_STRETCH = st.tuples(st.sampled_from([*Standing, None]), st.integers(1, TIMING.healthy + 5), st.integers(0, 3))

LEGAL = {
    (None, State.SUSPECT),
    (None, State.CONFIRMED),
    (State.SUSPECT, State.CONFIRMED),
    (State.SUSPECT, State.RESOLVED),
    (State.CONFIRMED, State.RECOVERING),
    (State.RECOVERING, State.CONFIRMED),
    (State.RECOVERING, State.RESOLVED),
}


@st.composite
def histories(draw: st.DrawFn) -> list[Tick]:
    """Steps of an hour or three, in which each endpoint is now worse, now better, now silent."""
    signals: dict[float, list[Signal]] = {}
    for series in draw(st.lists(st.sampled_from(ENDPOINTS), min_size=1, unique=True)):
        at = NOON
        for standing, length, hours in draw(st.lists(_STRETCH, min_size=1, max_size=5)):
            onset = around(NOON + hours * 60 * MINUTE, 10 + 20 * hours)
            severity = Severity.CRITICAL if hours == 1 else Severity.WARNING
            for _ in range(length):
                at += MINUTE
                given_then = signals.setdefault(at, [])
                if standing is not None:
                    immediate = hours == 2
                    given_then.append(signal(series, at, standing, onset=onset, severity=severity, immediate=immediate))
    return sorted(signals.items())


def follow(ticks: list[Tick]) -> list[list[Incident]]:
    """The incidents after each step."""
    after: list[list[Incident]] = []
    for tick in ticks:
        after.append(run([tick], after[-1] if after else [], DEPLOYS))
    return after


def written_and_read(incidents: list[Incident]) -> list[Incident]:
    return [decode_incident(encode_incident(one), None) for one in incidents]


@given(histories())
@settings(deadline=None)
def test_after_a_restart_in_any_state_everything_goes_on_as_without(ticks: list[Tick]) -> None:
    incidents: list[Incident] = []
    for tick in ticks:
        incidents = written_and_read(run([tick], incidents, DEPLOYS))
    assert incidents == run(ticks, deploys=DEPLOYS)


@given(histories(), st.data())
@settings(deadline=None)
def test_the_same_step_twice_and_older_steps_change_nothing(ticks: list[Tick], data: st.DataObject) -> None:
    for position, incidents in enumerate(follow(ticks)):
        at, signals = ticks[position]
        assert advance_incidents(incidents, signals, at, TIMING, DEPLOYS) == incidents
        if any(one.is_open for one in incidents):
            older, others = ticks[data.draw(st.integers(0, position), "older")]
            assert advance_incidents(incidents, others, older, TIMING, DEPLOYS) == incidents
            late = [signal(one, older - 0.5 * MINUTE, immediate=True) for one in ENDPOINTS]
            assert advance_incidents(incidents, late, older - 0.5 * MINUTE, TIMING, DEPLOYS) == incidents


@given(histories(), st.data())
@settings(deadline=None)
def test_a_day_without_data_changes_nothing(ticks: list[Tick], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(ticks)), "steps before the gap")
    day = 1440 * MINUTE
    after = [(at + day, [_later(one, day) for one in signals]) for at, signals in ticks[cut:]]
    told = st.sampled_from([[], [signal(one, ticks[cut - 1][0], Standing.UNKNOWN) for one in ENDPOINTS]])
    silent = [(ticks[cut - 1][0] + step * MINUTE, data.draw(told, "silence")) for step in (1, 2, 3, 700, 1439)]
    assert states(run([*ticks[:cut], *silent, *after])) == states(run([*ticks[:cut], *after]))


def _later(one: Signal, seconds: float) -> Signal:
    onset = None if one.finding is None else one.finding.onset
    return signal(one.series, one.at + seconds, one.standing, onset=onset, immediate=one.immediate)


def states(incidents: list[Incident]) -> list[object]:
    """All of them but for the step that they have seen last, which silence moves on."""
    return [
        (one.fingerprint, one.state, one.findings, one.confirmed, one.recovering, one.resolved) for one in incidents
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(ENDPOINTS), st.sampled_from([*Standing]), st.integers(0, 3), st.booleans()),
        min_size=2,
        max_size=12,
    ),
    st.integers(0, 2**32),
)
@settings(deadline=None)
def test_the_order_of_signals_within_a_step_does_not_matter(
    given_then: list[tuple[Series, Standing, int, bool]], seed: int
) -> None:
    signals = [
        signal(series, NOON, standing, onset=around(NOON + hours * 60 * MINUTE, 10 + hours), immediate=immediate)
        for series, standing, hours, immediate in given_then
    ]
    shuffled = Random(seed).sample(signals, len(signals))
    assert run([(NOON, shuffled)], deploys=DEPLOYS) == run([(NOON, signals)], deploys=DEPLOYS)


@given(histories())
@settings(deadline=None)
def test_no_incident_takes_a_way_that_is_not_drawn(ticks: list[Tick]) -> None:
    history = follow(ticks)
    ways = {
        (before.get(name), state)
        for before, now in pairwise([{}, *({one.fingerprint: one.state for one in after} for after in history)])
        for name, state in now.items()
        if before.get(name) is not state
    }
    assert ways <= LEGAL


@given(histories())
@settings(deadline=None)
def test_incidents_keep_their_identity_and_share_nothing(ticks: list[Tick]) -> None:
    for before, after in pairwise(follow(ticks)):
        assert [(one.fingerprint, one.suspected) for one in after[: len(before)]] == [
            (one.fingerprint, one.suspected) for one in before
        ]
        open_ones = [one for one in after if one.is_open]
        members = [(finding.series, finding.metric, one.kind) for one in open_ones for finding in one.findings]
        assert len(members) == len(set(members))
        assert len({one.fingerprint for one in after}) == len(after)
        assert all(one == after[place] for place, one in enumerate(before) if not one.is_open)


@given(
    st.lists(
        st.tuples(st.integers(0, 120), st.floats(0, 60 * MINUTE), st.floats(0, 60 * MINUTE)), min_size=1, max_size=40
    )
)
@settings(deadline=None)
def test_whatever_began_at_one_moment_is_one_incident(noticed: list[tuple[int, float, float]]) -> None:
    ticks: dict[float, list[Signal]] = {NOON + step * MINUTE: [] for step in range(200)}
    for number, (first, early, late) in enumerate(noticed):
        onset = Span(NOON - early, NOON + late)
        for step in range(first, first + 20):
            at = NOON + step * MINUTE
            ticks[at].append(signal(endpoint(f"/{number}"), at, onset=onset))
    incidents = run(list(ticks.items())[:121])
    there = [one for one in incidents if one.is_open]
    assert len(there) <= 1
    assert all(one.onset.start <= NOON <= one.onset.end for one in incidents)
