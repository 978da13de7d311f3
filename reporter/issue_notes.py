"""Comments: what a person should look at again, in a sentence or two."""

from collections.abc import Callable, Mapping, Sequence

from soakwatch.core.alert import Alert
from soakwatch.core.incident import Incident
from soakwatch.core.verdict import Comparison
from soakwatch.reporter.case import Case, Regressions, digest
from soakwatch.reporter.escaping import Markdown, clean, code, sentence
from soakwatch.reporter.incident_words import alert_words, ended, headline, lasted, minute, named, was_lost
from soakwatch.reporter.issue_changes import News, Note
from soakwatch.reporter.issue_marker import note_marker
from soakwatch.reporter.labels import ACCEPT
from soakwatch.reporter.read_back import comparison_of
from soakwatch.reporter.room import first_that_fits
from soakwatch.reporter.summary import summarise

_MOST_NAMED, _FEWEST_NAMED = 10, 3


def note_text(case: Case, note: Note) -> str:
    """The comment, with the marker by which it is found again."""
    return f"{_says(case, note)}\n\n{note_marker(case.fingerprint, note.key)}"


def _says(case: Case, note: Note) -> str:
    writers: Mapping[News, Callable[[], str]] = {
        News.CRITICAL: lambda: f"This has become **critical**. {sentence_on(case)}",
        News.SPREAD: lambda: _spread(case, note),
        News.RECOVERED: lambda: _recovered(case),
        News.ACCEPTED: lambda: f"Accepted: the new level is what is normal from now on.{_reason(case)}",
        News.NO_HELP: lambda: f"This was closed as completed, but goes on, so it is open again. {sentence_on(case)}",
        News.SILENCE_OVER: lambda: f"The silence that was asked for is over, and this goes on. {sentence_on(case)}",
        News.UNACCEPTABLE: lambda: _unacceptable(case),
    }
    return writers[note.news]()


def sentence_on(case: Case) -> Markdown:
    """What it is about, in a sentence that stands alone."""
    match case.subject:
        case Incident():
            return headline(case.subject)
        case Alert():
            return alert_headline(case.subject)
        case Regressions():
            return summarise(comparison_of(case.subject.document))
        case members:
            open_ = [one for one in members if one.is_open]
            first = sentence_on(open_[0] if open_ else members[0])
            more = f" And {len(open_) - 1:,} more." if len(open_) > 1 else ""
            return Markdown(f"{first}{more}")


def alert_headline(alert: Alert) -> Markdown:
    """What Grafana says of an alert, in a sentence."""
    says = f": {sentence(alert.summary)}" if clean(alert.summary) else "."
    return Markdown(f"**{alert_words(alert)}**{says}")


def _spread(case: Case, note: Note) -> str:
    match case.subject:
        case Incident():
            joined = {
                one.series
                for one in case.subject.findings
                if digest(one.series.test, one.series.service, one.series.method, one.series.endpoint) in note.parts
            }
            return f"This has spread to {named(joined)}. {sentence_on(case)}"
        case Regressions():
            return f"The last run has more regressions than those before. {sentence_on(case)}"
        case Alert():
            return str(sentence_on(case))
        case members:
            among = [one for one in members if one.fingerprint in note.parts]
            return first_that_fits(_joined(among, most) for most in (_MOST_NAMED, _FEWEST_NAMED))


def _joined(members: Sequence[Case], most: int) -> str:
    names = "\n".join(f"- {sentence_on(one)}" for one in members[:most])
    more = f"\n- and {len(members) - most:,} more" if len(members) > most else ""
    return f"There are more of them:\n\n{names}{more}"


def _recovered(case: Case) -> str:
    match case.subject:
        case Incident() if was_lost(case.subject):
            return "Over: nobody measures any of this any more, so nothing can be told of it."
        case Incident():
            since = minute(ended(case.subject))
            return f"Recovered: all is normal again since {since} UTC. It lasted {lasted(case.subject)}."
        case Alert():
            until = case.subject.ended or case.subject.started
            return f"Resolved: Grafana's alert {code(case.subject.name)} ended at {minute(until)} UTC."
        case Regressions():
            return f"Recovered: {_run_of(comparison_of(case.subject.document))} shows no regression any more."
        case _:
            return "All of these are over."


def _run_of(comparison: Comparison) -> str:
    return f"run {code(comparison.current.id)}"


def _reason(case: Case) -> str:
    match case.subject:
        case Incident() if case.subject.ruling is not None:
            return f" Why: {sentence(case.subject.ruling.reason)}"
        case _:
            return ""


def _unacceptable(case: Case) -> str:
    match case.subject:
        case Incident():
            why = "silence has no level that could become normal. Close this as not planned to hear no more of it"
        case Alert():
            why = "what is normal for an alert is in its rule in Grafana. Change it there, or close this as not planned"
        case Regressions():
            why = "what is normal for a comparison is its baseline file. Pin a new one with `soakwatch baseline pin`"
        case _:
            why = "none of these has a level that could become normal. Close this as not planned to hear no more of it"
    return f"This cannot be accepted: {why}. The label `{ACCEPT}` was taken off again."
