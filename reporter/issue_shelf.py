"""The shelf: which of the known issues stands for which case."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
                by_about[issue.marker.about].append(issue)
                for fingerprint in {issue.marker.fingerprint, *_further(issue)}:
                    by_fingerprint[fingerprint].append(issue)
        return cls(by_fingerprint, by_about)

    def standing_for(self, cases: Iterable[Case]) -> dict[str, KnownIssue]:
        """The issue that stands for each case that has one, by fingerprint.

        Its own: the first that is open, else the last that was. Else one about the same whose case nobody knows any
        more, which is that case's then: so what is found anew after a ledger was lost goes on in its issue.
        """
        cases = list(cases)
        own = {one.fingerprint: self._own(one.fingerprint) for one in cases}
        found = {fingerprint: issue for fingerprint, issue in own.items() if issue is not None}
        taken = {issue.number for issue in found.values()}
        for case in cases:
            if case.is_open and case.fingerprint not in found and (issue := self._left(case, own.keys(), taken)):
                found[case.fingerprint] = issue
                taken.add(issue.number)
        return found

    def _own(self, fingerprint: str) -> KnownIssue | None:
        issues = self.by_fingerprint.get(fingerprint, ())
        return next((one for one in issues if one.is_open), issues[-1] if issues else None)

    def _left(self, case: Case, known: AbstractSet[str], taken: AbstractSet[int]) -> KnownIssue | None:
        return next(
            (
                one
                for one in self.by_about.get(case.about, ())
                if one.is_open
                and one.marker.parts & case.parts
                and one.number not in taken
                and not known & {one.marker.fingerprint, *one.marker.members}
            ),
            None,
        )

    def open_twice(self, known: AbstractSet[str]) -> Iterable[Sequence[KnownIssue]]:
        """Issues that are open about one case, where there is more than one; so of our summaries."""
        for issues in self.by_fingerprint.values():
            open_ = [one for one in issues if one.is_open]
            if len(open_) > 1:
                yield open_
        summaries = {one.marker.fingerprint: one for one in reversed(self._summaries(known)) if one.is_open}
        if len(summaries) > 1:
            yield sorted(summaries.values(), key=lambda one: one.number)

    def summaries(self, known: AbstractSet[str]) -> list[KnownIssue]:
        """Those that stand for our cases: the first that is open, and all that were closed before their end.

        Those of another soakwatch, which knows other cases, are not ours.
        """
        there = self._summaries(known)
        first = [one for one in there if one.is_open][:1]
        return first + [one for one in there if not (one.is_open or one.gone or one.marker.told is Told.OVER)]

    def _summaries(self, known: AbstractSet[str]) -> list[KnownIssue]:
        return [one for one in self.by_about.get(ABOUT_SUMMARY, ()) if one.marker.members & known]

    def before(self, case: Case) -> KnownIssue | None:
        """The last closed issue about the same as `case`, which was another case then; None where there is none."""
        same = [one for one in self.by_about.get(case.about, ()) if not one.is_open and one.marker.parts & case.parts]
        return same[-1] if same else None

    def declined(self, case: Case) -> KnownIssue | None:
        """The last issue about nothing less than `case` that somebody declined, and has not taken back."""
        same = [one for one in self.by_about.get(case.about, ()) if is_declined(one) and case.parts <= one.marker.parts]
        return same[-1] if same else None


def _further(issue: KnownIssue) -> AbstractSet[str]:
    """Fingerprints of further cases that go on in it; those in a summary may have issues of their own."""
    return frozenset() if issue.marker.about == ABOUT_SUMMARY else issue.marker.members


def is_declined(issue: KnownIssue) -> bool:
    """Whether somebody closed it as not planned, or deleted it, and has not taken that back."""
    return issue.gone or (not issue.is_open and issue.marker.told is Told.DECLINED and issue.has_label(IGNORED))
