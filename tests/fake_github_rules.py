"""Rules: what GitHub takes for an issue, a comment or a label, and what closing and reopening do.

Where one is from: docs.github.com/en/rest/issues/issues ("issues"), .../rest/issues/labels ("labels"), or, for what
GitHub answers without documenting it, an issue in which somebody quotes the answer.
"""

from dataclasses import replace

from fake_github_values import Issue, Label, Refused, Wish

LONGEST_TITLE = 256
"""Characters; "title is too long (maximum is 256 characters)", googleapis/repo-automation-bots#1895."""

LONGEST_BODY = 65_536
"""Characters; "body is too long (maximum is 65536 characters)", PyGithub/PyGithub#1906."""

LONGEST_LABEL = 50
"""Characters; "name is too long (maximum is 50 characters)", github/docs#32156."""

LONGEST_DESCRIPTION = 100
"""Characters of a label's (labels, "Create a label")."""


def title_of(title: str) -> str:
    if not title.strip():
        raise Refused.invalid("Issue", "title", "missing_field")
    if len(title) > LONGEST_TITLE:
        message = f"title is too long (maximum is {LONGEST_TITLE} characters)"
        raise Refused.invalid("Issue", "title", "custom", message=message)
    return title


def body_of(body: str | None) -> str | None:
    if body is not None and len(body) > LONGEST_BODY:
        message = f"body is too long (maximum is {LONGEST_BODY} characters)"
        raise Refused.invalid("Issue", "body", "custom", message=message)
    return body


def comment_of(body: str) -> str:
    """Its answers are others than an issue's: vebr/jest-lcov-reporter#14."""
    if not body.strip():
        raise Refused.invalid("IssueComment", "data", "unprocessable", message="Body cannot be blank")
    if len(body) > LONGEST_BODY:
        message = f"Body is too long (maximum is {LONGEST_BODY} characters)"
        raise Refused.invalid("IssueComment", "data", "unprocessable", message=message)
    return body


def in_state(issue: Issue, wish: Wish, who: str, now: int) -> Issue:
    """A reason without a state is ignored (issues, "Update an issue": "Ignored unless `state` is changed").

    Who closes what is closed gives it another reason at most.
    """
    if wish.state == "open" and issue.state == "closed":
        return replace(issue, state="open", state_reason="reopened", closed_at=None, closed_by=None)
    if wish.state != "closed":
        return issue
    if wish.state_reason == "reopened":  # what GitHub says is not documented; no client shall rely on it
        raise Refused.invalid("Issue", "state_reason", value="reopened")
    reason = wish.state_reason or (issue.state_reason if issue.state == "closed" else "completed")
    if (issue.state, issue.state_reason) == ("closed", reason):
        return issue
    return replace(issue, state="closed", state_reason=reason, closed_at=now, closed_by=who)


def check_label(label: Label) -> None:
    """A label that is made as one (labels, "Create a label")."""
    if not label.name.strip():
        raise Refused.invalid("Label", "name", "missing_field")
    if len(label.name) > LONGEST_LABEL:
        message = f"name is too long (maximum is {LONGEST_LABEL} characters)"
        raise Refused.invalid("Label", "name", "custom", message=message)
    if len(label.color) != 6 or not set(label.color.lower()) <= set("0123456789abcdef"):
        raise Refused.invalid("Label", "color")
    if len(label.description or "") > LONGEST_DESCRIPTION:
        message = f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise Refused.invalid("Label", "description", "custom", message=message)


def check_label_name(name: str) -> None:
    """A label that is made by the way: another answer, semantic-release/github#518 and hub4j/github-api#1051."""
    if not name or name != name.strip() or len(name) > LONGEST_LABEL:
        raise Refused.invalid("Label", "name", value=name)
