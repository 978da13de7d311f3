"""Bodies of issues that are about no incident of their own: Grafana's alerts, summaries, comparisons."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soakwatch.core.alert import Alert
from soakwatch.reporter.case import Case, Regressions, Stage
from soakwatch.reporter.escaping import LONGEST_SENTENCE, Markdown, sentence
from soakwatch.reporter.fitting import fit
from soakwatch.reporter.issue_notes import alert_headline, sentence_on
from soakwatch.reporter.markdown_templates import markdown_template
from soakwatch.reporter.plain_titles import without_mentions
from soakwatch.reporter.room import ROOM_BESIDE_MARKER, first_that_fits, units

_LABELS = (40, 12, 4)
_ROWS = (200, 80, 20, 5, 2)
"""How many there are of each, from all that anybody reads to what fits whatever they say."""

_MOST_ENVIRONMENTS = 3
_LONGEST_ADDRESS = 2_000
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%/?&=:,;+$!*-]*)?")
"""Addresses that can end no link of Markdown and hold no mark-up; others are left out."""


@dataclass(frozen=True, slots=True)
class _Row:
    severity: Markdown
    stands: str
    what: Markdown
    fingerprint: str


def alert_body(alert: Alert, after: int = 0) -> str:
    """The page of an alert; `after` is the number of the issue that was on it before, or 0."""
    return first_that_fits(_alert(alert, after, most) for most in _LABELS)


def _alert(alert: Alert, after: int, most: int) -> str:
    return markdown_template("alert_issue.md.j2").render(
        headline=alert_headline(alert),
        after=Markdown(str(after)) if after else "",
        description=sentence(alert.description[: 2 * LONGEST_SENTENCE]),
        labels=alert.labels[:most],
        left_out=f"{len(alert.labels) - most:,}" if len(alert.labels) > most else "",
        values=alert.values,
        links=list(_links(alert)),
        fires=alert.fires,
        fingerprint=alert.fingerprint,
    )


def _links(alert: Alert) -> Iterator[Markdown]:
    named = (("The panel", alert.panel), ("The rule", alert.page), ("Silence it in Grafana", alert.silence))
    for name, address in named:
        if len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address):
            yield Markdown(f"[{name}]({address})")


def summary_body(members: Sequence[Case]) -> str:
    """The page of a summary; those that are open come first."""
    ordered = sorted(members, key=lambda one: (one.stage is not Stage.OPEN, not one.critical, one.since))
    return first_that_fits(_summary(ordered, most) for most in _ROWS)


def _summary(members: Sequence[Case], most: int) -> str:
    open_ = sum(one.is_open for one in members)
    environments = sorted({one.environment for one in members})
    return markdown_template("summary_issue.md.j2").render(
        open=open_,
        ignored=sum(one.stage is Stage.SILENT for one in members),
        headline=f"{open_:,} of {len(members):,}",
        environments=environments[:_MOST_ENVIRONMENTS],
        elsewhere=max(0, len(environments) - _MOST_ENVIRONMENTS),
        rows=[_row(one) for one in members[:most]],
        left_out=f"{len(members) - most:,}" if len(members) > most else "",
    )


def _row(case: Case) -> _Row:
    stands = {Stage.OPEN: "open" if case.alarming else "recovering", Stage.SILENT: "ignored", Stage.OVER: "over"}
    return _Row(
        severity=Markdown("**critical**" if case.critical else "warning"),
        stands="accepted" if case.accepted else stands[case.stage],
        what=sentence_on(case),
        fingerprint=case.fingerprint,
    )


def report_body(regressions: Regressions, after: int = 0) -> str:
    """The report of a comparison, with what leads back to the issue before, and what can be done."""
    before = f"> The same was wrong before: #{after}.\n\n" if after else ""
    what_to_do = (
        "\n_Kept by soakwatch: the next comparison of this test writes it anew, and closes it when nothing regressed. "
        "Closed as not planned, it stays so until the label `soakwatch:ignored` is taken off. A new level is accepted "
        "by a new baseline file (`soakwatch baseline pin`)._\n"
    )
    room = ROOM_BESIDE_MARKER - units(before + what_to_do)
    return f"{before}{fit(without_mentions(regressions.markdown), room, units)}{what_to_do}"
