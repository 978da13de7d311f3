"""The draft of an issue: what GitHub would be asked to file about the regressions of a comparison.

Filing it takes one request with this payload; nothing here knows how to send it.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from soakwatch.core.numbers import format_effect, format_value
from soakwatch.core.verdict import Severity, Verdict
from soakwatch.reporter.escaping import clean, shorten
from soakwatch.reporter.fitting import fit
from soakwatch.reporter.ranking import headlines
from soakwatch.reporter.read_back import comparison_of
from soakwatch.reporter.subject import subject
from soakwatch.reporter.summary import metric_name
from soakwatch.reporter.verdicts_json import VerdictsDocument

LONGEST_TITLE = 255
LONGEST_BODY = 65_535
LONGEST_LABEL = 50
MOST_LABELS = 100
"""What GitHub takes, in characters and labels; of titles and bodies it takes one character more."""

_MARK_OF_THE_REST = 6
"""Hexadecimal digits that tell shortened labels apart."""

_ZERO_WIDTH_SPACE = "\u200b"
_AT = re.compile(r"(?:@|&#0*64;|&#x0*40;|&commat;)(?=[A-Za-z0-9]|&(?!#8203;))", re.IGNORECASE)
"""What could be a mention once the page is drawn. Our own reports hold none, but anybody may have edited one."""


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
    return IssueDraft(title=_title(worst), body=_body(markdown), labels=tuple(_labels(worst)))


def _title(worst: Sequence[Verdict]) -> str:
    first, more = worst[0], len(worst) - 1
    severity = f" ({first.severity.value})" if first.severity is not Severity.NONE else ""
    others = f", and {more:,} more" if more else ""
    title = f"{metric_name(first.metric)} of {subject(first.series)} {_how_much(first)}{severity}{others}"
    return _without_mentions(shorten(title, LONGEST_TITLE))[:LONGEST_TITLE]


def _how_much(verdict: Verdict) -> str:
    current = format_value(verdict.metric, verdict.current)
    if verdict.is_objective:
        return f"{current}, its objective is below {format_value(verdict.metric, verdict.baseline)}"
    if verdict.effect is None:
        return f"{format_value(verdict.metric, verdict.baseline)} -> {current}"
    # the interval behind it is for the report; a title is read in a list
    return format_effect(verdict.metric, verdict.effect).partition(" (")[0]


def _body(markdown: str) -> str:
    return fit(_without_mentions(markdown), LONGEST_BODY, _utf16_units)


def _without_mentions(text: str) -> str:
    return _AT.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", text)


def _utf16_units(text: str) -> int:
    """Characters as whoever counts most of them counts: one beyond the basic plane as two."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _labels(worst: Sequence[Verdict]) -> Iterable[str]:
    severity = "critical" if any(verdict.severity is Severity.CRITICAL for verdict in worst) else "warning"
    services = dict.fromkeys(verdict.series.service for verdict in worst)
    labels = ["soakwatch", f"severity: {severity}", *map(_service_label, services)]
    distinct: dict[str, str] = {}
    for label in labels:
        distinct.setdefault(label.casefold(), label)  # GitHub takes labels that differ only in case for one
    return list(distinct.values())[:MOST_LABELS]


def _service_label(service: str) -> str:
    # GitHub's API separates the labels that it is asked for by commas
    label = f"service: {clean(service).replace(',', ' ') or '(empty)'}"
    if len(label) <= LONGEST_LABEL:
        return label
    mark = hashlib.sha256(service.encode(errors="replace")).hexdigest()[:_MARK_OF_THE_REST]
    return f"{label[: LONGEST_LABEL - _MARK_OF_THE_REST - 1]}…{mark}"
