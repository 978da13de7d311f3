"""Connections to GitHub that go where they are told to, and nowhere else.

PyGithub follows a redirect of 301 with the same method, also a write, and takes one of 307 for an answer. What was
renamed or moved is for a person to decide about: the page that is written then could be somebody else's.
"""

from http import HTTPStatus

import requests
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester, RequestsResponse

from soakwatch.reporter.request_tally import RequestTally

_REDIRECTS = range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST)


class _Straight(HTTPRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _straight(super().getresponse())


class _StraightTLS(HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _straight(super().getresponse())


def follow_nothing() -> None:
    """Let PyGithub raise TooManyRedirects for any redirect."""
    Requester.injectConnectionClasses(_Straight, _StraightTLS)


def _straight(answer: RequestsResponse) -> RequestsResponse:
    RequestTally.answered += 1
    if answer.status in _REDIRECTS:
        raise requests.TooManyRedirects
    return answer
