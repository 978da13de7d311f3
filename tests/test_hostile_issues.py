"""Issues and comments about hostile names: the same pages as about harmless ones, and nothing on them that acts."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from itertools import product

import pytest
from hostile_names import HOSTILE
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from incident_stories import (
    HOUR,
    NOON,
    NOW,
    PLACES,
    Words,
    alert,
    case,
    cases,
    creeping,
    evidence,
    failing,
    growths,
    incident,
    not_begun,
    recovered,
    ruling,
    run,
    series,
    silent,
    slower,
)
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_page import MARKDOWN, Page

from soakwatch.core.incident import Incident, RulingKind, State
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.core.verdict import Comparison, Decision, Effect, Metric, Severity, Verdict
from soakwatch.reporter.alert_case import case_of_alert
from soakwatch.reporter.case import Case, Regressions
from soakwatch.reporter.escaping import clean
from soakwatch.reporter.evidence import Evidence
from soakwatch.reporter.incident_issue import IncidentPage
from soakwatch.reporter.issue_changes import News, Note
from soakwatch.reporter.issue_marker import Marker, Told, noted_in, read_marker, without_marker
from soakwatch.reporter.issue_notes import note_text
from soakwatch.reporter.issue_sync import first_marker
from soakwatch.reporter.labels import LONGEST_LABEL
from soakwatch.reporter.markdown import render_markdown
from soakwatch.reporter.other_pages import alert_body, report_body, summary_body
from soakwatch.reporter.page_links import commands_of, load_command
from soakwatch.reporter.pages import marked
from soakwatch.reporter.report_case import case_of_report
from soakwatch.reporter.room import units
from soakwatch.reporter.summary_case import summary_of
from soakwatch.reporter.verdicts_json import verdicts_document

AFTER = 7_777
FORGED = "<!-- soakwatch:issue:1 fingerprint=bad about=b told=over critical=1 gist=b text=b joined=1 written=1 parts= "
FORGED += "members= after=1 -->"
FORGED_NOTE = "<!-- soakwatch:note:1 fingerprint=bad key=recovered -->"

WORST = (
    *HOSTILE,
    "@everyone",
    "@a-team/b",
    "#1",
    "gh-1",
    "-->",
    FORGED,
    f"\n\n{FORGED}\n",
    FORGED_NOTE,
    f"x\n{FORGED_NOTE}",
    "](http://x)",
    "[y](http://x)",
    "![x](y)",
    "<http://x>",
    "$(rm -r .)",
    "'; rm -r . #",
    "```\nrm\n```",
    "`rm`",
    "!rm",
    "\\",
    "\n- [ ] task\n> [!NOTE]\n",
    "</code></details>",
    "\u202e\u2066\u200f\ud800\udfff\x1b[31m",
    "\u2028\x85\x0c",
    ",",
    "a,b,",
    "|" * 10_000,
    "@" * 10_000,
    "https://" * 1_500,
    "\U0001f680" * 10_000,
    "http://x/`|",
    "https://x/)[y](z)",
    "javascript:alert(1)",
    "-r",
)

MARKUP = "|`\\\n<>!-@#1:/w.gGhH_*~[]()&; "
anything = st.one_of(
    st.sampled_from(WORST),
    st.text(st.characters(), max_size=60),
    st.text(MARKUP, max_size=60),
)
hostile_words = st.builds(Words, **{field.name: anything for field in fields(Words)})


def all_called(text: str) -> Words:
    """Everything has the same name."""
    return Words(**{field.name: text for field in fields(Words)})


def pages(words: Words) -> Mapping[str, Case]:
    """A case of each kind."""
    members = cases([incident(words), failing(words), recovered(words), silent(words), not_begun(words)])
    return {
        "incident": case(incident(words)),
        "errors": case(failing(words)),
        "recovered": case(recovered(words)),
        "silent": case(silent(words)),
        "not begun": case(not_begun(words)),
        "creeping": case(creeping(words)),
        "accepted": case(accepted(words)),
        "ignored": case(ignored(words)),
        "alert": case_of_alert(alert(words)),
        "resolved": case_of_alert(alert(words, ended=NOW)),
        "summary": summary_of([*members, case_of_alert(alert(words))]),
    }


def accepted(words: Words) -> Incident:
    return incident(words, state=State.RESOLVED, resolved=NOON + HOUR, ruling=ruling(RulingKind.ACCEPT, words))


def ignored(words: Words) -> Incident:
    return incident(words, ruling=ruling(RulingKind.IGNORE, words))


def body_of(of: Case, words: Words) -> str:
    match of.subject:
        case Incident():
            known = evidence(words, errors=growths(words))
            return IncidentPage(of.subject, known, PLACES, [alert(words)], AFTER).body()
        case tuple():
            return summary_body(of.subject)
        case _:
            ended = None if of.is_open else NOW
            return alert_body(alert(words, ended=ended), AFTER)


def texts(words: Words) -> Iterator[tuple[str, str]]:
    """Bodies with their markers, and every comment that there can be, by what they are."""
    for name, of in pages(words).items():
        yield name, marked(body_of(of, words), first_marker(of, NOW, AFTER))[0]
        for news in News:
            yield f"{news} on {name}", note_text(of, Note(news, str(news), of.parts))


def harmless_like(words: Words) -> Words:
    """Harmless words where there are any; what is empty leaves parts of a page out, and so it is empty here, too."""
    said = asdict(words)
    return Words(**{name: f"some-{name}" if clean(text) else text for name, text in said.items()})


def structure(markdown: str) -> list[tuple[str, ...]]:
    """What a page consists of, without the words between."""
    return [part for token in MARKDOWN.parse(markdown) for part in _parts(token)]


def _parts(token: Token) -> Iterator[tuple[str, ...]]:
    if token.type == "fence":
        lines = token.content.splitlines()
        yield ("fence", token.info, str(len(lines)), token.content if token.info == "mermaid" else "")
    elif token.type in {"html_block", "html_inline"}:
        shown = without_marker(token.content) if "soakwatch:" in token.content else token.content
        yield (token.type, re.sub(r"<!-- soakwatch:note.*-->", "", shown))
    elif token.children is not None:
        yield (token.type,)
        yield from (part for child in token.children if child.type != "text" for part in _parts(child))
    else:
        yield (token.type, token.tag)


def is_comparable(words: Words) -> bool:
    """Whether no name says of itself that it stands for all, and no commit or address is one that can be linked."""
    wild = WHOLE_SERVICE in {words.service, words.method, words.endpoint}
    commits = any(re.fullmatch("[0-9a-fA-F]{7,40}", one) for one in (words.commit, words.replaced))
    return not wild and not commits and not words.address.startswith("http")


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(hostile_words)
@example(all_called(FORGED))
@example(all_called("@octocat #1 GH-1\n\n# h | x"))
@example(all_called(""))
@example(all_called("\n"))
@example(all_called("- [ ] x"))
@example(all_called("1. x"))
@example(all_called("---"))
def test_pages_with_hostile_names_are_built_as_those_with_harmless_ones(words: Words) -> None:
    assume(is_comparable(words))
    harmless = dict(texts(harmless_like(words)))
    for name, text in texts(words):
        if "Left out" not in text:
            assert structure(text) == structure(harmless[name]), name


REFERENCE = re.compile(r"#\d|\bgh-\d|@\w|://|www\.", re.IGNORECASE)
"""What GitHub makes something of in plain text."""


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_words)
@example(all_called("@octocat #1 GH-1 www.x.y http://x.y"))
def test_nobody_is_mentioned_and_nothing_referred_to_but_by_us(words: Words) -> None:
    for name, text in texts(words):
        page = Page(text)
        assert not REFERENCE.findall(page.prose.replace(f"#{AFTER}.", "")), name
        assert all(link.startswith((*OUR_LINKS, words.address or "no address")) for link in page.links), name


OUR_LINKS = (f"{PLACES.grafana}/d/soakwatch-service?", f"{PLACES.repository}/compare/")


@settings(deadline=None)
@given(anything)
@example("https://grafana.example.com/d/rag?orgId=1&viewPanel=2")
@example("https://x/)[y](http://z)")
@example('https://x/ "title"')
def test_an_address_of_an_alert_is_a_link_to_nowhere_else_or_none(address: str) -> None:
    made = Page(alert_body(alert(Words(address=address))))
    assert set(made.links) <= {address}
    assert set(made.tags) <= {"p", "strong", "code", "em", "ul", "li", "a", "h2"} | TABLE


TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_words, st.booleans())
@example(all_called(FORGED), True)
@example(all_called(f"\n{FORGED}\n"), False)
def test_a_marker_reads_back_as_it_was_written_and_no_name_is_one(words: Words, by_people: bool) -> None:
    for of in pages(words).values():
        body = body_of(of, words)
        text, marker = marked(body, first_marker(of, NOW, AFTER))
        before, seen = (page.replace("\n", "\r\n") if by_people else page for page in (body, text))
        assert read_marker(seen) == marker
        assert read_marker(before) is None
        assert without_marker(seen) == before.rstrip()
        assert len(Page(text).comments) == 1


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_words)
@example(all_called(FORGED_NOTE))
def test_a_comment_is_known_by_its_key_and_no_name_gives_it_another(words: Words) -> None:
    for of in pages(words).values():
        for news in News:
            text = note_text(of, Note(news, f"{news}-1", of.parts))
            assert noted_in(text) == (of.fingerprint, f"{news}-1")
            assert noted_in(text.rpartition("\n")[0]) is None
            assert read_marker(text) is None
            assert units(text) < 65_536


@settings(deadline=None)
@given(hostile_words)
@example(all_called(""))
@example(all_called("a, b,"))
def test_titles_and_labels_are_what_github_takes(words: Words) -> None:
    for of in pages(words).values():
        assert 1 <= len(of.title) <= 256
        assert of.title == " ".join(of.title.split())
        assert not re.search(r"@\w", of.title)
        of.title.encode()
        for label in of.labels:
            assert 1 <= len(label) <= LONGEST_LABEL
            assert "," not in label
            assert label == " ".join(label.split())
            label.encode()


@settings(deadline=None)
@given(hostile_words)
@example(Words(run="```\nrm -r .", host="$(rm)", test="`rm`", environment="'; rm #", locustfile="a'b\nc"))
def test_every_line_for_a_shell_is_one_command_of_ours_with_names_as_words(words: Words) -> None:
    shown = [shlex.split(line) for line in commands_of(incident(words), run(words))]
    assert [line[:3] for line in shown] == [["soakwatch", "incidents", "show"], ["soakwatch", "runs", "show"]]
    assert [len(line) for line in shown] == [4, 4]
    load = shlex.split(load_command(run(words)))
    assert load[:3] == ["soakwatch", "run", "--"]
    assert len(load) == 12 + 2 * bool(words.locustfile) + 2 * bool(words.host) + 2
    blocks = [token for token in MARKDOWN.parse(body_of(case(incident(words)), words)) if token.info == "shell"]
    assert [len(block.content.splitlines()) for block in blocks] == [2, 1]


LONG = ("|", "@", "\U0001f680", "\ud800", "&", "x", "`", "'", "#1")


@pytest.mark.parametrize(("letter", "count"), [*product(LONG, (1, 40)), ("|", 500), ("@", 500)])
def test_a_page_fits_whatever_is_on_it_keeps_the_worst_and_says_what_is_left_out(letter: str, count: int) -> None:
    words = all_called(letter * 10_000)
    names = [
        replace(series(words, f"{number} {letter * 10_000}"), test=f"{number} {letter * 1_000}")
        for number in range(count)
    ]
    rows = [slower(name, 0.1 + number / 100) for number, name in enumerate(names)]
    of = case(incident(words, *rows, ruling=ruling(RulingKind.IGNORE, words)))
    assert isinstance(of.subject, Incident)
    known = evidence(words, errors=growths(words) * 10)
    body = IncidentPage(of.subject, known, PLACES, [alert(words)] * 100, AFTER).body()
    text, marker = marked(body, first_marker(of, NOW, AFTER))
    assert units(text) < 65_536
    assert read_marker(text) == marker
    table = next(line for line in body.splitlines() if f"{10.0 + count - 1:+.0f} %" in line and line.startswith("|"))
    assert table == next(line for line in body.splitlines()[2:] if line.startswith(ROWS))
    shown = sum(line.startswith(ROWS) for line in body.splitlines())
    assert (f"Left out for lack of room: {count - shown} row" in body) == (shown < count)
    assert ("```mermaid" in body) == ("the chart" not in body)
    assert body.count("## What you can do") == 1


ROWS = ("| warning", "| **critical")


def test_what_is_left_out_of_a_large_incident_is_counted() -> None:
    rows = [slower(series(endpoint=f"/items/{number}"), 0.1 + number / 1_000) for number in range(500)]
    body = IncidentPage(incident(Words(), *rows), Evidence(NOW), PLACES).body()
    shown = sum(line.startswith(ROWS) for line in body.splitlines())
    assert 100 <= shown < 500
    assert f"_Left out for lack of room: {500 - shown} rows of the table." in body
    assert f"<summary>{shown - 10} more</summary>" in body


@pytest.mark.parametrize(("letter", "count"), [*product(LONG, (1, 12)), ("|", 500), ("@", 500)])
def test_a_summary_and_an_alert_fit_whatever_they_say(letter: str, count: int) -> None:
    words = all_called(letter * 10_000)
    told = alert(words, labels=((words.label, words.label),) * 100)
    members = [case_of_alert(replace(told, fingerprint=str(number))) for number in range(count)]
    of = summary_of(members)
    note = note_text(of, Note(News.SPREAD, "spread", of.parts))
    bodies = [summary_body(members), alert_body(told, AFTER)]
    for body in bodies:
        assert units(marked(body, first_marker(of, NOW))[0]) < 65_536
        assert body.count("## What you can do") == 1
    assert units(note) < 65_536


def report_on(words: Words) -> Case:
    """A comparison of two runs in which one endpoint got slower and began to fail."""
    now = replace(run(words), version=words.version, commit=words.commit)
    effect = Effect(0.41, 0.35, 0.48)
    slow = Verdict(
        series(words), Metric.P95, Decision.REGRESSED, Severity.WARNING, 1_320.0, 1_861.0, effect, 1e-6, words.reason
    )
    comparison = Comparison([replace(now, id="before")], now, [slow], list(growths(words)))
    made = case_of_report(verdicts_document(comparison), render_markdown(comparison))
    assert made is not None
    return made


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_words)
@example(all_called(FORGED))
@example(all_called("@octocat #1 GH-1 www.x.y http://x.y"))
@example(all_called("@" * 10_000))
def test_the_issue_of_a_comparison_is_as_harmless_as_its_report(words: Words) -> None:
    of = report_on(words)
    assert isinstance(of.subject, Regressions)
    text, marker = marked(report_body(of.subject, AFTER), first_marker(of, NOW, AFTER))
    assert units(text) < 65_536
    assert read_marker(text) == marker
    assert len(Page(text).comments) == 1 + ("soakwatch:verdicts:" in text)
    notes = [note_text(of, Note(news, str(news), of.parts)) for news in News]
    assert [noted_in(note) for note in notes] == [(of.fingerprint, str(news)) for news in News]
    for page in map(Page, [text, *notes]):
        assert not REFERENCE.findall(page.prose.replace(f"#{AFTER}.", ""))
        assert page.links == []


MARKERS = st.builds(
    Marker,
    fingerprint=st.from_regex("[0-9a-gs]{12,18}", fullmatch=True),
    about=st.from_regex("[0-9a-f]{8}", fullmatch=True),
    told=st.sampled_from(Told),
    critical=st.booleans(),
    gist=st.from_regex("[0-9a-f]{8}", fullmatch=True),
    text=st.from_regex("([0-9a-f]{8})?", fullmatch=True),
    joined=st.integers(0, 2**40),
    written=st.integers(0, 2**40),
    parts=st.frozensets(st.from_regex("[0-9a-f]{8}", fullmatch=True), max_size=20),
    members=st.frozensets(st.from_regex("[0-9a-f]{12}", fullmatch=True), max_size=20),
    after=st.integers(0, 10**9),
)


@settings(deadline=None)
@given(MARKERS, st.text(max_size=200))
def test_any_marker_reads_back_from_under_any_page(marker: Marker, page: str) -> None:
    text, known = marked(page, marker)
    assert read_marker(text) == known
    assert MarkdownIt().render(str(marker)).strip() == str(marker)
