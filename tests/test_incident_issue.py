"""Issues and their comments: golden files of what people get to read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from golden_files import assert_golden
from incident_stories import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    NOW,
    PLACES,
    WORDS,
    Words,
    alert,
    case,
    cases,
    course,
    creeping,
    deploys,
    evidence,
    failing,
    growths,
    incident,
    not_begun,
    recovered,
    ruling,
    series,
    silent,
    slower,
)

from soakwatch.core.alert import Alert
from soakwatch.core.incident import Incident, RulingKind, State
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.reporter.alert_case import case_of_alert
from soakwatch.reporter.case import Case
from soakwatch.reporter.evidence import Evidence
from soakwatch.reporter.incident_issue import IncidentPage
from soakwatch.reporter.issue_changes import News, Note
from soakwatch.reporter.issue_notes import note_text
from soakwatch.reporter.issue_sync import first_marker
from soakwatch.reporter.other_pages import alert_body, summary_body
from soakwatch.reporter.pages import marked
from soakwatch.reporter.summary_case import summary_of


@dataclass(frozen=True, slots=True)
class Story:
    """An issue, and what was said of it since."""

    case: Case
    body: str
    comments: Sequence[Note] = ()
    after: int = 0

    def __str__(self) -> str:
        """As somebody reads it who opens it on GitHub, with what is hidden there."""
        body, _ = marked(self.body, first_marker(self.case, NOW, self.after))
        labels = " ".join(f"`{label}`" for label in self.case.labels)
        comments = [note_text(self.case, note) + "\n" for note in self.comments]
        return "\n---\n\n".join([f"# {self.case.title}\n\n{labels}\n", body, *comments])


def story(of: Incident, known: Evidence, *news: News, alerts: Sequence[Alert] = (), after: int = 0) -> Story:
    told = case(of)
    joined = case(replace(of, findings=of.findings[-1:])).parts
    notes = [Note(one, str(one), joined) for one in news]
    return Story(told, IncidentPage(of, known, PLACES, alerts, after).body(), notes, after)


def one_series() -> Story:
    return story(incident(), evidence(), News.NO_HELP, after=17)


PAGES = ("documents", "passages", "answers", "sources", "feedback", "sessions", "prompts", "embeddings")


def forty_series() -> Story:
    names = [f"/{page}/{what}" for page in PAGES for what in ("search", "list", "{id}", "{id}/similar", "count")]
    slow = [slower(series(endpoint=name), 0.12 + index * 0.017, 40.0 + index) for index, name in enumerate(names)]
    worst = incident(WORDS, *slow)
    chart = course(slow[-1].series, normal=79.0, change=0.783)
    return story(worst, evidence(course=chart), News.CRITICAL)


def errors() -> Story:
    chart = course(series(), Metric.ERROR_RATE, 0.0003, 170.0)
    return story(failing(), evidence(course=chart, errors=growths()))


def spreading() -> Story:
    more = [slower(series(endpoint=name), change, 310.0) for name, change in (("/ingest", 0.28), ("/sources", 0.17))]
    back = slower(series(endpoint="/feedback"), 0.22, 95.0, recovered=NOON + 70 * MINUTE)
    return story(incident(WORDS, back, slower(series()), *more), evidence(), News.SPREAD)


def accepted() -> Story:
    made = incident(state=State.RESOLVED, resolved=NOON + 61 * MINUTE, ruling=ruling(RulingKind.ACCEPT))
    return story(made, evidence(), News.ACCEPTED)


def ignored() -> Story:
    made = incident(ruling=ruling(RulingKind.IGNORE, until=NOON + 7 * DAY))
    return story(made, evidence(), News.SILENCE_OVER, alerts=[alert(), alert(ended=NOON + HOUR)])


def creep() -> Story:
    moments = [NOON - 10 * DAY + hour * 6 * HOUR for hour in range(41)]
    values = [1_320.0 * (1 + 0.026 * max(0.0, (moment - NOON + 7 * DAY) / DAY)) for moment in moments]
    slow = replace(course(series()), moments=moments, values=values)
    return story(creeping(), evidence(course=slow, slowest=None, previous=None))


def no_data() -> Story:
    bare = Evidence(until=NOW, previous=deploys()[0])
    return story(silent(), bare, News.UNACCEPTABLE)


SERVICES = ("rag_service", "mcp_server", "api_gateway", "checkout", "search", "payments")


def summary() -> Story:
    slow = [incident(replace(WORDS, service=one, endpoint="/health"), deploy_after=None) for one in SERVICES]
    broken = [failing(Words(service=one, method="GET", endpoint="/items")) for one in SERVICES[:3]]
    others = [silent(Words(service="payments")), recovered(Words(service="search", endpoint="/suggest")), not_begun()]
    members = summary_of(cases([*slow, *broken, *others]))
    joined = frozenset(sorted(members.parts)[:2])
    assert isinstance(members.subject, tuple)
    return Story(members, summary_body(members.subject), [Note(News.SPREAD, "spread", joined)])


def grafana() -> Story:
    of = case_of_alert(alert())
    return Story(of, alert_body(alert(), 23), [Note(News.NO_HELP, "no-help")], 23)


def grafana_resolved() -> Story:
    over = alert(ended=NOON + 47 * MINUTE)
    return Story(case_of_alert(over), alert_body(over), [Note(News.RECOVERED, "recovered")])


def muted() -> Story:
    hour = Span(NOW - HOUR, NOW + HOUR)
    maintenance = Maintenance("staging", "rag_*", hour, "index <rebuild> for @ada", "ada|bob", "a1")
    of = incident()
    return Story(case(of), IncidentPage(of, evidence(), PLACES, maintenance=maintenance).body())


STORIES = {
    "muted": muted,
    "one-series": one_series,
    "forty-series": forty_series,
    "creep": creep,
    "errors": errors,
    "recovery": lambda: story(recovered(), evidence(), News.RECOVERED),
    "not-measured-any-more": lambda: story(
        incident(state=State.RESOLVED, resolved=NOON + 40 * DAY), Evidence(NOW), News.RECOVERED
    ),
    "spreading": spreading,
    "no-data": no_data,
    "test-not-begun": lambda: story(not_begun(), Evidence(until=NOW)),
    "accepted": accepted,
    "ignored": ignored,
    "summary": summary,
    "grafana": grafana,
    "grafana-resolved": grafana_resolved,
}


@pytest.mark.parametrize("name", STORIES)
def test_an_issue_reads_as_its_golden_file(name: str) -> None:
    assert_golden(f"issue-{name}.md", str(STORIES[name]()))
