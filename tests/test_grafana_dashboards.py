"""The dashboards' files: as the code makes them, as Grafana takes them, and whole."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_types import complaints

from soakwatch.core.resolution import RESOLUTIONS
from soakwatch.grafana.catalogue import DASHBOARDS, FOLDER, text_of
from soakwatch.reporter.page_links import SERVICE_DASHBOARD

UIDS = {f"soakwatch-{name}" for name in DASHBOARDS}
BUILT_IN = {"__from", "__to", "timeFilter", "__url_time_range", "__value", "__data", "__all"}
"""Names that Grafana gives a meaning to."""


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in document(name)["panels"] if panel["type"] != "row"]


@pytest.fixture(params=DASHBOARDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_files_are_what_the_code_makes(name: str) -> None:
    kept = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert kept == text_of(DASHBOARDS[name]()), "`make dashboards` writes them anew"


def test_no_file_is_left_over() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(DASHBOARDS)


def test_grafanas_own_models_read_a_dashboard_and_lose_nothing_of_it(name: str) -> None:
    known = document(name)
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(known)))
    # the SDK knows nothing of what InfluxDB's data source asks for marks by, and writes defaults of its own
    for annotation in known["annotations"]["list"]:
        annotation.pop("target", None)
    assert _within(known, again) == []


def _within(part: Any, whole: Any, place: str = "") -> list[str]:
    """Where `whole` does not have what `part` has."""
    if isinstance(part, dict):
        if not isinstance(whole, dict):
            return [place]
        return [bad for key in part for bad in _within(part[key], whole.get(key), f"{place}/{key}")]
    if isinstance(part, list):
        if not isinstance(whole, list) or len(part) != len(whole):
            return [place]
        return [
            bad
            for number, (one, other) in enumerate(zip(part, whole, strict=True))
            for bad in _within(one, other, f"{place}/{number}")
        ]
    return [] if part == whole else [place]


@pytest.mark.npm
def test_grafanas_types_take_every_dashboard_panel_and_question(tmp_path: Path) -> None:
    assert complaints({name: document(name) for name in DASHBOARDS}, tmp_path) == ""


@pytest.mark.npm
def test_grafanas_types_refuse_what_is_none_of_theirs(tmp_path: Path) -> None:
    wrong = document("overview")
    wrong["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["mode"] = "absolutely"
    assert "absolutely" in complaints({"overview": wrong}, tmp_path)


def test_nobody_edits_a_dashboard_in_grafana_by_mistake(name: str) -> None:
    assert document(name)["editable"] is False


def test_every_panel_says_what_it_shows_in_which_unit_and_from_where(name: str) -> None:
    for panel in panels(name):
        assert panel["title"]
        assert len(panel["description"]) > 30, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": "influxdb", "uid": "${datasource}"}
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            assert target["query"].startswith("SELECT ")


def test_panels_lie_beside_each_other_on_a_grid_of_24_columns(name: str) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in document(name)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_every_panel_has_an_id_of_its_own_and_every_dashboard_its_uid() -> None:
    for name in DASHBOARDS:
        ids = [panel["id"] for panel in document(name)["panels"]]
        assert sorted(ids) == list(range(1, len(ids) + 1))
    assert {document(name)["uid"] for name in DASHBOARDS} == UIDS


def test_issues_lead_to_a_dashboard_that_takes_what_their_links_choose() -> None:
    assert SERVICE_DASHBOARD in UIDS
    variables = {variable["name"] for variable in document("service")["templating"]["list"]}
    assert {"env", "test", "service", "endpoint"} <= variables


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)


def test_every_variable_that_is_named_is_there(name: str) -> None:
    known = {variable["name"] for variable in document(name)["templating"]["list"]} | BUILT_IN
    for text in texts(document(name)):
        # `$tag_service` is an alias, and `$/` the end of a pattern
        named = set(re.findall(r"\$\{?(\w+)", text))
        assert {one for one in named if not one.startswith("tag_") and one != "col"} <= known, text


def test_every_variable_is_used(name: str) -> None:
    everything = " ".join(texts(document(name)))
    for variable in document(name)["templating"]["list"]:
        assert re.search(rf"\$\{{?{variable['name']}\b", everything), variable["name"]


def test_every_link_leads_to_one_of_the_dashboards_or_to_what_the_data_says(name: str) -> None:
    links = [
        link["url"]
        for panel in panels(name)
        for override in panel["fieldConfig"].get("overrides", [])
        for one in override["properties"]
        if one["id"] == "links"
        for link in one["value"]
    ]
    for url in links:
        path = urlsplit(url).path
        assert path.removeprefix("/d/") in UIDS or url.startswith("${"), url


def test_no_bucket_organisation_or_id_is_written_down(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            sources = re.findall(r'FROM "([^"]*)"', target["query"])
            assert sources
            assert all(source.startswith("${bucket:raw}") for source in sources), target["query"]
    assert "orgId" not in json.dumps(document(name))
    assert document(name).get("id") is None


def test_every_question_is_bounded_in_time_or_to_chosen_runs(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            bounds = ("$timeFilter", "time <= ${__to}ms", '"run" =~')
            assert any(bound in target["query"] for bound in bounds), panel["title"]


def test_lines_and_verdicts_end_where_there_is_no_data(name: str) -> None:
    """Grafana draws on to the next value, however far that is, unless the answer has a missing one between them."""
    drawn_on = [
        (panel["title"], target["refId"])
        for panel in panels(name)
        for target in panel["targets"]
        if panel["type"] == "state-timeline" or _custom(panel).get("drawStyle", "line") == "line"
        if target["resultFormat"] == "time_series" and panel["type"] in {"timeseries", "state-timeline"}
        if not target["query"].endswith("fill(null)") and _custom(panel).get("spanNulls") is not True
    ]
    assert drawn_on == []


def _custom(panel: dict[str, Any]) -> dict[str, Any]:
    custom: dict[str, Any] = panel["fieldConfig"]["defaults"].get("custom") or {}
    return custom


def test_runs_with_several_series_are_joined_without_losing_one() -> None:
    (versions,) = [panel for panel in panels("service") if panel["title"].startswith("Before and after")]
    assert versions["transformations"][0]["options"] == {"byField": "run", "mode": "outerTabular"}


def test_lines_have_a_bounded_number_of_points() -> None:
    for one in RESOLUTIONS:
        # what is kept for 400 days is the longest that can be asked for
        assert min(one.longest, 400 * 86_400) / one.seconds <= 1_600


def test_thresholds_and_units_are_called_as_grafana_calls_them(name: str) -> None:
    units = {"ms", "s", "percentunit", "percent", "reqps", "short", "dateTimeAsIso"}
    for panel in panels(name):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in units
        if "thresholds" in defaults:
            first, *others = defaults["thresholds"]["steps"]
            assert first["value"] is None
            assert [one["value"] for one in others] == sorted(one["value"] for one in others)
