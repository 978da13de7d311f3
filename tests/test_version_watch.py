"""Versions that services tell of themselves: each change is a deploy, and no secret gets out."""

import base64
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from version_service import Service, serving

from soakwatch.collector import version_watch
from soakwatch.collector.version_watch import LONGEST_BODY, read_version
from soakwatch.core.deploy import Deploy
from soakwatch.core.settings import DeploySection


@pytest.fixture
def service() -> Iterator[Service]:
    with serving(Service()) as made:
        yield made


def test_the_first_sight_and_each_change_are_deploys(service: Service) -> None:
    watch = service.watch(service="rag")
    assert watch.look(lambda: 10.0) == Deploy("staging", "rag", 10.0, "1.0", "", f"seen at {service.url}")
    assert watch.look(lambda: 20.0) is None
    service.body = b"1.1\n"
    assert watch.look(lambda: 30.0) == Deploy("staging", "rag", 30.0, "1.1", "", f"seen at {service.url}")
    service.body = b"1.0"
    assert watch.look(lambda: 40.0) is not None


def test_a_commit_alone_is_a_version_too(service: Service) -> None:
    service.body = b'{"build": {"tags": ["x", "v7"], "commit": "abc"}}'
    assert service.watch(commit_field="build.commit").look(lambda: 1.0) == Deploy(
        "staging", "*", 1.0, "", "abc", f"seen at {service.url}"
    )


@pytest.mark.parametrize(
    ("body", "fields", "expected"),
    [
        (b" v1.2 \n", ("", ""), ("v1.2", "")),
        (b'{"version": "1.2"}', ("version", ""), ("1.2", "")),
        (b'{"a": {"b": [{"c": 7}]}}', ("a.b.0.c", ""), ("7", "")),
        (b'{"v": "1", "sha": "f"}', ("v", "sha"), ("1", "f")),
        ('"é"'.encode(), ("", ""), ('"é"', "")),
    ],
)
def test_a_version_is_read_from_text_or_a_field(
    body: bytes, fields: tuple[str, str], expected: tuple[str, str]
) -> None:
    assert read_version(body, *fields) == expected


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"", "", "not one line of text"),
        (b"<html>\n<body>", "", "not one line of text"),
        (b"1.0", "version", "no field 'version'"),
        (b"<html>", "version", "not JSON"),
        (b"[" * 50_000, "version", "not JSON"),
        (b'{"a": 1}', "a.b", "no field 'a.b'"),
        (b'{"a": []}', "a.0", "no field 'a.0'"),
        (b'{"a": {}}', "a", "no text"),
        (b'{"a": null}', "a", "no text"),
    ],
)
def test_an_answer_without_a_version_says_what_is_missing(body: bytes, field: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_version(body, field)


@given(st.binary(max_size=200), st.sampled_from(["", "a", "a.0.b"]))
def test_whatever_a_service_answers_is_a_version_or_a_value_error(body: bytes, field: str) -> None:
    try:
        version, commit = read_version(body, field)
    except ValueError:
        return
    assert isinstance(version, str)
    assert commit == ""


def test_trouble_is_said_once_and_again_when_it_is_another(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch = service.watch()
    service.code = 500
    assert [watch.look(lambda: 1.0) for _ in range(5)] == [None] * 5
    service.code, service.body = 200, b"x" * (LONGEST_BODY + 1)
    assert [watch.look(lambda: 1.0) for _ in range(5)] == [None] * 5
    service.body = b"1.0"
    assert watch.look(lambda: 1.0) is not None
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "it answers 500",
        f"the answer is longer than {LONGEST_BODY:,} bytes",
        f"{service.url} says its version again",
    ]


def test_a_service_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    monkeypatch.setattr(version_watch, "TIMEOUT", 0.2)
    service.code = 301
    service.location = "/version"
    assert service.watch().look(lambda: 1.0) is None, "it sends us in a circle"


def test_credentials_are_used_and_never_shown_or_sent_elsewhere(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://us%40er:pass@127.0.0.1:{service.port}/version?token=secret"
    watch = service.watch(url)
    deploy = watch.look(lambda: 1.0)
    assert service.asked == [f"Basic {base64.b64encode(b'us@er:pass').decode()}"]
    with serving(Service()) as elsewhere:
        service.code, service.location = 302, elsewhere.url
        watch.look(lambda: 1.0)
        assert elsewhere.asked == [None]
    service.code = 401
    watch.look(lambda: 1.0)
    told = f"{deploy} {caplog.text} {DeploySection.model_validate({'version_url': url})}"
    assert "it answers 401" in told
    for secret in ("pass", "us%40er", "us@er", "secret"):
        assert secret not in told
