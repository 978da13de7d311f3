"""A GitHub of a test's own: one repository's issues over HTTP, and people who work on them.

It holds every request to GitHub's published description of its API, by the models made from it (githubkit-schemas),
and builds every answer with them. What a client gets wrong is in `violations`, which a test asserts to be empty.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from fake_faults import Answer, Asked, Ending, Fault, Faults, healthy
from fake_github_endpoints import Endpoints, Request
from fake_github_json import Wording, against_the_description, invalid, refusal
from fake_github_people import Person
from fake_github_requests import Kind, NotAsDescribed, check_body, kind_of, query_of
from fake_github_state import Repository
from fake_github_values import Issue, Refused
from fake_server import Reply, Server

_LIMIT = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-used": "1"}


class FakeGitHub:
    """One repository, `name`, on a GitHub at `url`; `token` is `login`'s.

    A test may change `token_may_write`, `is_visible`, `has_issues`, `is_archived`, `faults`, `assignable` and `lag`
    at any time. `repository` has the rest of the state: labels, milestones, and what is added without a person.
    """

    def __init__(self, url: str, clock: Callable[[], float], name: str) -> None:
        self.url = url
        self.name = name
        self.token = "github_pat_of_a_test"  # noqa: S105  (it opens nothing)
        self.login = "soakwatch-bot"
        self.token_may_write = True
        self.is_visible = True
        self.has_issues = True
        self.is_archived = False
        self.faults: Faults = healthy
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.repository = Repository(clock)
        self._lock = threading.RLock()
        self._wording = Wording(url, name, self.repository)
        self._endpoints = Endpoints(self.login, self.repository, self._wording)

    @classmethod
    @contextmanager
    def running(cls, clock: Callable[[], float] = time.time, name: str = "acme/shop") -> Iterator["FakeGitHub"]:
        with Server() as server:
            fake = cls(server.url, clock, name)
            server.serve(fake.reply)
            yield fake

    @property
    def assignable(self) -> set[str]:
        """Who may be assigned."""
        return self.repository.assignable

    @property
    def outsiders(self) -> set[str]:
        """Who may comment, and write nothing else."""
        return self.repository.outsiders

    @property
    def lag(self) -> float:
        """Seconds by the clock after which a new issue shows in lists."""
        return self.repository.lag

    @lag.setter
    def lag(self, seconds: float) -> None:
        self.repository.lag = seconds

    @property
    def issues(self) -> list[Issue]:
        """All issues and pull requests that are there, by number."""
        with self._lock:
            return self.repository.issues

    def issue(self, number: int) -> Issue:
        with self._lock:
            return self.repository.issue(number)

    def person(self, login: str) -> Person:
        return Person(login, self.repository, self._lock)

    def count(self, method: str, pattern: str = "") -> int:
        """How many requests of this method came in whose path has a match of `pattern`."""
        return sum(asked.method == method and bool(re.search(pattern, asked.path)) for asked in list(self.asked))

    def reply(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """What the server sends; called from its threads, one request at a time."""
        path, _, query = target.partition("?")
        asked = Asked(method, path, dict(parse_qsl(query, keep_blank_values=True)), _json_or_none(content))
        with self._lock:
            fault = self.faults(asked) or Fault("", is_done=True)
            done = self._answer(asked, query, headers, content) if fault.is_done else Answer(500)
            reply = Reply(self._with_usual_headers(fault.answer or done), fault.ending)
            is_sent = fault.ending in {Ending.ANSWERED, Ending.BROKEN, Ending.CUT}
            status = reply.answer.status if is_sent else None
            self.asked.append(replace(asked, status=status, fault=fault.name))
        return reply

    def _answer(self, asked: Asked, query: str, headers: Mapping[str, str], content: bytes) -> Answer:
        try:
            kind, values = self._kind(asked, headers)
            check_body(kind, content)
            request = Request(self.url + asked.path, values, query_of(kind, query), asked.body)
            return self._repository_answer() if kind.path == "" else self._endpoints.answer(kind, request)
        except Refused as refused:
            if refused.errors:
                return Answer(refused.status, invalid(refused.message, list(refused.errors)))
            return Answer(refused.status, refusal(refused.status, refused.message))
        except NotAsDescribed as wrong:
            self.violations += [f"{asked.method} {asked.path}: {fault}" for fault in wrong.faults]
            return Answer(wrong.status, _said_of(wrong))
        except Exception as error:
            # whoever asserts that there are no violations learns that the fake itself is wrong
            self.violations.append(f"{asked.method} {asked.path}: the fake failed: {error!r}")
            raise

    def _kind(self, asked: Asked, headers: Mapping[str, str]) -> tuple[Kind, Mapping[str, str]]:
        """The kind of a request that may be made, what its path says, and the order in which GitHub says no.

        401 is on docs.github.com/en/rest/authentication/authenticating-to-the-rest-api; that who may not see a
        repository is told 404, and who may not write 403, on .../rest/using-the-rest-api/troubleshooting-the-rest-api;
        that issues may be off, 410, on .../rest/issues/issues. What is said of an archive is in cli/cli#7176.
        """
        if headers.get("Authorization") not in {f"token {self.token}", f"Bearer {self.token}"}:
            raise Refused(401, "Bad credentials")
        match = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", asked.path)
        if match is None:
            raise NotAsDescribed(404, "there is no such path")
        found = kind_of(asked.method, match[2] or "")
        if not self.is_visible or match[1].casefold() != self.name.casefold():
            raise Refused(404, "Not Found")
        if asked.is_write and not self.token_may_write:
            raise Refused(403, "Resource not accessible by personal access token")
        if asked.is_write and self.is_archived:
            raise Refused(403, "Repository was archived so is read-only.")
        if found[0].path.startswith("/issues") and not self.has_issues:
            raise Refused(410, "Issues has been disabled in this repository.")
        return found

    def _repository_answer(self) -> Answer:
        return Answer(200, self._wording.repository(has_issues=self.has_issues, is_archived=self.is_archived))

    def _with_usual_headers(self, answer: Answer) -> Answer:
        reset = {"x-ratelimit-reset": str(self.repository.now + 3_600)}
        date = {"date": formatdate(self.repository.now, usegmt=True)}
        usual = {"content-type": "application/json; charset=utf-8", **_LIMIT, **reset, **date}
        return replace(answer, headers=usual | dict(answer.headers))


def _said_of(wrong: NotAsDescribed) -> bytes:
    if wrong.status == 422:
        return against_the_description(list(wrong.faults))
    return refusal(wrong.status, "Problems parsing JSON" if wrong.status == 400 else "Not Found")


def _json_or_none(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None
