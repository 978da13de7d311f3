"""The sync: what is to be done on GitHub, so that its issues say what is true now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from soakwatch.core.deploy import Deploy
from soakwatch.reporter.case import MOST_PARTS, Case, Stage
from soakwatch.reporter.issue_changes import Change, Edit, Merge, Open, Thin
from soakwatch.reporter.issue_life import Rules, changes_of, hear_again, members_of, needs_new, silence_like
from soakwatch.reporter.issue_marker import Marker, Told
from soakwatch.reporter.issue_shelf import Shelf, is_declined
from soakwatch.reporter.known_issue import KnownIssue
from soakwatch.reporter.summary_case import summary_of

_MOST_THINNED = 10
"""Issues whose new comments a pass looks at; the others are for the next ones."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """All that is known at `now`, in seconds since the epoch; cases, and what stands for them, by fingerprint."""

    cases: Mapping[str, Case]
    standing: Mapping[str, KnownIssue]
    shelf: Shelf
    deploys: Sequence[Deploy]
    now: float
    rules: Rules

    def changes_of(self, case: Case, issue: KnownIssue) -> list[Change]:
        """What is to be done about the issue that stands for `case`."""
        return changes_of(case, issue, self.deploys, self.now, self.rules)


def sync(
    cases: Iterable[Case], issues: Iterable[KnownIssue], deploys: Sequence[Deploy], now: float, rules: Rules
) -> list[Change]:
    """What is to be done, first things first: what two have done at once, then each case, what is new, old numbers.

    `cases` are those that are not over, and those that were; `issues` are all of ours that GitHub has. Done to the end
    it leaves nothing to do; cut short anywhere, the next one completes it.
    """
    issues = list(issues)
    shelf, known = Shelf.of(issues), {one.fingerprint: one for one in cases}
    scene = _Scene(known, shelf.standing_for(known.values()), shelf, deploys, now, rules)
    summarised = _summarised(scene)
    lives: list[Change] = []
    homeless: list[Case] = []
    for case in scene.cases.values():
        issue = scene.standing.get(case.fingerprint)
        if issue is not None and not needs_new(case, issue):
            lives += scene.changes_of(case, issue)
        elif case.fingerprint not in summarised:
            lives += (asked := _from_before(case, scene))
            homeless += [case] if case.is_open and not asked else []
    homeless.sort(key=lambda one: (not one.critical, one.since, one.fingerprint))
    opened = [_opened(case, scene) for case in homeless[: rules.most_new]]
    together = _of_summaries(summarised, homeless[rules.most_new :], scene)
    merges, thinned = _merges(scene), list(_thinned(issues))[:_MOST_THINNED]
    return sorted([*merges, *lives, *opened, *together, *thinned], key=_is_only_due)


def _is_only_due(change: Change) -> bool:
    return isinstance(change, Edit) and change.due


def _merges(scene: _Scene) -> Iterable[Merge]:
    for first, *others in scene.shelf.open_twice(scene.cases.keys()):
        for issue in others:
            marker = replace(issue.marker, told=Told.DUPLICATE, written=int(scene.now))
            yield Merge(issue.number, first.number, marker, why="two were made at once")


def _thinned(issues: Iterable[KnownIssue]) -> Iterable[Thin]:
    why = "it has comments that were not read yet, perhaps one of them twice"
    return (Thin(one.number, why) for one in issues if one.crowded)


def _from_before(case: Case, scene: _Scene) -> list[Change]:
    """What an issue about the same, which was another case then, asks of one that has no issue."""
    if case.is_open and (declined := scene.shelf.declined(case)) and not _is_own(case, declined):
        return silence_like(case, declined, scene.now)
    before = scene.shelf.before(case)
    if case.stage is not Stage.SILENT or before is None or _is_own(case, before) or is_declined(before):
        return []
    return hear_again(case, before, scene.now) if before.marker.told is Told.DECLINED else []


def _is_own(case: Case, issue: KnownIssue) -> bool:
    return case.fingerprint in {issue.marker.fingerprint, *issue.marker.members}


def _opened(case: Case, scene: _Scene) -> Open:
    before = scene.shelf.before(case)
    return Open(case, first_marker(case, scene.now, 0 if before is None else before.number), why="it is confirmed")


def first_marker(case: Case, now: float, after: int = 0) -> Marker:
    """The marker of an issue that is opened now; `after` is the number of the one that was about the same before."""
    return Marker(
        fingerprint=case.fingerprint,
        about=case.about,
        told=Told.OPEN,
        critical=case.critical,
        gist=case.gist,
        text="",
        joined=int(now),
        written=int(now),
        parts=case.parts,
        members=members_of(case),
        after=after,
    )


def _summarised(scene: _Scene) -> dict[str, KnownIssue]:
    """Which summary stands for which case that has no issue of its own, by the case's fingerprint."""
    found: dict[str, KnownIssue] = {}
    for summary in scene.shelf.summaries(scene.cases.keys()):
        for fingerprint in sorted(summary.marker.members & scene.cases.keys()):
            if fingerprint not in scene.standing:
                found.setdefault(fingerprint, summary)
    return found


def _of_summaries(summarised: Mapping[str, KnownIssue], more: Sequence[Case], scene: _Scene) -> Iterable[Change]:
    """What becomes of the summaries when `more` come into the one that is open, or into a new one."""
    for summary in scene.shelf.summaries(scene.cases.keys()):
        members = [scene.cases[one] for one, of in summarised.items() if of is summary]
        room = max(0, MOST_PARTS - len(members)) if summary.is_open else 0
        joining, more = more[:room], () if summary.is_open else more  # who finds no room waits for an issue of its own
        if case := _summary(summary, [*members, *joining], scene.cases):
            yield from scene.changes_of(case, summary)
    if more:
        case = summary_of(more[:MOST_PARTS])
        yield Open(case, first_marker(case, scene.now), why="they are too many for issues of their own")


def _summary(summary: KnownIssue, members: Sequence[Case], known: Mapping[str, Case]) -> Case | None:
    """Its case; over, when each has an issue of its own by now; None when nobody knows them any more."""
    if members:
        return summary_of(members, summary.marker.fingerprint)
    moved = [known[one] for one in summary.marker.members & known.keys()]
    return replace(summary_of(moved, summary.marker.fingerprint), stage=Stage.OVER) if moved else None
