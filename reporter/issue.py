"""The draft of an issue: what GitHub would be asked to file about the regressions of a comparison.

Filing it takes one request with this payload; nothing here knows how to send it.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from soakwatch.core.numbers import format_effect, format_value
from soakwatch.core.verdict import Severity, Verdict
from soakwatch.reporter.fitting import fit
from soakwatch.reporter.labels import LONGEST_LABEL, MOST_LABELS, OURS, distinct, service_label, severity_label
from soakwatch.reporter.plain_titles import LONGEST_TITLE, title_of, without_mentions
from soakwatch.reporter.ranking import headlines
from soakwatch.reporter.read_back import comparison_of
from soakwatch.reporter.room import LONGEST_BODY, units
from soakwatch.reporter.subject import subject
from soakwatch.reporter.summary import metric_name
from soakwatch.reporter.verdicts_json import VerdictsDocument


class IssueDraft(BaseModel):
    """An issue about a regression: the payload of GitHub's `POST /repos/{owner}/{repo}/issues`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1, max_length=LONGEST_TITLE, description="one line of plain text")
    body: str = Field(max_length=LONGEST_BODY, description="GitHub-flavoured Markdown")
    labels: tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)], ...] = Field(
        max_length=MOST_LABELS, description="soakwatch, the severity, and each service with a regression"
    )


def draft_issue(document: VerdictsDocument, markdown: str) -> IssueDraft | None:
    """Draft the issue about what `document` says regressed, with the report `markdown` as its body.

    None when nothing regressed. A report that is too long loses what matters least, and says so.
    """
    worst = headlines(comparison_of(document).verdicts)
    if not worst:
        return None
    body = fit(without_mentions(markdown), LONGEST_BODY, units)
    return IssueDraft(title=_title(worst), body=body, labels=_labels(worst))


def _title(worst: Sequence[Verdict]) -> str:
    first, more = worst[0], len(worst) - 1
    severity = f" ({first.severity.value})" if first.severity is not Severity.NONE else ""
    others = f", and {more:,} more" if more else ""
    return title_of(f"{metric_name(first.metric)} of {subject(first.series)} {_how_much(first)}{severity}{others}")


def _how_much(verdict: Verdict) -> str:
    current = format_value(verdict.metric, verdict.current)
    if verdict.is_objective:
        return f"{current}, its objective is below {format_value(verdict.metric, verdict.baseline)}"
    if verdict.effect is None:
        return f"{format_value(verdict.metric, verdict.baseline)} -> {current}"
    # the interval behind it is for the report; a title is read in a list
    return format_effect(verdict.metric, verdict.effect).partition(" (")[0]


def _labels(worst: Sequence[Verdict]) -> tuple[str, ...]:
    critical = any(verdict.severity is Severity.CRITICAL for verdict in worst)
    services = dict.fromkeys(verdict.series.service for verdict in worst)
    severity = severity_label(Severity.CRITICAL if critical else Severity.WARNING)
    return distinct([OURS, severity, *map(service_label, services)])
