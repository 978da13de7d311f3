"""Any text and any moment through InfluxDB's forms: read back equal, and never more than a text."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stores import text

from soakwatch.core.span import Span
from soakwatch.store.flux import Selection, literal
from soakwatch.store.nanoseconds import EARLIEST, LATEST, from_nanoseconds, parse_moment, to_nanoseconds
from soakwatch.store.text_codec import decode_text, encode_text

any_text = (
    st.text(st.characters(exclude_categories=["Cs"])) | st.text("\x00\x1b\x7f\\#!~␀␛␢\u29f5⎋␡ \n", max_size=12) | text
)


@given(any_text)
@example("#!~#!~#")
@example("\x1b␛\x7f␡")
def test_any_text_is_read_back_equal(text: str) -> None:
    assert decode_text(encode_text(text)) == text


@given(any_text)
@example("#!~#!~#")
def test_what_is_stored_has_nothing_that_influxdb_stumbles_over(text: str) -> None:
    code = encode_text(text)
    assert code
    assert not re.search(r"[\x00-\x1f\x7f\\]|#!~#", code)


@pytest.mark.parametrize("name", ["/api/v1/cart", "GET /order [id]", "Größe, 100 %", "購物車", "a~b #1!", '"quoted"'])
def test_ordinary_names_look_like_themselves(name: str) -> None:
    assert encode_text(name) == name


HOSTILE = [
    '") or true or ("',
    '" |> drop(columns: ["_value"]) |> filter(fn: (r) => r.run == "',
    "${run}",
    "\\${run}",
    '\\"',
    "\\",
    "\n|> yield()",
    "",
    "// comment",
]


@given(any_text | st.sampled_from(HOSTILE), any_text | st.sampled_from(HOSTILE))
def test_a_name_changes_nothing_of_a_question_but_the_name(run: str, service: str) -> None:
    def question(run: str, service: str) -> str:
        selection = Selection("raw", "requests", ("count",), {"run": (run,), "service": (service,)}, Span(0, 1))
        return re.sub(r'"(?:[^"\\$\n]|\\x[0-9a-f]{2})*"', "TEXT", selection.query(("_time",)))

    assert question(run, service) == question("run", "service")


@given(any_text)
def test_a_literal_has_no_quote_backslash_or_dollar_but_as_a_code(text: str) -> None:
    assert re.fullmatch(r'"(?:[^"\\$\x00-\x1f]|\\x[0-9a-f]{2})*"', literal(text), re.DOTALL)


@given(st.integers(EARLIEST, LATEST))
def test_a_moment_comes_back_as_near_as_a_number_of_seconds_can_say(moment: int) -> None:
    seconds = from_nanoseconds(moment)
    if EARLIEST < seconds * 1e9 < LATEST:
        assert from_nanoseconds(to_nanoseconds(seconds)) == seconds


@given(st.integers(0, 9_000_000_000_000_000))
def test_microseconds_are_kept_exactly(microseconds: int) -> None:
    assert to_nanoseconds(microseconds / 1e6) == pytest.approx(microseconds * 1_000, abs=1_000)
    assert from_nanoseconds(to_nanoseconds(microseconds / 1e6)) == microseconds / 1e6


@pytest.mark.parametrize(
    ("answer", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.9Z", -100_000_000),
        ("2026-11-23T02:00:00.25Z", 1_795_399_200_250_000_000),
    ],
)
def test_moments_are_read_as_flux_writes_them(answer: str, moment: int) -> None:
    assert parse_moment(answer) == moment


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e10, -1e10])
def test_a_time_that_influxdb_does_not_know_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="no time that InfluxDB knows"):
        to_nanoseconds(seconds)
