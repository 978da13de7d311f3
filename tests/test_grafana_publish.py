"""Publishing dashboards: once, again, over nobody's change, and on from wherever it stopped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_faults import Asked, Fault, broken, closed, cut, silent
from fake_grafana import FakeGrafana, moved, page, trouble
from pydantic import SecretStr

from soakwatch.core.errors import SurfaceError, SurfaceRefused, SurfaceUnavailable, UsageError
from soakwatch.grafana.api import GrafanaApi, Where
from soakwatch.grafana.dashboard_files import dashboards, dashboards_in, files_to_provision, read_dashboard
from soakwatch.grafana.dashboard_mark import Dashboard, digest_of, mark_of, marked
from soakwatch.grafana.dashboard_shelf import DashboardShelf
from soakwatch.grafana.exporting import export
from soakwatch.grafana.publisher import Outlook, Publisher, PublishReport
from soakwatch.grafana.publishing import Action


@pytest.fixture
def fake() -> Iterator[FakeGrafana]:
    with FakeGrafana.running() as running:
        yield running
        assert running.violations == []


def a_dashboard(name: str = "runs", **more: Any) -> Dashboard:
    uid, title = f"soakwatch-{name}", name.title()
    panel = {"id": 1, "type": "timeseries", "title": "p95", "fieldConfig": {"defaults": {"min": 0.0}}}
    model = {"uid": uid, "title": title, "tags": ["soakwatch"], "schemaVersion": 41, "panels": [panel]}
    return Dashboard(uid, title, {**model, **more})


TWO = (a_dashboard("overview"), a_dashboard("runs"))


@contextmanager
def a_publisher(fake: FakeGrafana, *, force: bool = False, folder: str = "soakwatch") -> Iterator[Publisher]:
    api = GrafanaApi(Where(fake.url, SecretStr(fake.token), 1))
    try:
        yield Publisher(DashboardShelf(api), folder, force)
    finally:
        api.close()


def look(fake: FakeGrafana, wanted: Sequence[Dashboard] = TWO, folder: str = "soakwatch") -> Outlook:
    with a_publisher(fake, folder=folder) as publisher:
        return publisher.look(wanted)


def publish(
    fake: FakeGrafana, wanted: Sequence[Dashboard] = TWO, *, force: bool = False, folder: str = "soakwatch"
) -> PublishReport:
    with a_publisher(fake, force=force, folder=folder) as publisher:
        return publisher.carry_out(publisher.look(wanted))


def actions(report: PublishReport) -> list[Action]:
    return [step.action for step in report.done]


def failing(fault: Fault, path: str, nth: int = 1) -> Any:
    """Faults of the nth request to write something below a path."""
    left = [nth]

    def faults(asked: Asked) -> Fault | None:
        if asked.is_write and path in asked.path:
            left[0] -= 1
            return fault if left[0] == 0 else None
        return None

    return faults


def test_published_twice_nothing_changes_the_second_time(fake: FakeGrafana) -> None:
    assert actions(publish(fake)) == [Action.CREATE, Action.CREATE]
    writes = fake.writes
    assert actions(publish(fake)) == [Action.KEEP, Action.KEEP]
    assert fake.writes == writes == 3
    kept = fake.state.dashboards["soakwatch-runs"]
    assert (kept.folder, kept.version, fake.state.folders["soakwatch"].title) == ("soakwatch", 1, "soakwatch")


def test_looking_writes_nothing(fake: FakeGrafana) -> None:
    outlook = look(fake)
    assert [step.action for step in outlook.steps] == [Action.CREATE, Action.CREATE]
    assert (outlook.folder_is_there, fake.writes) == (False, 0)


def test_a_new_version_takes_the_place_of_what_nobody_changed(fake: FakeGrafana) -> None:
    publish(fake)
    assert actions(publish(fake, [a_dashboard(refresh="1m")])) == [Action.UPDATE]
    assert fake.model("soakwatch-runs")["refresh"] == "1m"
    assert mark_of(fake.model("soakwatch-runs")) == digest_of(a_dashboard(refresh="1m").model)


def test_what_somebody_changed_is_named_and_left_until_it_is_forced(fake: FakeGrafana) -> None:
    publish(fake)
    fake.state.edit("soakwatch-runs", panels=[])
    left = publish(fake).done[1]
    assert (left.action, left.needs_decision) == (Action.LEAVE, True)
    assert "somebody changed it in Grafana" in left.why
    assert fake.model("soakwatch-runs")["panels"] == []
    assert actions(publish(fake, force=True)) == [Action.KEEP, Action.UPDATE]
    assert fake.model("soakwatch-runs")["panels"] == a_dashboard().model["panels"]
    assert actions(publish(fake)) == [Action.KEEP, Action.KEEP]


def test_also_a_change_made_beside_a_new_version_is_left(fake: FakeGrafana) -> None:
    publish(fake)
    fake.state.edit("soakwatch-runs", title="Our runs")
    assert publish(fake, [a_dashboard(refresh="1m")]).done[0].needs_decision


def test_what_was_imported_by_hand_is_taken_over_where_it_is_the_same(fake: FakeGrafana) -> None:
    publish(fake)
    for uid in ("soakwatch-overview", "soakwatch-runs"):
        fake.state.edit(uid, tags=["soakwatch"])
    fake.state.edit("soakwatch-overview", title="Mine")
    assert actions(publish(fake)) == [Action.LEAVE, Action.UPDATE]
    assert mark_of(fake.model("soakwatch-runs"))
    assert fake.model("soakwatch-overview")["title"] == "Mine"


def test_a_dashboard_stays_in_the_folder_that_people_moved_it_to(fake: FakeGrafana) -> None:
    publish(fake)
    fake.state.make_folder("team", "Team")
    kept = fake.state.dashboards["soakwatch-runs"]
    fake.state.dashboards["soakwatch-runs"] = type(kept)(kept.model, "team")
    publish(fake, [a_dashboard(refresh="1m")])
    assert fake.state.dashboards["soakwatch-runs"].folder == "team"


def test_a_provisioned_dashboard_is_left_alone_even_by_force(fake: FakeGrafana) -> None:
    fake.state.provision(a_dashboard("runs", refresh="5m").model)
    fake.state.provision(a_dashboard("overview").model)
    report = publish(fake, force=True)
    assert actions(report) == [Action.KEEP, Action.LEAVE]
    assert not report.done[1].needs_decision
    assert fake.writes == 0


@pytest.mark.parametrize("title", ["Load tests", "soakwatch"])
def test_a_folder_that_is_there_under_its_title_is_used(fake: FakeGrafana, title: str) -> None:
    fake.state.make_folder("of-the-team", title)
    publish(fake, folder=title)
    assert {one.folder for one in fake.state.dashboards.values()} == {"of-the-team"}


def test_our_folder_may_be_given_another_title(fake: FakeGrafana) -> None:
    publish(fake)
    folder = fake.state.folders["soakwatch"]
    fake.state.folders["soakwatch"] = type(folder)(folder.id, folder.uid, "Load")
    publish(fake, [a_dashboard("soak")])
    assert fake.state.dashboards["soakwatch-soak"].folder == "soakwatch"


def test_a_folder_that_somebody_makes_in_the_meantime_is_used(fake: FakeGrafana) -> None:
    def faults(asked: Asked) -> None:
        if asked.is_write and "folders" in asked.path and not fake.state.folders:
            fake.state.make_folder("soakwatch", "soakwatch")

    fake.faults = faults
    assert publish(fake).trouble == []
    assert len(fake.state.folders) == 1


def test_an_edit_made_between_looking_and_writing_is_not_lost(fake: FakeGrafana) -> None:
    publish(fake)
    edits = [1]

    def faults(asked: Asked) -> None:
        if asked.is_write and edits:
            edits.pop()
            fake.state.edit("soakwatch-runs", title="Edited just now")

    fake.faults = faults
    (step,) = publish(fake, [a_dashboard(refresh="1m")]).done
    assert (step.action, step.needs_decision) == (Action.LEAVE, True)
    assert fake.model("soakwatch-runs")["title"] == "Edited just now"


def test_one_that_is_deleted_between_looking_and_writing_is_made_where_it_was(fake: FakeGrafana) -> None:
    publish(fake)
    fake.faults = lambda asked: fake.state.dashboards.clear() if asked.is_write and fake.state.dashboards else None
    (step,) = publish(fake, [a_dashboard(refresh="1m")]).done
    assert step.action is Action.CREATE
    assert fake.state.dashboards["soakwatch-runs"].folder == "soakwatch"


def test_somebody_who_edits_all_the_time_is_left_to_the_next_time(fake: FakeGrafana) -> None:
    publish(fake)
    fake.faults = lambda asked: (
        fake.state.edit("soakwatch-runs", title=str(len(fake.asked))) if asked.is_write else None
    )
    report = publish(fake, force=True, wanted=[a_dashboard(refresh="1m")])
    assert ([step.dashboard.uid for step in report.left], len(report.trouble)) == (["soakwatch-runs"], 1)
    assert "somebody was quicker" in report.trouble[0]


@pytest.mark.parametrize(
    "fault",
    [
        trouble(),
        trouble(is_done=True),
        closed(),
        closed(is_done=True),
        silent(is_done=True),
        broken(),
        cut(),
        page(502),
    ],
    ids=lambda fault: fault.name,
)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_half_done_publish_goes_on(fake: FakeGrafana, fault: Fault, nth: int) -> None:
    fake.faults = failing(fault, "dashboards/db", nth)
    report = publish(fake)
    assert len(report.trouble) == 1
    assert report.trouble[0].startswith(f"Grafana ({fake.url}), asked to write the dashboard soakwatch-")
    assert [step.dashboard.uid for step in report.left] == [TWO[nth - 1].uid]
    fake.faults = lambda _: None
    assert publish(fake).trouble == []
    assert {one.version for one in fake.state.dashboards.values()} == {1}
    assert actions(publish(fake)) == [Action.KEEP, Action.KEEP]


class Killed(BaseException):
    """The process has ended: nothing in it catches that."""


@pytest.mark.parametrize("nth", range(1, 9))
def test_killed_between_any_two_requests_the_next_one_ends_at_the_same(fake: FakeGrafana, nth: int) -> None:
    class MortalApi(GrafanaApi):
        def _ask(self, *asked: Any) -> Any:
            if self.requests + 1 == nth:
                raise Killed
            return super()._ask(*asked)

    publisher = Publisher(DashboardShelf(MortalApi(Where(fake.url, SecretStr(fake.token), 1))))
    try:
        publisher.carry_out(publisher.look(TWO))
    except Killed:
        publish(fake)
    assert {uid: one.version for uid, one in fake.state.dashboards.items()} == {one.uid: 1 for one in TWO}
    assert len(fake.state.folders) == 1


def test_a_missing_data_source_is_only_a_warning(fake: FakeGrafana) -> None:
    fake.state.data_sources.clear()
    (warning,) = look(fake).warnings
    assert "has no data source 'soakwatch-influxdb'" in warning
    assert "soakwatch grafana export" in warning
    fake.permissions.discard("datasources:read")
    assert look(fake).warnings == []


def test_a_grafana_below_a_path_is_asked_there() -> None:
    with FakeGrafana.running(prefix="/grafana") as fake:
        assert len(publish(fake).done) == 2
        assert {asked.path.split("/")[1] for asked in fake.asked} == {"grafana"}
        assert fake.violations == []


def test_where_a_right_is_missing_nothing_more_is_tried(fake: FakeGrafana) -> None:
    fake.permissions.discard("dashboards:write")
    report = publish(fake)
    assert (len(report.left), len(report.trouble)) == (2, 1)
    assert "needs the permission dashboards:create and dashboards:write; the role Editor has it" in report.trouble[0]


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (trouble(503), SurfaceUnavailable, "has trouble of its own (HTTP 503)"),
        (trouble(429), SurfaceUnavailable, "wants to be left alone for 60 s"),
        (page(404), SurfaceRefused, "is grafana.url right, with its path?"),
        (page(200), SurfaceUnavailable, "no answer of Grafana's API"),
        (page(403), SurfaceRefused, "refuses: no reason given. The service account needs the permission"),
        (broken(), SurfaceUnavailable, "no answer of Grafana's API"),
        (closed(), SurfaceUnavailable, "cannot be reached"),
        (silent(), SurfaceUnavailable, "did not answer in time"),
        (moved("https://127.0.0.1:9/"), SurfaceRefused, "somewhere else; set grafana.url"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_trouble_is_one_sentence_that_says_what_was_asked_and_what_to_do(
    fake: FakeGrafana, fault: Fault, kind: type[SurfaceError], says: str
) -> None:
    publish(fake)
    fake.faults = lambda _: fault
    with pytest.raises(kind) as caught:
        look(fake)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"Grafana ({fake.url}), asked to show the dashboard soakwatch-overview")
    assert fake.token not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_grafana_adds_around_a_model_changes_no_digest() -> None:
    model = a_dashboard().model
    saved = {**marked(model), "id": 7, "version": 3, "iteration": 9, "links": [], "style": None}
    saved["panels"] = [{**model["panels"][0], "fieldConfig": {"defaults": {"min": 0}, "overrides": []}}]
    assert digest_of(saved) == digest_of(model) == mark_of(saved)
    assert digest_of({**model, "title": "Other"}) != digest_of(model)


def test_the_dashboards_of_this_version_are_what_is_exported(tmp_path: Path) -> None:
    files = files_to_provision()
    assert len(dashboards()) == sum(name.endswith(".json") for name in files)
    assert {path.relative_to(tmp_path).as_posix() for path in export(files, tmp_path).written} == set(files)


def test_exported_files_that_were_changed_are_left_until_it_is_forced(tmp_path: Path) -> None:
    files = {"dashboards/runs.json": "{}", "provisioning/dashboards/soakwatch.yaml": "apiVersion: 1\n"}
    assert len(export(files, tmp_path).written) == 2
    assert len(export(files, tmp_path).unchanged) == 2
    changed = tmp_path / "dashboards" / "runs.json"
    changed.write_bytes(b"\xff mine")
    assert export(files, tmp_path).left == (changed,)
    assert changed.read_bytes() == b"\xff mine"
    assert export(files, tmp_path, force=True).written == (changed,)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"uid": 3, "title": "x"}', '{"uid": "a", "title": ""}'])
def test_a_file_that_is_no_dashboard_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.json: this is no"):
        read_dashboard(text, "mine.json")


def test_a_folder_of_ones_own_must_have_dashboards_of_different_uids(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no dashboards"):
        dashboards_in(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text('{"uid": "one", "title": "One"}', encoding="utf-8")
    with pytest.raises(UsageError, match="two dashboards have the uid 'one'"):
        dashboards_in(tmp_path)
