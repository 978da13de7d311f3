"""What Grafana's alerting sends, as alerts, and what becomes of those in the ledger."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import ledger_at

from soakwatch.core.alert import Alert
from soakwatch.core.errors import UsageError
from soakwatch.scheduler.alert_book import known_alerts, note_alerts
from soakwatch.scheduler.alert_notice import alerts_of
from soakwatch.store.ledger import Ledger

NOW = 1_795_420_000.0


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda one: st.lists(one) | st.dictionaries(st.text(), one),
)


def told(**changes: Any) -> dict[str, Any]:
    """One alert of a notice, as Grafana's documentation shows it."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
        "annotations": {"description": "The system has high memory usage", "summary": "It is high"},
        "startsAt": "2026-11-23T02:00:00.000000000Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
        "fingerprint": "c6eadffa33fcdf37",
        "silenceURL": "https://play.grafana.org/alerting/silence/new",
        "dashboardURL": "",
        "panelURL": "",
        "values": {"B": 44.23943737541908, "C": 1},
        "valueString": "[ metric='' labels={} value=44.2 ]",
    }
    return {**alert, **changes}


def notice(*alerts: dict[str, Any]) -> bytes:
    return json.dumps({"receiver": "soakwatch", "status": "firing", "alerts": alerts, "version": "1"}).encode()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_at(str(tmp_path / "ledger.db")) as opened:
        yield opened


def note(ledger: Ledger, *alerts: Alert, now: float = NOW) -> None:
    with ledger.transaction() as work:
        note_alerts(work, alerts, now)


def test_a_group_holds_alerts_that_fire_and_alerts_that_do_not_any_more() -> None:
    ended = told(status="resolved", endsAt="2026-11-23T03:00:00Z", fingerprint="another")
    fires, resolved = alerts_of(notice(told(), ended), NOW)
    assert (fires.name, fires.summary, fires.fires) == ("High memory usage", "It is high", True)
    assert resolved.ended == resolved.started + 3_600


def test_an_end_without_a_time_or_in_the_future_is_now() -> None:
    for end in ("0001-01-01T00:00:00Z", "2036-01-01T00:00:00Z"):
        (alert,) = alerts_of(notice(told(status="resolved", endsAt=end)), NOW)
        assert alert.ended in {alert.started, NOW}


@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_an_alert_names_its_incident_by_a_label_or_an_annotation(place: str) -> None:
    named = {**told()[place], "soakwatch_incident": " 3F9A2C10B7DE "}
    (alert,) = alerts_of(notice(told(**{place: named})), NOW)
    assert alert.incident == "3f9a2c10b7de"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no notice of Grafana's alerting: the notice: "),
        (b"[]", "the notice: "),
        (b"{}", "alerts: field required"),
        (notice(told(status="perhaps")), "alerts.0.status: "),
        (notice(told(fingerprint="")), "alerts.0.fingerprint: "),
        (notice(told(startsAt="soon")), "alerts.0.startsAt: "),
        (notice(*[told()] * 1_001), "alerts: "),
    ],
)
def test_what_is_no_notice_is_refused_with_the_place(content: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=r"no notice of Grafana's alerting") as error:
        alerts_of(content, NOW)
    assert says.casefold() in str(error.value).casefold()


@given(ANY_JSON)
def test_nothing_that_somebody_sends_is_more_than_refused(value: Any) -> None:
    for content in (json.dumps(value), json.dumps({"alerts": [value]}), json.dumps({"alerts": [told(labels=value)]})):
        try:
            alerts_of(content.encode(), NOW)
        except UsageError:
            continue


def test_the_latest_of_each_alert_is_kept_and_what_is_late_changes_nothing(ledger: Ledger) -> None:
    (first,) = alerts_of(notice(told()), NOW)
    (again,) = alerts_of(notice(told(startsAt="2026-11-23T05:00:00Z")), NOW)
    (late,) = alerts_of(notice(told(status="resolved", endsAt="2026-11-23T03:00:00Z")), NOW)
    note(ledger, first)
    note(ledger, again)
    note(ledger, late)
    (known,) = known_alerts(ledger, NOW)
    assert (known.started, known.fires) == (again.started, True)


def test_what_ended_a_month_ago_is_forgotten(ledger: Ledger) -> None:
    (ended,) = alerts_of(notice(told(status="resolved", endsAt="2026-11-23T03:00:00Z")), NOW)
    note(ledger, ended)
    note(ledger, now=NOW + 29 * 86_400)
    assert len(known_alerts(ledger, NOW)) == 1
    note(ledger, now=NOW + 31 * 86_400)
    assert known_alerts(ledger, NOW) == []


def test_that_it_fired_is_late_once_it_is_known_to_have_ended(ledger: Ledger) -> None:
    (fires,) = alerts_of(notice(told()), NOW)
    (ended,) = alerts_of(notice(told(status="resolved", endsAt="2026-11-23T03:00:00Z")), NOW)
    note(ledger, fires, ended)
    note(ledger, fires)
    assert [one.fires for one in known_alerts(ledger, NOW)] == [False]


def test_an_alert_that_is_not_repeated_for_days_has_ended_unheard(ledger: Ledger) -> None:
    note(ledger, *alerts_of(notice(told()), NOW))
    assert [one.fires for one in known_alerts(ledger, NOW + 2 * 86_400)] == [True]
    assert [one.fires for one in known_alerts(ledger, NOW + 4 * 86_400)] == [False]


def test_an_alert_that_is_never_heard_of_again_is_forgotten_like_one_that_has_ended(ledger: Ledger) -> None:
    note(ledger, *alerts_of(notice(told()), NOW))
    for days in (29, 31):
        now = NOW + days * 86_400
        note(ledger, *alerts_of(notice(told(fingerprint="another")), now), now=now)
        assert ("c6eadffa33fcdf37" in {one.fingerprint for one in known_alerts(ledger, now)}) is (days == 29)


def test_a_start_in_the_future_does_not_make_what_follows_late(ledger: Ledger) -> None:
    note(ledger, *alerts_of(notice(told(startsAt="2036-01-01T00:00:00Z")), NOW))
    note(ledger, *alerts_of(notice(told(status="resolved", startsAt="2036-01-01T00:00:00Z")), NOW + 60), now=NOW + 60)
    assert [one.fires for one in known_alerts(ledger, NOW + 60)] == [False]


@pytest.mark.parametrize("named", ["<no value>", "3f9a", "", "3f9a2c10b7de0"])
def test_what_is_no_fingerprint_names_no_incident(named: str) -> None:
    (alert,) = alerts_of(notice(told(labels={"alertname": "A", "soakwatch_incident": named})), NOW)
    assert alert.incident == ""


def test_a_label_without_a_value_does_not_refuse_its_group() -> None:
    (alert,) = alerts_of(notice(told(labels={"alertname": "A", "zone": None}, generatorURL=None)), NOW)
    assert (alert.label("zone"), alert.page) == ("", "")
