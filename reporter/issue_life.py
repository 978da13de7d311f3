"""The life of an issue: what one case asks of the issue that stands for it.

Every function looks at what GitHub has and what is true now, never at what was done before: so a pass that was cut
short anywhere is completed by the next one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.reporter.case import Case, Stage, digest
from soakwatch.reporter.issue_changes import Change, Decide, Edit, Move, News, Note
from soakwatch.reporter.issue_marker import Marker, Told
from soakwatch.reporter.issue_shelf import is_declined
from soakwatch.reporter.known_issue import DECLINED, KnownIssue
from soakwatch.reporter.labels import ACCEPT, IGNORED, severities

BY_GITHUB = "GitHub"
"""How rulings that were made by a label or by closing an issue begin to say who made them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How issues are kept; durations in seconds.

    At most `most_new` are opened in a pass. Of further series an issue tells at most each `spread_after`, and its
    numbers are brought up to date each `refresh_after`. Who closed one as completed has `patience`, or up to
    `deploy_time` after the next deploy.
    """

    most_new: int = 5
    spread_after: float = 3_600.0
    refresh_after: float = 21_600.0
    deploy_time: float = 3_600.0
    patience: float = 86_400.0

    def scaled(self, time_scale: float) -> "Rules":
        """With all durations so much longer."""
        return replace(
            self,
            spread_after=self.spread_after * time_scale,
            refresh_after=self.refresh_after * time_scale,
            deploy_time=self.deploy_time * time_scale,
            patience=self.patience * time_scale,
        )


def needs_new(case: Case, issue: KnownIssue) -> bool:
    """Whether a further issue is to be opened about an open case: ours was closed because it was over, or was declined.

    What was declined is never opened again; who takes the label off asks for a new one. An incident that is over stays
    so: a ledger that says otherwise is out of date.
    """
    if issue.is_open or issue.gone or not case.is_open:
        return False
    if issue.marker.told is Told.OVER:
        return not isinstance(case.subject, Incident)
    return issue.marker.told is Told.DECLINED and not issue.has_label(IGNORED)


def changes_of(case: Case, issue: KnownIssue, deploys: Sequence[Deploy], now: float, rules: Rules) -> list[Change]:
    """What is to be done about the issue that stands for `case`."""
    if case.stage is Stage.OVER:
        return _when_over(case, issue, now)
    if issue.has_label(ACCEPT) and not case.accepted and (asked := _accepted(case, issue, now)):
        return asked
    if case.stage is Stage.SILENT:
        return _when_silent(case, issue, now)
    if issue.is_open:
        return _when_open(case, issue, now, rules)
    return _when_closed(case, issue, deploys, now, rules)


def told_now(case: Case, told: Told, now: float, before: Marker) -> Marker:
    """The marker of a page that is written now: what `before` told of parts, it still does."""
    others = members_of(case) if isinstance(case.subject, tuple) else before.members | {case.fingerprint}
    return replace(
        before,
        told=told,
        critical=case.critical,
        gist=case.gist,
        written=int(now),
        members=others - {before.fingerprint},
    )


def members_of(case: Case) -> frozenset[str]:
    """Fingerprints of the cases of a summary that are not over: those that are leave it."""
    members = case.subject if isinstance(case.subject, tuple) else ()
    return frozenset(one.fingerprint for one in members if one.stage is not Stage.OVER)


def _when_open(case: Case, issue: KnownIssue, now: float, rules: Rules) -> list[Change]:
    marker = told_now(case, Told.OPEN, now, issue.marker)
    gains, loses = _severity_of(case, issue)
    edit = Edit(case, issue.number, marker, why="", gains=gains, loses=loses)
    if issue.marker.told in {Told.SILENT, Told.DECLINED}:
        return [replace(edit, loses=(IGNORED,), why="somebody opened it again")]
    if issue.has_label(IGNORED):
        return _silence(case, now, f"label {IGNORED} on issue #{issue.number}") or [_told_silence(case, issue, now)]
    return list(_news(edit, issue, now, rules))


def _news(edit: Edit, issue: KnownIssue, now: float, rules: Rules) -> Iterable[Edit]:
    """The one edit that an open issue needs, if any: what a person should look at again comes first.

    While it is muted nobody is told anything: what there is to tell is told afterwards.
    """
    if edit.case.muted:
        edit = replace(edit, marker=replace(edit.marker, critical=issue.marker.critical))
    case, marker = edit.case, edit.marker
    joined = case.parts - issue.marker.parts
    if not case.muted and case.critical and not issue.marker.critical:
        note = Note(News.CRITICAL, f"critical-{issue.marker.written}")
        yield replace(edit, notes=(note,), why="it has become critical")
    elif not case.muted and joined and now - issue.marker.joined >= rules.spread_after:
        note = Note(News.SPREAD, f"spread-{digest(*sorted(case.parts))}", joined)
        told = replace(marker, parts=case.parts, joined=int(now))
        yield replace(edit, marker=told, notes=(note,), why="it has spread")
    elif case.gist != issue.marker.gist or issue.marker.told is not Told.OPEN or marker.members != issue.marker.members:
        yield replace(edit, why="it has changed")
    elif now - max(issue.marker.written, issue.looked) >= rules.refresh_after:
        yield replace(edit, due=True, gains=(), loses=(), why="its numbers are old")


def _when_closed(case: Case, issue: KnownIssue, deploys: Sequence[Deploy], now: float, rules: Rules) -> list[Change]:
    marker = told_now(case, Told.OPEN, now, issue.marker)
    if is_declined(issue):
        return _silence(case, now, f"issue #{issue.number} was {'deleted' if issue.gone else 'closed as not planned'}")
    if issue.marker.told is Told.SILENT:
        return [] if case.muted else _after_silence(case, issue, now)
    if issue.marker.told is not Told.OPEN:
        return []
    if issue.reason in DECLINED:
        why = f"somebody closed issue #{issue.number} as {issue.reason.replace('_', ' ')}"
        return [*_silence(case, now, why), _declined(case, issue, now)]
    if case.muted or not case.alarming or now < _deadline(case, issue, deploys, rules):
        return []
    note = Note(News.NO_HELP, f"no-help-{int(issue.closed or 0)}")
    return [Edit(case, issue.number, marker, notes=(note,), move=Move.REOPEN, why="it was closed, and goes on")]


def _after_silence(case: Case, issue: KnownIssue, now: float) -> list[Change]:
    """What we closed is opened again when the silence that this ledger knows of is over, or its label was taken off."""
    knows = any(one.ruling is not None and one.ruling.kind is RulingKind.IGNORE for one in incidents_of(case))
    if issue.has_label(IGNORED) and not knows:
        return _silence(case, now, f"label {IGNORED} on issue #{issue.number}")
    note = Note(News.SILENCE_OVER, f"silence-over-{issue.marker.written}")
    edit = Edit(case, issue.number, told_now(case, Told.OPEN, now, issue.marker), why="its silence is over")
    return [replace(edit, notes=(note,), move=Move.REOPEN, loses=(IGNORED,))]


def _deadline(case: Case, issue: KnownIssue, deploys: Iterable[Deploy], rules: Rules) -> float:
    """When what somebody did should have helped."""
    closed = issue.closed or 0.0
    later = [one.at + rules.deploy_time for one in deploys if one.at > closed and _concerns(one, case)]
    return min([closed + rules.patience, *later])


def _concerns(deploy: Deploy, case: Case) -> bool:
    if isinstance(case.subject, tuple):
        return any(_concerns(deploy, one) for one in case.subject)
    service = case.subject.service if isinstance(case.subject, Incident) else WHOLE_SERVICE
    same = service == deploy.service or WHOLE_SERVICE in {service, deploy.service}
    return same and deploy.environment == case.environment


def _when_silent(case: Case, issue: KnownIssue, now: float) -> list[Change]:
    told = issue.marker.told
    if issue.gone or (told is Told.OVER and not issue.is_open):
        return []
    if told not in {Told.SILENT, Told.DECLINED}:
        return _silenced(case, issue, now)
    if issue.is_open:
        return _end_of_silence(case, now, f"issue #{issue.number} was opened again")
    off = f"label {IGNORED} was taken off issue #{issue.number}"
    return [] if issue.has_label(IGNORED) else _end_of_silence(case, now, off)


def _silenced(case: Case, issue: KnownIssue, now: float) -> list[Change]:
    """What an issue that does not say so yet needs about a silence."""
    if not issue.is_open:
        return [_declined(case, issue, now)] if issue.reason in DECLINED else []
    if _was_opened_since(case, issue):
        return _end_of_silence(case, now, f"issue #{issue.number} is open")
    return [_told_silence(case, issue, now)]


def _was_opened_since(case: Case, issue: KnownIssue) -> bool:
    """Whether a silence that came from GitHub has ended there, which another soakwatch has seen before this one."""
    silent = [one.ruling for one in incidents_of(case) if one.is_open and one.ruling is not None]
    return not issue.has_label(IGNORED) and all(
        one.by.startswith(BY_GITHUB) and issue.marker.written > one.at for one in silent
    )


def _when_over(case: Case, issue: KnownIssue, now: float) -> list[Change]:
    told = issue.marker.told
    if issue.gone or told is Told.OVER or (told is not Told.OPEN and not issue.is_open):
        return []
    marker = told_now(case, Told.OVER, now, issue.marker)
    if issue.is_open:
        news = News.ACCEPTED if case.accepted else News.RECOVERED
        note = Note(news, f"{news}-{issue.marker.written}")
        return [Edit(case, issue.number, marker, notes=(note,), move=Move.COMPLETE, why="it is over")]
    if issue.reason in DECLINED:
        return [_declined(case, issue, now)]
    return [Edit(case, issue.number, marker, why="it is over")]


def _told_silence(case: Case, issue: KnownIssue, now: float) -> Edit:
    marker = told_now(case, Told.SILENT, now, issue.marker)
    return Edit(case, issue.number, marker, move=Move.SILENCE, gains=(IGNORED,), why="somebody wants silence")


def _declined(case: Case, issue: KnownIssue, now: float) -> Edit:
    marker = told_now(case, Told.DECLINED, now, issue.marker)
    return Edit(case, issue.number, marker, gains=(IGNORED,), why="somebody closed it as not planned")


def _accepted(case: Case, issue: KnownIssue, now: float) -> list[Change]:
    who, reason = f"{BY_GITHUB} #{issue.number}", f"label {ACCEPT} on issue #{issue.number}"
    ruling = Ruling(RulingKind.ACCEPT, now, reason, who)
    open_ = [one for one in incidents_of(case) if not one.is_accepted and one.is_open]
    # what somebody has decided on the command line since then counts more than a label that is still there
    asked = [one for one in open_ if one.ruling is None or one.ruling.at <= issue.updated]
    taken = [one for one in asked if one.kind is not Kind.NO_DATA]
    if taken or not issue.is_open or (open_ and not asked):
        return [Decide(one.fingerprint, ruling, why=reason) for one in taken]
    marker = told_now(case, issue.marker.told, now, issue.marker)
    note = Note(News.UNACCEPTABLE, f"unacceptable-{int(issue.updated)}")
    return [Edit(case, issue.number, marker, notes=(note,), loses=(ACCEPT,), why="it has no level to accept")]


def incidents_of(case: Case) -> list[Incident]:
    """The incidents that a case is about: one, those of a summary, or none."""
    if isinstance(case.subject, tuple):
        return [incident for one in case.subject for incident in incidents_of(one)]
    return [case.subject] if isinstance(case.subject, Incident) else []


def _silence(case: Case, now: float, reason: str) -> list[Change]:
    ruling = Ruling(RulingKind.IGNORE, now, reason, BY_GITHUB)
    open_ = [one for one in incidents_of(case) if one.is_open and not one.is_silent(now)]
    return [Decide(one.fingerprint, ruling, why=reason) for one in open_]


def silence_like(case: Case, declined: KnownIssue, now: float) -> list[Change]:
    """Be silent about what comes back, as somebody asked the first time."""
    return _silence(case, now, f"issue #{declined.number} on the same was closed as not planned")


def _end_of_silence(case: Case, now: float, reason: str) -> list[Change]:
    # not up to now: a clock that is set back a little must not make it silent again
    ruling = Ruling(RulingKind.IGNORE, now, reason, BY_GITHUB, until=0.0)
    silent = [one for one in incidents_of(case) if one.is_open and one.is_silent(now)]
    return [Decide(one.fingerprint, ruling, why=reason) for one in silent]


def hear_again(case: Case, declined: KnownIssue, now: float) -> list[Change]:
    """End a silence that came with the label of an issue, which has been taken off."""
    here = [one for one in incidents_of(case) if one.ruling is not None and one.ruling.by.startswith(BY_GITHUB)]
    reason = f"label {IGNORED} was taken off issue #{declined.number}"
    return _end_of_silence(case, now, reason) if here else []


def _severity_of(case: Case, issue: KnownIssue) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels to gain and to lose, so that it wears the severity that it has; none where people took that off."""
    worn, wanted = severities(issue.labels), severities(case.labels)
    wrong = tuple(label for label in worn if label.casefold() not in map(str.casefold, wanted))
    return (wanted, wrong) if wrong else ((), ())
