"""The fake Grafana keeps to Grafana's rules, so that what passes against it passes against a real one."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fake_grafana import FakeGrafana

MODEL = {"uid": "soakwatch-runs", "title": "Runs", "tags": ["soakwatch"], "panels": []}


@pytest.fixture
def fake() -> Iterator[FakeGrafana]:
    with FakeGrafana.running(lambda: 1_000.0) as running:
        yield running


def ask(fake: FakeGrafana, method: str, path: str, body: Any = None, token: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or fake.token}"}
    return requests.request(method, f"{fake.url}/api{path}", json=body, headers=headers, timeout=10)


def save(fake: FakeGrafana, **more: Any) -> requests.Response:
    body = {"dashboard": {**MODEL, "id": None, **more}, "folderUid": "", "overwrite": False}
    return ask(fake, "POST", "/dashboards/db", body)


def annotate(fake: FakeGrafana, *tags: str, **more: Any) -> requests.Response:
    return ask(fake, "POST", "/annotations", {"text": "it began", "time": 1_000, "tags": list(tags), **more})


def found(fake: FakeGrafana, query: str) -> list[str]:
    return [one["text"] for one in ask(fake, "GET", f"/annotations?{query}").json()]


def test_each_write_of_a_dashboard_is_a_version_and_an_older_one_is_refused(fake: FakeGrafana) -> None:
    assert save(fake).json()["version"] == 1
    assert save(fake).json()["status"] == "name-exists"
    assert save(fake, version=1).json()["version"] == 2
    stale = save(fake, version=1)
    assert (stale.status_code, stale.json()["status"]) == (412, "version-mismatch")
    got = ask(fake, "GET", "/dashboards/uid/soakwatch-runs").json()
    assert (got["dashboard"]["version"], got["meta"]["folderUid"], got["meta"]["provisioned"]) == (2, "", False)
    assert fake.violations == []


def test_a_provisioned_dashboard_cannot_be_saved(fake: FakeGrafana) -> None:
    fake.state.provision(MODEL)
    assert save(fake, version=1).status_code == 400


def test_there_is_one_folder_of_a_uid_and_one_of_a_title(fake: FakeGrafana) -> None:
    wanted = {"uid": "soakwatch", "title": "soakwatch"}
    assert ask(fake, "GET", "/folders/soakwatch").status_code == 404
    assert ask(fake, "POST", "/folders", wanted).status_code == 200
    assert ask(fake, "POST", "/folders", wanted).status_code == 409
    assert ask(fake, "POST", "/folders", {**wanted, "uid": "other"}).status_code == 409
    assert [one["uid"] for one in ask(fake, "GET", "/folders?limit=10").json()] == ["soakwatch"]


def test_annotations_are_found_by_all_of_their_tags_and_in_their_time(fake: FakeGrafana) -> None:
    annotate(fake, "soakwatch", "env:staging", timeEnd=2_000, text="a")
    annotate(fake, "soakwatch", "env:prod", text="b")
    assert found(fake, "tags=soakwatch") == ["a", "b"]
    assert found(fake, "tags=soakwatch&tags=env:prod") == ["b"]
    assert found(fake, "tags=env") == ["a", "b"]
    assert found(fake, "from=1500&to=3000") == ["a"]
    assert found(fake, "from=1500") == ["a", "b"]
    assert found(fake, "limit=1") == ["a"]


def test_two_tags_of_one_key_hide_an_annotation_from_a_search_for_the_key(fake: FakeGrafana) -> None:
    annotate(fake, "soakwatch", "soakwatch:3f9a")
    assert found(fake, "tags=soakwatch") == []


def test_a_patch_changes_what_it_names_and_nothing_else(fake: FakeGrafana) -> None:
    number = annotate(fake, "soakwatch").json()["id"]
    assert ask(fake, "PATCH", f"/annotations/{number}", {"timeEnd": 9_000}).status_code == 200
    (one,) = fake.annotations
    assert (one.time, one.time_end, one.text, one.tags) == (1_000, 9_000, "it began", ("soakwatch",))
    whole = {"text": "anew", "time": 2_000, "timeEnd": 3_000, "tags": ["other"]}
    assert ask(fake, "PUT", f"/annotations/{number}", whole).json() == {"message": "Annotation updated"}
    assert found(fake, "tags=other&from=2500&to=9000") == ["anew"]
    assert ask(fake, "DELETE", f"/annotations/{number}").status_code == 200
    assert ask(fake, "PATCH", f"/annotations/{number}", {"timeEnd": 9_000}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/annotations", {"text": "t", "time": 1.5}),
        ("POST", "/annotations", {"text": "", "time": 1}),
        ("POST", "/annotations", {"text": "t", "time": 1, "colour": "red"}),
        ("POST", "/annotations", {"text": "t", "time": 1, "tags": ["service:a:b"]}),
        ("POST", "/annotations", {"text": "t", "time": 1, "tags": ["service:" + "x" * 101]}),
        ("POST", "/dashboards/db", {"dashboard": {"title": "no uid"}, "folderUid": ""}),
        ("POST", "/folders", {"title": "no uid"}),
        ("GET", "/annotations?tag=soakwatch", None),
        ("GET", "/elsewhere", None),
    ],
)
def test_a_request_that_the_documentation_does_not_know_is_noted(
    fake: FakeGrafana, method: str, path: str, body: Any
) -> None:
    assert ask(fake, method, path, body).status_code >= 400
    assert len(fake.violations) == 1
    assert fake.annotations == []


def test_a_wrong_token_and_a_missing_right_are_told_apart(fake: FakeGrafana) -> None:
    assert ask(fake, "GET", "/health", token="wrong").status_code == 401  # noqa: S106  (it opens nothing)
    fake.permissions.discard("dashboards:write")
    refused = save(fake)
    assert refused.status_code == 403
    assert "Permissions needed: dashboards:write" in refused.json()["message"]
