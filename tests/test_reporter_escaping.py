"""Escaping: whatever a text says, its Markdown says it and does nothing else."""

import re
from html import unescape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from soakwatch.reporter.escaping import Markdown, clean, code, escape, sentence, shorten

MARKUP = st.text(st.sampled_from("|`\\\n\r\"'<>!-@#0123:/w.gGhH_*~[]()&;$ \t\u200b\u202e\ud800aé🚀"), max_size=200)
ANY = st.one_of(st.text(st.characters(), max_size=300), MARKUP)


def rendered(markdown: str) -> str:
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))


def cell(markdown: str) -> list[str]:
    html = rendered(f"| a | b |\n|---|---|\n| {markdown} | end |\n")
    assert html.count("<tr>") == 2
    return re.findall(r"<td>(.*?)</td>", html, re.DOTALL)


@settings(deadline=None)
@given(ANY)
@example("\\|")
@example("a\n\n| x | y |")
@example("`|`")
def test_any_text_stays_in_its_cell_and_reads_as_itself(text: str) -> None:
    cells = cell(code(text))
    assert len(cells) == 2
    shown = unescape(re.sub(r"</?code>", "", cells[0])).replace("\u200b", "")
    assert shown == (shorten(clean(text)) or "(empty)")


@settings(deadline=None)
@given(ANY)
def test_plain_text_reads_as_itself_too(text: str) -> None:
    shown = unescape(cell(escape(text))[0]).replace("\u200b", "")
    assert shown.strip() == shorten(clean(text)).strip()


@settings(deadline=None)
@given(ANY)
def test_an_escaped_text_is_one_line_without_pipes_or_tags(text: str) -> None:
    for written in (escape(text), code(text).removeprefix("<code>").removesuffix("</code>"), sentence(text)):
        assert not re.search(r"[|<>`\\*\[\]~]", written)
        assert len(written.splitlines()) <= 1


@settings(deadline=None)
@given(ANY)
@example("@octocat")
@example("mail@example.com")
@example("#12 GH-12 gh-12 o/r#12")
@example("https://github.com/o/r/issues/1 www.github.com")
def test_neither_mentions_nor_issues_nor_addresses_survive(text: str) -> None:
    for written in (escape(text), code(text)):
        assert not re.search(r"@[\w-]|#\d|gh-\d|://|www\.", unescape(written), re.IGNORECASE)


@settings(deadline=None)
@given(ANY)
def test_escaped_text_is_valid_unicode(text: str) -> None:
    code(text).encode()


@settings(deadline=None)
@given(ANY, st.integers(12, 200))
def test_a_shortened_text_keeps_its_ends_and_is_no_longer_than_asked(text: str, longest: int) -> None:
    short = shorten(text, longest)
    assert len(short) <= longest
    assert short == text or (short[:4] == text[:4] and short[-4:] == text[-4:] and "…" in short)


@pytest.mark.parametrize(
    "text", ["rag_service POST /rag/query", "service: /path?page=1&size=2"[:20], "+203 % (+180 %)"]
)
def test_ordinary_names_and_numbers_read_well_in_the_source(text: str) -> None:
    assert escape(text) == text


def test_text_that_reorders_or_hides_is_made_visible() -> None:
    assert clean("a\u202eb\u200bc\x00d") == "a\ufffdb\ufffdc\ufffdd"


def test_line_breaks_of_any_kind_become_one_space() -> None:
    assert clean(" a\r\n\u2028b\tc ") == "a b c"


def test_emoji_that_are_joined_stay_joined() -> None:
    assert clean("👩\u200d🚀") == "👩\u200d🚀"


def test_markdown_is_not_escaped_twice() -> None:
    assert escape(Markdown("**b**")) == "**b**"


def test_an_empty_name_is_seen() -> None:
    assert code(" \n") == "<code>(empty)</code>"
