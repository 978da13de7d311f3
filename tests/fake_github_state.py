"""The issues of one repository, and how they change; nothing of HTTP.

Where a rule is from: docs.github.com/en/rest/issues/issues ("issues"), .../rest/issues/labels ("labels"), or, for what
GitHub answers without documenting it, an issue in which somebody quotes the answer.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from fake_github_rules import body_of, check_label, check_label_name, comment_of, in_state, title_of
from fake_github_values import Comment, Issue, Kept, Label, Milestone, Refused, State, Wish


@dataclass
class Repository:
    """The issues, labels and milestones of one repository. Whoever uses it from two threads holds a lock.

    `lag` are the seconds by `clock` after which a new issue shows in lists. GitHub promises no time; that lists are
    served from copies that are behind is what its users see.
    """

    clock: Callable[[], float]
    assignable: set[str] = field(default_factory=set)
    outsiders: set[str] = field(default_factory=set)
    lag: float = 0.0
    labels: dict[str, Label] = field(default_factory=dict)
    milestones: dict[int, Milestone] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    _issues: dict[int, Issue] = field(default_factory=dict)
    _issue_of: dict[int, int] = field(default_factory=dict)
    _last_number: int = 0
    _last_comment: int = 5_000

    @property
    def now(self) -> int:
        """GitHub's times are whole seconds."""
        return int(self.clock())

    @property
    def issues(self) -> list[Issue]:
        """All that are there, by number."""
        return list(self._issues.values())

    @property
    def listed(self) -> Iterator[Issue]:
        """Those that a list may show by now."""
        now = self.clock()
        return (issue for issue in self._issues.values() if issue.listed_from <= now)

    def issue(self, number: int) -> Issue:
        """404 where there never was one; 410 where it was deleted (issues, "Get an issue")."""
        if number in self.deleted:
            raise Refused(410, "This issue was deleted")
        if number not in self._issues:
            raise Refused(404, "Not Found")
        return self._issues[number]

    def open(self, author: str, wish: Wish, *, is_pull_request: bool = False) -> Issue:
        """Numbers grow, and pull requests are counted with the issues (issues, "List repository issues")."""
        if wish.title is None:
            raise Refused.invalid("Issue", "title", "missing_field")
        number, now = self._last_number + 1, self.now
        blank = Issue(number, author, now, now, self.clock() + self.lag, is_pull_request=is_pull_request)
        self._issues[number] = self._granted(wish, blank, author)
        self._last_number = number
        return self._issues[number]

    def change(self, number: int, who: str, wish: Wish) -> Issue:
        """Make it as wished. What changes nothing does not touch `updated_at`."""
        return self._keep(self._granted(wish, self.issue(number), who))

    def delete(self, number: int) -> None:
        for comment in self.issue(number).comments:
            del self._issue_of[comment.id]
        del self._issues[number]
        self.deleted.add(number)

    def _keep(self, issue: Issue) -> Issue:
        if issue != self._issues[issue.number]:
            self._issues[issue.number] = replace(issue, updated_at=self.now)
        return self._issues[issue.number]

    def _granted(self, wish: Wish, issue: Issue, who: str) -> Issue:
        changed = replace(
            issue,
            title=issue.title if wish.title is None else title_of(wish.title),
            body=issue.body if wish.body is Kept.KEPT else body_of(wish.body),
            assignees=issue.assignees if wish.assignees is None else self._assignees(wish.assignees),
            milestone=issue.milestone if wish.milestone is Kept.KEPT else self._milestone(wish.milestone),
        )
        changed = in_state(changed, wish, who, self.now)
        # last, because unknown labels are made by the way, and a wish that is refused shall leave nothing behind
        return changed if wish.labels is None else replace(changed, labels=self._known(wish.labels))

    def _assignees(self, logins: Iterable[str]) -> tuple[str, ...]:
        """422 for who cannot be assigned; the answer is quoted in upptime/upptime#125."""
        wanted = _unique(logins)
        wrong = [login for login in wanted if login.casefold() not in map(str.casefold, self.assignable)]
        if wrong:
            errors = [{"value": login, "resource": "Issue", "field": "assignees", "code": "invalid"} for login in wrong]
            raise Refused(422, "Validation Failed", *errors)
        return wanted

    def _milestone(self, number: int | str | None) -> int | None:
        """None takes it off (issues, "Update an issue"); so does the empty text, which PyGithub sends for None."""
        if number is None or number == "":
            return None
        if not isinstance(number, int) or number not in self.milestones:
            raise Refused.invalid("Issue", "milestone", value=number)
        return number

    def add_milestone(self, title: str, state: State = "open") -> Milestone:
        made = Milestone(len(self.milestones) + 1, title, state, self.now)
        self.milestones[made.number] = made
        return made

    def label(self, name: str) -> Label:
        """Names are the same whatever their case."""
        if name.casefold() not in self.labels:
            raise Refused(404, "Not Found")
        return self.labels[name.casefold()]

    def create_label(self, name: str, color: str = "ededed", description: str | None = None) -> Label:
        """Names are unique whatever their case: yegor256/0pdd#160 quotes the answer to the second."""
        made = Label(9_001 + len(self.labels), name, color, description)
        check_label(made)
        if name.casefold() in self.labels:
            raise Refused.invalid("Label", "name", "already_exists")
        self.labels[name.casefold()] = made
        return made

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        """The labels of these names as they are spelt in the repository; those that it lacks are created."""
        wanted = _unique(names)
        for name in wanted:
            check_label_name(name)
        return tuple((self.labels.get(name.casefold()) or self.create_label(name)).name for name in wanted)

    def add_labels(self, number: int, names: Iterable[str]) -> Issue:
        """To those that it has (labels, "Add labels to an issue")."""
        issue = self.issue(number)
        return self._keep(replace(issue, labels=self._known((*issue.labels, *names))))

    def remove_label(self, number: int, name: str) -> Issue:
        """404 when it does not have it (labels, "Remove a label from an issue")."""
        issue = self.issue(number)
        left = tuple(label for label in issue.labels if label.casefold() != name.casefold())
        if left == issue.labels:
            raise Refused(404, "Label does not exist")
        return self._keep(replace(issue, labels=left))

    def comment(self, comment_id: int) -> Comment:
        if comment_id not in self._issue_of:
            raise Refused(404, "Not Found")
        comments = self._issues[self._issue_of[comment_id]].comments
        return next(comment for comment in comments if comment.id == comment_id)

    def add_comment(self, number: int, who: str, text: str) -> Comment:
        issue, now = self.issue(number), self.now
        made = Comment(self._last_comment + 1, number, who, comment_of(text), now, now)
        self._last_comment = made.id
        self._issue_of[made.id] = number
        self._keep(replace(issue, comments=(*issue.comments, made)))
        return made

    def edit_comment(self, comment_id: int, text: str) -> Comment:
        edited = replace(self.comment(comment_id), body=comment_of(text), updated_at=self.now)
        issue = self.issue(edited.issue)
        comments = tuple(edited if comment.id == comment_id else comment for comment in issue.comments)
        self._keep(replace(issue, comments=comments))
        return edited

    def delete_comment(self, comment_id: int) -> None:
        issue = self.issue(self.comment(comment_id).issue)
        left = tuple(comment for comment in issue.comments if comment.id != comment_id)
        del self._issue_of[comment_id]
        self._keep(replace(issue, comments=left))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    return tuple(first.values())
