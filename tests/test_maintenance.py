"""Maintenance windows are where people put them, in their time zone, also when clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from soakwatch.core.detector_settings import MaintenanceSection
from soakwatch.core.span import Span
from soakwatch.detector.cron import moments
from soakwatch.detector.maintenance import MaintenanceCalendar

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def calendar(cron: str, minutes: float, service: str = "*", title: str = "") -> MaintenanceCalendar:
    return MaintenanceCalendar.of(
        [MaintenanceSection(service=service, cron=cron, duration=minutes, title=title)], BERLIN
    )


def minute(text: str) -> Span:
    return Span(at(text), at(text) + 60)


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-01-14T02:59", False),
        ("2026-01-14T03:00", True),
        ("2026-01-14T03:29", True),
        ("2026-01-14T03:30", False),
        ("2026-07-14T03:10", True),
        ("2026-07-14T02:10", False),
    ],
)
def test_a_nightly_rebuild_is_at_the_same_time_of_the_day_in_summer_and_winter(moment: str, covered: bool) -> None:
    assert bool(calendar("0 3 * * *", 30).covers("cart", minute(moment))) is covered


def test_a_step_that_touches_it_is_in_it() -> None:
    nightly = calendar("0 3 * * *", 30)
    begin = at("2026-01-14T03:00")
    assert nightly.covers("cart", Span(begin - 30, begin + 30))
    assert nightly.covers("cart", Span(begin + 1795, begin + 1855))
    assert not nightly.covers("cart", Span(begin - 60, begin))
    assert not nightly.covers("cart", Span(begin + 1800, begin + 1860))


@pytest.mark.parametrize(("cron", "minutes"), [("* 3 * * *", 45), ("0 * * * *", 61), ("0 0 * * 6,0", 2880)])
def test_a_window_that_would_begin_again_before_it_is_over_is_refused(cron: str, minutes: float) -> None:
    with pytest.raises(ValidationError, match=r"comes again before \d+ minutes are over; give a shorter `duration`"):
        calendar(cron, minutes)
    calendar("0 * * * *", 60)
    calendar("0 2 * * *", 1440)


def test_it_may_go_on_past_midnight_and_for_days() -> None:
    assert calendar("30 23 * * *", 60).covers("cart", minute("2026-01-15T00:15"))
    assert calendar("0 0 * * 6", 2880).covers("cart", minute("2026-01-18T23:59"))  # a Sunday
    assert not calendar("0 0 * * 6", 2880).covers("cart", minute("2026-01-19T00:00"))


def test_only_the_services_that_it_names_are_in_it() -> None:
    rebuild = calendar("0 3 * * *", 30, service="rag_*", title="index rebuild")
    assert rebuild.covers("rag_service", minute("2026-01-14T03:10")) == "index rebuild"
    assert not rebuild.covers("cart", minute("2026-01-14T03:10"))


def test_what_has_no_title_has_a_name_all_the_same() -> None:
    assert calendar("0 3 * * *", 30).covers("cart", minute("2026-01-14T03:10")) == "maintenance"


def test_what_falls_into_the_hour_that_is_skipped_in_spring_happens_right_after_it() -> None:
    day = Span(at("2026-03-29T00:00"), at("2026-03-30T00:00"))
    assert list(moments("30 2 * * *", day, BERLIN)) == [at("2026-03-29T03:00")]


def test_what_falls_into_the_hour_that_comes_twice_in_autumn_happens_once() -> None:
    day = Span(at("2026-10-25T00:00"), at("2026-10-26T00:00"))
    assert len(list(moments("30 2 * * *", day, BERLIN))) == 1


def test_every_hour_is_every_hour_also_when_clocks_change() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        begin = at(f"{day}T00:00")
        found = list(moments("0 * * * *", Span(begin, begin + hours * 3600), BERLIN))
        assert found == [begin + 3600 * hour for hour in range(hours)]


def test_an_expression_that_is_none_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(ValidationError, match="it must be a cron expression such as"):
        MaintenanceSection(cron="every night", duration=30)
