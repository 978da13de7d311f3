"""What an issue shows of the store: the course, the errors that grew, the slowest request, the deploy before."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from issue_desk import DAY, HOUR, MINUTE, MONDAY, an_endpoint, an_incident

from soakwatch.core.deploy import Deploy
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import MINUTE as A_MINUTE
from soakwatch.core.roll_up import TEN_MINUTES, roll_up
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, Exemplar, Window
from soakwatch.reporter.evidence import Evidence
from soakwatch.scheduler.incident_evidence import evidence_of
from soakwatch.store.sqlite import SqliteStore

QUERY = an_endpoint("/query")
NOW = MONDAY + HOUR


def a_window(start: float, time: float, width: float = MINUTE, series: Series = QUERY) -> Window:
    exemplar = Exemplar(start + 1, time * 3, f"trace-{start:.0f}")
    return Window(
        *(series, "night", "one", start, width, 100, 0, time * 100, 0.0, time, time * 3, Histogram.of([time] * 100)),
        exemplar=exemplar,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.create(tmp_path / "soakwatch.db") as opened:
        yield opened


def write(store: SqliteStore, *, begin: float = MONDAY - 2 * HOUR, end: float = NOW) -> None:
    """A run in which a request took 112 ms before Monday, and 181 ms since."""
    store.write([Run("night", "staging", "nightly", begin, end, users=10)])
    starts = [begin + number * MINUTE for number in range(int((end - begin) / MINUTE))]
    windows = [a_window(start, 112.0 if start < MONDAY else 181.0) for start in starts]
    store.write(windows)
    store.write([*roll_up(windows, A_MINUTE), *roll_up(windows, TEN_MINUTES)])


def evidence(store: SqliteStore, *deploys: Deploy) -> Evidence:
    incident = replace(an_incident(MONDAY), judged=NOW)
    if deploys:
        incident = replace(incident, deploy_before=deploys[-1])
    return evidence_of(store, incident, list(deploys), NOW)


def test_the_course_shows_an_hour_before_and_all_since(store: SqliteStore) -> None:
    write(store)
    course = evidence(store).course
    assert course is not None
    before = [value for moment, value in zip(course.moments, course.values, strict=True) if moment < MONDAY]
    since = [value for moment, value in zip(course.moments, course.values, strict=True) if moment >= MONDAY]
    assert (len(before), len(since)) == (65, 60)
    assert before == pytest.approx([112.0] * 65, rel=0.02)
    assert since == pytest.approx([181.0] * 60, rel=0.02)


def test_the_slowest_request_has_its_time_and_trace(store: SqliteStore) -> None:
    write(store)
    slowest = evidence(store).slowest
    assert slowest is not None
    series, exemplar = slowest
    assert series == QUERY
    assert exemplar.time == pytest.approx(543.0)
    assert exemplar.trace_id.startswith("trace-")


def test_errors_grew_where_their_share_did(store: SqliteStore) -> None:
    write(store)
    counts = {
        "HTTP 503": [(MONDAY - HOUR, 10), (MONDAY + 10 * MINUTE, 300)],
        "HTTP 404": [(MONDAY - HOUR, 900), (MONDAY + 10 * MINUTE, 60)],
        "timeout": [(MONDAY + 20 * MINUTE, 120)],
    }
    store.write(
        [
            ErrorCount(QUERY, "night", "one", start, kind, count, f"{kind} of a test")
            for kind, told in counts.items()
            for start, count in told
        ]
    )
    grown = evidence(store).errors
    assert [(one.kind, one.baseline_count, one.current_count) for one in grown] == [
        ("HTTP 503", 10, 300),
        ("timeout", 0, 120),
    ]
    assert grown[0].sample == "HTTP 503 of a test"


def test_the_deploy_before_has_the_one_that_it_replaced_and_the_run_is_the_last_one(store: SqliteStore) -> None:
    write(store)
    other = Deploy("staging", "cart", MONDAY - 2 * HOUR, "9.9")
    old, new = (Deploy("staging", "rag_service", MONDAY - at, version) for at, version in ((DAY, "2.3"), (HOUR, "2.4")))
    known = evidence(store, old, other, new)
    assert known.previous == old
    assert known.run is not None
    assert known.run.id == "night"


def test_of_a_store_that_has_forgotten_everything_there_is_no_evidence(store: SqliteStore) -> None:
    known = evidence(store)
    assert (known.course, known.errors, known.slowest, known.previous, known.run) == (None, (), None, None, None)
