"""The shelf: which of the known issues stands for which case."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from soakwatch.reporter.case import Case
from soakwatch.reporter.issue_marker import Told
from soakwatch.reporter.known_issue import KnownIssue
from soakwatch.reporter.labels import IGNORED
from soakwatch.reporter.summary_case import ABOUT_SUMMARY


@dataclass(frozen=True, slots=True)
class Shelf:
    """Issues by what they are about, each by number; duplicates that were closed are not on it."""

    by_fingerprint: Mapping[str, Sequence[KnownIssue]]
    by_about: Mapping[str, Sequence[KnownIssue]]

    @classmethod
    def of(cls, issues: Iterable[KnownIssue]) -> "Shelf":
        """Sort `issues`."""
        by_fingerprint: defaultdict[str, list[KnownIssue]] = defaultdict(list)
        by_about: defaultdict[str, list[KnownIssue]] = defaultdict(list)
        for issue in sorted(issues, key=lambda one: one.number):
            if not issue.is_duplicate:
                by_fingerprint[issue.marker.fingerprint].append(issue)
                by_about[issue.marker.about].append(issue)
        return cls(by_fingerprint, by_about)

    def own(self, fingerprint: str) -> KnownIssue | None:
        """The issue of a case: the first that is open, else the last that was."""
        issues = self.by_fingerprint.get(fingerprint, ())
        return next((one for one in issues if one.is_open), issues[-1] if issues else None)

    def current(self, case: Case, known: Collection[str]) -> KnownIssue | None:
        """The issue that stands for `case`: its own, else an open one about the same whose case nobody knows any more.

        `known` are the fingerprints of all cases. So what is found anew after a ledger was lost goes on in its issue.
        """
        same = self.by_about.get(case.about, ())
        left = (
            one for one in same if one.is_open and one.marker.parts & case.parts and one.marker.fingerprint not in known
        )
        return self.own(case.fingerprint) or next(left, None)

    def open_twice(self) -> Iterable[Sequence[KnownIssue]]:
        """Issues that are open about one case, where there is more than one; so of summaries."""
        firsts = []
        for issues in self.by_fingerprint.values():
            open_ = [one for one in issues if one.is_open]
            firsts += [one for one in open_[:1] if one.marker.about == ABOUT_SUMMARY]
            if len(open_) > 1:
                yield open_
        if len(firsts) > 1:
            yield sorted(firsts, key=lambda one: one.number)

    def summaries(self) -> list[KnownIssue]:
        """Those that stand for their cases: the first that is open, and all that were closed before their end."""
        there = self.by_about.get(ABOUT_SUMMARY, ())
        first = [one for one in there if one.is_open][:1]
        return first + [one for one in there if not (one.is_open or one.gone or one.marker.told is Told.OVER)]

    def before(self, case: Case) -> KnownIssue | None:
        """The last closed issue about the same as `case`, which was another case then; None where there is none."""
        same = [one for one in self.by_about.get(case.about, ()) if not one.is_open and one.marker.parts & case.parts]
        return same[-1] if same else None


def is_declined(issue: KnownIssue) -> bool:
    """Whether somebody closed it as not planned, or deleted it, and has not taken that back."""
    return issue.gone or (not issue.is_open and issue.marker.told is Told.DECLINED and issue.has_label(IGNORED))
