"""What a step of detection shows on dashboards, and what becomes of a step that cannot be shown."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from ledgers import an_incident

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.errors import StoreRefused
from soakwatch.core.incident import State
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.core.span import Span
from soakwatch.detector.engine import Engine
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.showing import Showing
from soakwatch.store.projected_lines import projected_line
from soakwatch.store.projection import NoDashboards, Projected

SETTINGS = DetectorSection()
AT = 1_800_000_060.0


class Refusing(NoDashboards):
    """A store that refuses what dashboards show, as InfluxDB does points that are older than a bucket keeps them."""

    def write(self, points: Sequence[Projected]) -> None:
        raise StoreRefused(f"{len(points)} points refused for good (422)")


@pytest.mark.parametrize("failed", [False, True])
def test_a_pass_that_failed_does_not_say_that_detection_is_not_behind(failed: bool) -> None:
    line = projected_line(PassAccount(AT, "staging", PassName.DETECTION, 1.5, failed, lag=30.0))
    assert ("lag=" in line, "seen=" in line) == (not failed, not failed)


def test_what_is_only_suspected_is_shown_to_nobody() -> None:
    showing = Showing(Refusing(), Timing.of(SETTINGS), dict)
    suspect = replace(an_incident(), confirmed=None)
    showing.step(Engine.begin(SETTINGS), AT, {}, [suspect])
    before = {suspect.fingerprint: suspect}
    showing.step(Engine.begin(SETTINGS), AT + 60, before, [replace(suspect, onset=Span(0.0, 60.0))])
    assert showing.refused(AT) == []


def test_what_the_store_refuses_to_show_is_told_once_and_ends_no_step() -> None:
    showing = Showing(Refusing(), Timing.of(SETTINGS), dict)
    showing.step(Engine.begin(SETTINGS), AT, {}, [an_incident(state=State.CONFIRMED)])
    assert showing.refused(AT) == ["dashboards lack something: 2 points refused for good (422)"]
    assert showing.refused(AT) == []
