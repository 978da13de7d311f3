"""Issue writing: one change, carried out on GitHub; what may not happen twice is looked for first."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from soakwatch.reporter.github import GitHubIssues, SeenComment, SeenIssue
from soakwatch.reporter.github_errors import IssueRefused
from soakwatch.reporter.issue_changes import Edit, Merge, Move, Note, Open
from soakwatch.reporter.issue_marker import Marker, noted_in, read_marker
from soakwatch.reporter.issue_notes import note_text
from soakwatch.reporter.known_issue import KnownIssue
from soakwatch.reporter.labels import looks_of, relabelled
from soakwatch.reporter.pages import Pages, marked

_MAY_BE_FORGOTTEN = 7 * 86_400.0
"""Seconds since an issue was changed after which none of its comments can be waiting to be looked through."""

_STATES: Mapping[Move, tuple[str | None, str | None]] = {
    Move.STAY: (None, None),
    Move.COMPLETE: ("closed", "completed"),
    Move.SILENCE: ("closed", "not_planned"),
    Move.REOPEN: ("open", "reopened"),
}


@dataclass(frozen=True, slots=True)
class Writing:
    """Carries out changes. `labels` are those that are known to exist; what it makes it adds.

    `before_each` is called before each request that changes something, and may raise, to end it there.
    """

    github: GitHubIssues
    pages: Pages
    labels: set[str]
    milestone: int = 0
    before_each: Callable[[], None] = lambda: None

    def open(self, change: Open) -> KnownIssue:
        """Open an issue: a request, and one for each label that is new."""
        case = change.case
        self.make_labels(case.labels)
        body, marker = marked(self.pages.text(case, change.marker.after), change.marker)
        try:
            seen = self._changing.create(case.title, body, case.labels, case.assignees, self.milestone)
        except IssueRefused:
            if not (case.assignees or self.milestone):
                raise
            # somebody who cannot be assigned, or a milestone that is gone, is no reason to say nothing
            seen = self._changing.create(case.title, body, case.labels)
        return replace(known_of(seen, marker), said=frozenset())

    def edit(self, change: Edit, issue: KnownIssue, now: float) -> KnownIssue:
        """Write the page anew: a request, one for a comment, one for labels; none where it was due for nothing."""
        body, marker = marked(self.pages.text(change.case, change.marker.after), change.marker)
        if change.due and marker.text == issue.marker.text:
            return replace(issue, looked=now)
        for note in change.notes:
            issue = self._with_comment(change, note, issue)
        labels = self._relabelled(change)
        state, reason = _STATES[change.move]
        seen = self._changing.edit(change.number, body, state=state, reason=reason, labels=labels)
        after = replace(known_of(seen, marker), comments=issue.comments, crowded=issue.crowded, said=issue.said)
        # more than there should be: somebody may have made the same comment at the same time
        return self.thin(change.number, after) if change.notes and seen.comments > after.comments else after

    def merge(self, change: Merge) -> KnownIssue:
        """Close an issue as a duplicate: one request."""
        text = f"Duplicate of #{change.into}: both were made at the same time, for the same. Everything is there."
        body, marker = marked(text, change.marker)
        return known_of(self._changing.edit(change.number, body, state="closed", reason="duplicate"), marker)

    def thin(self, number: int, issue: KnownIssue) -> KnownIssue:
        """Delete each comment of ours that says again what an earlier one said: a request, and one for each."""
        left = self._thinned(number, self.github.comments(number))
        said = frozenset(key for key in map(_key_of, left) if key is not None)
        return replace(issue, comments=len(left), crowded=False, said=said)

    def make_labels(self, labels: Iterable[str]) -> None:
        """See to it that `labels` exist: a request for each that is not known to."""
        for label in sorted(set(labels) - self.labels):
            self._changing.create_label(label, *looks_of(label))
            self.labels.add(label)

    @property
    def _changing(self) -> GitHubIssues:
        """GitHub, for a request that changes something."""
        self.before_each()
        return self.github

    def _with_comment(self, change: Edit, note: Note, issue: KnownIssue) -> KnownIssue:
        """Write a comment, unless it is there; where there are some that nobody has read, they are read first."""
        if issue.said is None or issue.crowded:
            issue = self.thin(change.number, issue)
        key, said = (change.case.fingerprint, note.key), issue.said or frozenset()
        if key in said:
            return issue
        try:
            self._changing.comment(change.number, note_text(change.case, note))
        except IssueRefused:  # somebody has locked the conversation: the page says it all the same
            return issue
        return replace(issue, comments=issue.comments + 1, said=said | {key})

    def _relabelled(self, change: Edit) -> tuple[str, ...] | None:
        """All labels that the issue shall wear; None as it is. Looks first: people may have put some on just now."""
        if not (change.gains or change.loses):
            return None
        self.make_labels(change.gains)
        return relabelled(self.github.page(change.number).labels, change.gains, change.loses)

    def _thinned(self, number: int, comments: Iterable[SeenComment]) -> list[SeenComment]:
        left: dict[tuple[str, str], SeenComment] = {}
        others: list[SeenComment] = []
        for comment in sorted(comments, key=lambda one: one.id):
            key = _key_of(comment)
            if key is None or (key in left and left[key].author != comment.author):
                others.append(comment)
            elif key in left:
                self._changing.delete_comment(number, comment.id)
            else:
                left[key] = comment
        return [*left.values(), *others]


def known_of(seen: SeenIssue, marker: Marker) -> KnownIssue:
    """What is known of an issue that GitHub has told, which says what `marker` says."""
    return KnownIssue(
        number=seen.number,
        marker=marker,
        closed=seen.closed,
        reason=seen.reason if seen.closed is not None else "",
        labels=seen.labels,
        comments=seen.comments,
        updated=seen.updated,
    )


def known_again(seen: SeenIssue, before: KnownIssue | None, now: float) -> KnownIssue | None:
    """What is known of an issue of ours now; None for one that never was. Somebody may have edited its marker away.

    Where nothing was known of it `before`, we may have forgotten that some of its comments were to be looked through.
    """
    marker = read_marker(seen.body) or (before.marker if before else None)
    if marker is None:
        return None
    known = known_of(seen, marker)
    if before is not None:
        return before.seen_again(known)
    return replace(
        known,
        crowded=seen.comments > 1 and now - seen.updated < _MAY_BE_FORGOTTEN,
        said=None if seen.comments else frozenset(),
    )


def _key_of(comment: SeenComment) -> tuple[str, str] | None:
    return noted_in(comment.body) if comment.is_trusted else None
