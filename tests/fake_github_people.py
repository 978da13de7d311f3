"""People: what somebody does to issues on GitHub's pages while a client is not looking."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from fake_github_state import Repository
from fake_github_values import Comment, Issue, StateReason, Wish


@dataclass(frozen=True)
class Person:
    """Somebody who may do everything. Nothing goes over HTTP, and all of it bumps `updated_at`."""

    login: str
    repository: Repository
    lock: AbstractContextManager[object]

    def opens(self, title: str, body: str | None = None, labels: Sequence[str] = ()) -> int:
        """Open an issue, and tell its number."""
        with self.lock:
            return self.repository.open(self.login, Wish(title, body, labels=tuple(labels))).number

    def opens_pull_request(self, title: str, body: str | None = None, labels: Sequence[str] = ()) -> int:
        """Open a pull request, which has a number among the issues'."""
        wish = Wish(title, body, labels=tuple(labels))
        with self.lock:
            return self.repository.open(self.login, wish, is_pull_request=True).number

    def closes(self, number: int, reason: StateReason = "completed") -> None:
        self._wishes(number, Wish(state="closed", state_reason=reason))

    def reopens(self, number: int) -> None:
        self._wishes(number, Wish(state="open"))

    def renames(self, number: int, title: str) -> None:
        self._wishes(number, Wish(title))

    def edits_body(self, number: int, body: str | None) -> None:
        self._wishes(number, Wish(body=body))

    def assigns(self, number: int, *logins: str) -> None:
        """Make these, and nobody else, the assignees."""
        self._wishes(number, Wish(assignees=logins))

    def labels(self, number: int, *names: str) -> None:
        with self.lock:
            self.repository.add_labels(number, names)

    def unlabels(self, number: int, *names: str) -> None:
        with self.lock:
            for name in names:
                self.repository.remove_label(number, name)

    def comments(self, number: int, text: str) -> Comment:
        with self.lock:
            return self.repository.add_comment(number, self.login, text)

    def edits_comment(self, comment_id: int, text: str) -> None:
        with self.lock:
            self.repository.edit_comment(comment_id, text)

    def deletes_comment(self, comment_id: int) -> None:
        with self.lock:
            self.repository.delete_comment(comment_id)

    def deletes(self, number: int) -> None:
        """Delete an issue for good."""
        with self.lock:
            self.repository.delete(number)

    def _wishes(self, number: int, wish: Wish) -> Issue:
        with self.lock:
            return self.repository.change(number, self.login, wish)
