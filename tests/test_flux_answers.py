"""What InfluxDB answers becomes the same tables and arrays, however the network cuts it up."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.flux_answers import records, tables
from soakwatch.store.flux_numbers import arrays_of

HEADER = ",result,table,_time,_value,endpoint,env"
ROWS = [
    ",_result,0,2026-11-23T00:00:00Z,1.5,/a,perf",
    ",_result,0,2026-11-23T00:10:00Z,250000000000000000000000000,/a,perf",
    ",_result,0,2026-11-23T00:20:00Z,0.000001,/a,perf",
    ',_result,1,2026-11-23T00:00:00Z,2,"/b,""b""",perf',
    ',_result,1,2026-11-23T00:10:00Z,-3.25,"/b,""b""",perf',
    ",_result,2,2026-11-23T00:00:00Z,4,/c,perf",
    ",_result,2,2026-11-23T00:00:00.25Z,5,/c,perf",
    ",_result,9,2026-11-23T00:00:00Z,6,/d,perf",
]
MIDNIGHT = 1_795_392_000.0
SERIES = {
    ("perf", "/a"): [[MIDNIGHT, MIDNIGHT + 600, MIDNIGHT + 1200], [1.5, 2.5e26, 1e-6]],
    ("perf", '/b,"b"'): [[MIDNIGHT, MIDNIGHT + 600], [2.0, -3.25]],
    ("perf", "/c"): [[MIDNIGHT, MIDNIGHT + 0.25], [4.0, 5.0]],
    ("perf", "/d"): [[MIDNIGHT], [6.0]],
}
ANSWER = "\r\n".join([HEADER, *ROWS, "", ""]).encode()
ANOTHER_HEADER = "\r\n".join([HEADER, *ROWS[:3], "", HEADER, *ROWS[3:], "", ""]).encode()


def cut(answer: bytes, places: set[int]) -> list[bytes]:
    bounds = [0, *sorted(places), len(answer)]
    return [answer[start:end] for start, end in pairwise(bounds)]


def arrays(blocks: list[bytes]) -> dict[tuple[str, ...], list[list[float]]]:
    found: dict[tuple[str, ...], list[list[float]]] = {}
    for tags, array in arrays_of(blocks, ("env", "endpoint")):
        assert array.dtype == np.float64
        times, values = found.setdefault(tags, [[], []])
        times += array[0].tolist()
        values += array[1].tolist()
    return found


@given(st.sampled_from([ANSWER, ANOTHER_HEADER]), st.sets(st.integers(0, len(ANSWER)), max_size=12))
def test_numbers_are_the_same_however_the_answer_is_cut(answer: bytes, places: set[int]) -> None:
    assert arrays(cut(answer, places)) == SERIES


@given(st.sampled_from([ANSWER, ANOTHER_HEADER]), st.sets(st.integers(0, len(ANSWER)), max_size=12))
def test_tables_are_the_same_however_the_answer_is_cut(answer: bytes, places: set[int]) -> None:
    found: dict[tuple[str, ...], list[str]] = {}
    for table in tables(cut(answer, places), ("env", "endpoint")):
        found.setdefault(table.tags, []).extend(table.values)
    assert {tags: list(map(float, values)) for tags, values in found.items()} == {
        tags: values for tags, (_, values) in SERIES.items()
    }


@pytest.mark.parametrize("answer", [b"", b"\r\n", b"\r\n\r\n"])
def test_an_empty_answer_has_nothing(answer: bytes) -> None:
    assert arrays([answer]) == {}
    assert list(tables([answer], ("env",))) == []


def test_an_error_instead_of_numbers_is_no_answer() -> None:
    with pytest.raises(StoreUnavailable):
        arrays([b',error,reference\r\n"too much, far too much",897\r\n'])


def test_an_error_in_the_middle_of_numbers_is_no_end_of_them() -> None:
    error = b",error,reference\r\n,memory allocation limit reached,897\r\n"
    with pytest.raises(StoreUnavailable):
        arrays([ANSWER + error])


def test_fields_of_a_point_come_together_and_a_missing_one_is_none() -> None:
    header = ",result,table,_time,_value,_field,run"
    rows = [
        ",_result,0,2026-11-23T00:00:00Z,3,count,r",
        ",_result,0,2026-11-23T00:00:10Z,4,count,r",
        ",_result,1,2026-11-23T00:00:10Z,9.5,min,r",
        ',_result,2,2026-11-23T00:00:00Z,"a, ""b""",sample,r',
        ",_result,2,2026-11-23T00:00:10Z,c,sample,r",
    ]
    found = tables(["\r\n".join([header, *rows, "", ""]).encode()], ("run",))
    assert list(records(found, ("count", "min", "sample"))) == [
        (("r",), "2026-11-23T00:00:00Z", ("3", None, 'a, "b"')),
        (("r",), "2026-11-23T00:00:10Z", ("4", "9.5", "c")),
    ]
