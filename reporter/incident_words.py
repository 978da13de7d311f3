"""Words for incidents: sentences that stand alone, as Markdown; whatever is from outside is escaped in them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Shape, State, findings_worst_first
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.numbers import format_duration, format_effect, format_interval, format_size, format_value
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import QUANTILES, Effect, Metric
from soakwatch.reporter.escaping import Markdown, code, escape, sentence
from soakwatch.reporter.summary import metric_name, series_name

_A_MINUTE, _A_DAY = 60.0, 86_400.0
_DAYS_FROM = 2 * _A_DAY
_LONGEST_COMMIT = 12


def headline(incident: Incident, previous: Deploy | None = None) -> Markdown:
    """What, where, how much, since when and between which versions, in one sentence.

    `previous` is the deploy that the one before the onset replaced. What is over, or looks so, is told as past.
    """
    where = f"in {code(incident.environment)}"
    if incident.kind is Kind.NO_DATA and incident.service == WHOLE_SERVICE:
        return Markdown(f"**{_not_begun(incident)}** {where}, where it was due at {minute(incident.onset.start)} UTC.")
    what = _silence(incident) if incident.kind is Kind.NO_DATA else _change(incident)
    when = _when(incident, _after(incident, previous))
    return Markdown(f"**{what}** {where}, {when}.{_others(incident)}")


def _is_past(incident: Incident) -> bool:
    return incident.state in {State.RECOVERING, State.RESOLVED} and not incident.is_accepted


def _not_begun(incident: Incident) -> str:
    tests = sorted({finding.series.test for finding in incident.findings})
    return f"Test {', '.join(map(code, tests))} {'did not begin' if _is_past(incident) else 'has not begun'}"


def _silence(incident: Incident) -> str:
    finding = findings_worst_first(incident.findings)[0]
    gets, goes = ("got", "went") if _is_past(incident) else ("gets", "goes")
    usual = "" if finding.baseline is None else f" (usually {format_value(finding.metric, finding.baseline)})"
    test = code(finding.series.test)
    return f"{code(incident.service)} {gets} no requests any more{usual}, though test {test} {goes} on"


def _change(incident: Incident) -> str:
    finding, is_past = findings_worst_first(incident.findings)[0], _is_past(incident)
    subject = metric_of_series(finding.metric, finding.series)
    normal, now = (format_value(finding.metric, value) for value in (finding.baseline, finding.current))
    values = f"{'was' if is_past else 'is'} {now} instead of {normal}"
    if finding.shape is Shape.CREEP and finding.per_day is not None:
        creeps, by = ("crept", "at last") if is_past else ("creeps", "by now")
        between = _between(Metric.P50, finding.per_day)
        return f"{subject} {creeps} by {format_size(Metric.P50, finding.per_day)} a day ({between}), and {values} {by}"
    if finding.effect is None:
        return f"{subject} {values}"
    return f"{subject} {values} ({_effect(finding.metric, finding.effect)})"


def metric_of_series(metric: Metric, series: Series) -> Markdown:
    """What is measured and where, at the beginning of a sentence."""
    name = metric_name(metric)
    first = name if metric in QUANTILES else name.capitalize()
    return Markdown(f"{first} of {series_name(series)}")


def _effect(metric: Metric, effect: Effect) -> str:
    return f"{format_size(metric, effect)}, {_between(metric, effect)}"


def _between(metric: Metric, effect: Effect) -> str:
    return f"between {format_interval(metric, effect).replace(' to ', ' and ')}"


def _when(incident: Incident, after: str) -> str:
    onset = onset_words(incident.onset)
    sometime = "sometime " if onset.startswith("between") else ""
    if not _is_past(incident):
        return f"since {sometime}{onset}{after}"
    if was_lost(incident):
        return f"from {sometime}{onset} on{after}"
    return f"from {sometime}{onset}{after}{',' if after else ''} until {minute(ended(incident))} UTC"


def onset_words(onset: Span) -> str:
    """When it began, to the minute."""
    if onset.end - onset.start < _A_MINUTE or minute(onset.start) == minute(onset.end):
        return f"{minute(onset.start)} UTC"
    return f"between {from_to(onset, 'and')} UTC"


def _after(incident: Incident, previous: Deploy | None) -> str:
    deploy = incident.deploy_before
    if deploy is None:
        return ""
    gap = incident.onset.start - deploy.at
    began = f"{how_long(gap)} after" if gap > 0 else "about when"
    if not _is_versioned(deploy):
        return f", {began} {version_words(deploy)} was marked"
    if previous is None or not _is_versioned(previous):
        return f", {began} {version_words(deploy)} was deployed"
    return f", {began} {version_words(deploy)} replaced {version_words(previous)}"


def _is_versioned(deploy: Deploy) -> bool:
    return bool(deploy.version or deploy.commit)


def version_words(deploy: Deploy) -> Markdown:
    """A version and its commit, or what else was marked."""
    commit = f"({code(deploy.commit[:_LONGEST_COMMIT])})" if deploy.commit else ""
    version = code(deploy.version) if deploy.version else ""
    marked = f"“{escape(deploy.title)}”" if deploy.title else "something"
    return Markdown(" ".join(part for part in (version, commit) if part) or marked)


def _others(incident: Incident) -> str:
    findings = findings_worst_first(incident.findings)
    affected = {one.series for one in findings if one.recovered is None} or {one.series for one in findings}
    others = len(affected - {findings[0].series})
    if not others:
        return ""
    singular, plural = ("was", "were") if _is_past(incident) else ("is", "are")
    return f" {others:,} more series {singular if others == 1 else plural} affected."


def named(series: Iterable[Series], most: int = 10) -> Markdown:
    """The names of some series, and how many more there are."""
    names = sorted({series_name(one) for one in series})
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return Markdown(f"{', '.join(names[:most])}{more}")


def alert_words(alert: Alert) -> Markdown:
    """What an alert of Grafana does or did, and when."""
    name, began = code(alert.name), minute(alert.started)
    if alert.ended is None:
        return Markdown(f"Grafana's alert {name} fires since {began} UTC")
    return Markdown(f"Grafana's alert {name} fired from {began} until {minute(alert.ended)} UTC")


def maintenance_words(maintenance: Maintenance) -> Markdown:
    """That a service is being worked on, until when, by whom and why, and what that means."""
    what = "Muted" if maintenance.mute else "Maintenance"
    by = f" by {code(maintenance.by)}" if maintenance.by else ""
    until, why = minute(maintenance.span.end), sentence(maintenance.title)
    return Markdown(f"**{what}** until {until} UTC{by} ({why}): nothing is concluded meanwhile.")


def minute(moment: float) -> str:
    """A moment to the minute, in UTC."""
    return f"{datetime.fromtimestamp(max(0.0, moment), UTC):%Y-%m-%d %H:%M}"


def from_to(span: Span, to: str) -> str:
    """Both ends to the minute, in UTC, with the word `to` between them; the day is said once where it is the same."""
    first, last = minute(span.start), minute(span.end)
    same_day = first.split(" ")[0] == last.split(" ")[0]
    return f"{first} {to} {last.split(' ')[1] if same_day else last}"


def how_long(seconds: float) -> str:
    """A duration as people say it, in whole minutes, of which there is at least one; long ones in days."""
    if seconds >= _DAYS_FROM:
        return f"{seconds / _A_DAY:,.0f} days"
    return format_duration(max(1, round(seconds / _A_MINUTE)) * _A_MINUTE)


def change_words(finding: Finding) -> Markdown:
    """By how much, for a table."""
    if finding.per_day is not None:
        return escape(f"{format_effect(Metric.P50, finding.per_day)} a day")
    return escape(format_effect(finding.metric, finding.effect))


def was_lost(incident: Incident) -> bool:
    """Whether it is over because nobody measures it any more, and not because it was found to be normal."""
    is_over = incident.state is State.RESOLVED and not incident.is_accepted
    return is_over and all(finding.recovered is None for finding in incident.findings)


def ended(incident: Incident) -> float:
    """When what is over was last wrong, in seconds since the epoch."""
    return incident.recovering or incident.resolved or incident.onset.end


def lasted(incident: Incident) -> str:
    """How long what is over was wrong."""
    return how_long(ended(incident) - incident.onset.start)
