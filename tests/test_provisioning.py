"""What Grafana is provisioned with: the files keep Grafana's rules, and each alert rule fires where it should."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from grafana_alerting import Evaluation, evaluate, interpolated, rendered
from influxd_process import Server
from influxdb_server import new_bucket
from issue_desk import an_incident

from soakwatch.core.health import Health
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind, State
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.core.shown_incident import ShownIncident
from soakwatch.core.store_settings import StoreSection
from soakwatch.core.verdict import Severity
from soakwatch.grafana.alert_rules import RECEIVER, RULES, rules_document
from soakwatch.grafana.variables import DATA_SOURCE_UID
from soakwatch.scheduler.alert_notice import alerts_of
from soakwatch.scheduler.daemon_app import ALERTS
from soakwatch.store import influx_points as forms
from soakwatch.store.influx_setup import Role
from soakwatch.store.line_protocol import line_of
from soakwatch.store.projected_lines import INCIDENTS, PASSES, projected_line

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "grafana" / "provisioning"
FILES = sorted(FOLDER.rglob("*.yaml"))
UPDATE = "SOAKWATCH_TEST_UPDATE_DOCS"
HEADER = """\
# Alert rules over what soakwatch stores in the buckets of `soakwatch`. Made by grafana/alert_rules.py, which says why
# they are as they are: change it, and run tests/test_provisioning.py with SOAKWATCH_TEST_UPDATE_DOCS=1.
# grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/#import-alert-rules
"""
NOW = 1_795_400_000
FINGERPRINT = "3f9a2c1d7700"


class _Readable(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT002, ARG002  (yaml's own)
        super().increase_indent(flow, False)


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_keeps_the_rules_of_grafana(file: Path) -> None:
    schema = ROOT / "tests" / "data" / f"grafana-provisioning-{file.parent.name}.schema.json"
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_those_of_the_code() -> None:
    file = FOLDER / "alerting" / "rules.yaml"
    document = rules_document(StoreSection().bucket)
    if os.environ.get(UPDATE):
        body = yaml.dump(document, Dumper=_Readable, sort_keys=False, width=110, allow_unicode=True)
        file.write_text(f"{HEADER}{body}", encoding="utf-8")
    assert load(file) == document, f"run with {UPDATE}=1"


def test_the_data_source_is_the_one_that_is_asked_and_its_token_is_that_of_dashboards(tmp_path: Path) -> None:
    (source,) = load(FOLDER / "datasources" / "soakwatch.yaml")["datasources"]
    assert source["uid"] == DATA_SOURCE_UID
    value = source["secureJsonData"]["httpHeaderValue1"]
    place = Path(re.findall(r"\$__file\{(.+)\}", value)[0])
    assert place.name == f"soakwatch-{Role.READER}.token"
    here = tmp_path / place.name
    here.write_text("secret\n", encoding="ascii")
    source["secureJsonData"]["httpHeaderValue1"] = value.replace(str(place), str(here))
    taken = interpolated(source, {"SOAKWATCH_STORE__URL": "http://db:8086", "SOAKWATCH_STORE__BUCKET": "perf"})
    assert (taken["url"], taken["jsonData"]["dbName"]) == ("http://db:8086", "perf_10m")
    assert taken["secureJsonData"]["httpHeaderValue1"] == "Token secret"


def test_alerts_go_to_the_daemon_with_its_token_and_the_tree_of_policies_is_left_alone() -> None:
    (point,) = load(FOLDER / "alerting" / "contact-points.yaml")["contactPoints"]
    assert point["name"] == RECEIVER
    (receiver,) = point["receivers"]
    url = f"http://daemon:9178{ALERTS}"
    settings = interpolated(
        receiver["settings"], {"SOAKWATCH_HTTP__URL": url, "SOAKWATCH_HTTP__TOKEN": "a-token-of-16-char"}
    )
    assert settings["url"] == url
    assert (settings["authorization_scheme"], settings["authorization_credentials"]) == ("Bearer", "a-token-of-16-char")
    assert {rule["notification_settings"]["receiver"] for rule in rules().values()} == {RECEIVER}
    assert not any("policies" in load(file) for file in FILES)


def rules(bucket: str = "soakwatch") -> dict[str, dict[str, Any]]:
    """The rules as Grafana has them, by uid without its beginning."""
    (group,) = interpolated(rules_document(bucket), {})["groups"]
    return {rule["uid"].removeprefix("soakwatch-"): rule for rule in group["rules"]}


@pytest.mark.parametrize("uid", ["critical", "warning", "no-data"])
def test_an_alert_about_an_incident_tells_the_daemon_which(uid: str) -> None:
    rule = rules()[uid]
    of_series = {"env": "staging", "service": "cart", "fingerprint": FINGERPRINT}
    labels = {name: rendered(value, of_series) for name, value in rule["labels"].items()}
    texts = {name: rendered(value, of_series) for name, value in rule["annotations"].items()}
    alert = {
        "status": "firing",
        "labels": {"alertname": rule["title"], **of_series, **labels},
        "annotations": texts,
        "startsAt": "2026-11-23T00:00:00Z",
        "fingerprint": "c6eadffa33fcdf37",
    }
    (told,) = alerts_of(json.dumps({"alerts": [alert]}).encode(), NOW)
    assert told.incident == FINGERPRINT
    assert "cart in staging" in told.summary
    assert FINGERPRINT in told.description
    assert "$" not in "".join([*labels.values(), *texts.values()])


def test_what_is_asked_for_are_measurements_that_are_written_by_these_names() -> None:
    asked = " ".join(rule.query for rule in RULES)
    (collector,) = set(re.findall(r'_raw"\.\."(c\w+)"', asked))
    assert collector == forms.HEALTH.measurement
    assert {"spooled", "dropped"} <= set(forms.HEALTH.fields)
    assert set(forms.HEALTH.tags) == {"env", "test", "source"}
    assert set(re.findall(r"= '([^']+)'", asked)) == {State.SUSPECT, Kind.NO_DATA, PassName.DETECTION}
    assert set(re.findall(r'\.\."(\w+)"', asked)) == {forms.HEALTH.measurement, INCIDENTS, PASSES}


def test_the_page_names_every_rule_with_its_severity() -> None:
    page = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8").partition("## Alerts\n")[2]
    rows = re.findall(r"^\| ([A-Z][^|]+) \|[^|]+\| (\w+) \|", page, re.MULTILINE)
    assert rows == [(rule.title, rule.labels["severity"]) for rule in RULES]


def test_an_alert_leads_to_the_panel_that_shows_it() -> None:
    dashboards = [json.loads(file.read_text("utf-8")) for file in (ROOT / "grafana" / "dashboards").glob("*.json")]
    titles = {(one["uid"], panel["id"]): panel["title"] for one in dashboards for panel in one["panels"]}
    assert [titles[rule.dashboard, rule.panel] for rule in RULES] == [
        *["Open incidents"] * 3,
        *("Spool", "Lost, and tried again", "How long passes take"),
    ]


class Story:
    """Points in a store of the test's own, and what the rules say of them."""

    def __init__(self, server: Server, bucket: str) -> None:
        self.server = server
        self.bucket = bucket

    def write(self, bucket: str, *lines: str) -> None:
        requests.post(
            f"{self.server.url}/api/v2/write",
            params={"org": self.server.org, "bucket": f"{self.bucket}{bucket}", "precision": "ns"},
            headers={"Authorization": f"Token {self.server.token}"},
            data="\n".join(lines).encode(),
            timeout=30,
        ).raise_for_status()

    def passed(self, age: float, name: PassName = PassName.DETECTION, *, trouble: bool = False) -> None:
        self.write("_raw", projected_line(PassAccount(NOW - age, "staging", name, 1.5, trouble)))

    def incident(
        self,
        age: float,
        state: State,
        severity: Severity = Severity.CRITICAL,
        kind: Kind = Kind.LATENCY,
        ruling: Ruling | None = None,
    ) -> Incident:
        """What is told of one incident, so many seconds ago."""
        told = replace(an_incident(NOW - 7_200, kind=kind), state=state, severity=severity, ruling=ruling)
        self.write("_10m", projected_line(ShownIncident(NOW - age, told, "title")))
        return told

    def delivered(self, age: float, environment: str = "staging", *, spooled: int = 0, dropped: int = 0) -> None:
        health = Health(environment, "nightly", "a", NOW - age, 1_000, spooled, dropped, 0, 0.0)
        self.write("_raw", line_of(health))

    def says(self, uid: str) -> Evaluation:
        return evaluate(rules(self.bucket)[uid], self.server, f"{self.bucket}_10m", NOW)

    def fires(self) -> set[str]:
        """The rules that fire."""
        return {uid for uid in rules() if self.says(uid).state == "Alerting"}


@pytest.fixture
def story(influxdb: Server) -> Iterator[Story]:
    """One in which the detector is at work."""
    with new_bucket(influxdb) as name:
        made = Story(influxdb, name)
        made.passed(30)
        yield made


on_influxdb = pytest.mark.influxdb


@on_influxdb
def test_nothing_fires_where_all_is_well_and_nothing_else_has_been_written(story: Story) -> None:
    assert story.fires() == set()


@on_influxdb
def test_a_critical_incident_fires_from_its_confirmation_until_it_is_over_and_names_itself(story: Story) -> None:
    story.incident(1_200, State.SUSPECT)
    assert story.fires() == set()
    told = story.incident(600, State.CONFIRMED)
    assert story.fires() == {"critical"}
    (labels,) = story.says("critical").firing
    assert labels == {"env": told.environment, "service": told.service, "fingerprint": told.fingerprint}
    story.incident(300, State.RECOVERING)
    assert story.fires() == {"critical"}
    story.incident(60, State.RESOLVED)
    assert story.fires() == set()


@on_influxdb
def test_an_incident_that_gets_worse_moves_from_the_warning_to_the_critical_rule(story: Story) -> None:
    story.incident(900, State.CONFIRMED, Severity.WARNING)
    assert story.fires() == {"warning"}
    story.incident(300, State.CONFIRMED)
    assert story.fires() == {"critical"}


@on_influxdb
def test_an_incident_that_somebody_ignores_fires_again_when_the_silence_ends(story: Story) -> None:
    ruling = Ruling(RulingKind.IGNORE, NOW - 900, "known", until=NOW - 100)
    story.incident(1_200, State.CONFIRMED)
    story.incident(600, State.CONFIRMED, ruling=ruling)
    assert story.fires() == set()
    story.incident(60, State.CONFIRMED, ruling=ruling)
    assert story.fires() == {"critical"}


@on_influxdb
def test_an_incident_that_was_none_never_fires(story: Story) -> None:
    story.incident(1_200, State.SUSPECT)
    story.incident(600, State.RESOLVED)
    assert story.fires() == set()


@on_influxdb
@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.CRITICAL])
def test_silence_of_a_service_is_an_alert_of_its_own(story: Story, severity: Severity) -> None:
    story.incident(600, State.CONFIRMED, severity, Kind.NO_DATA)
    assert story.fires() == {"no-data"}


@on_influxdb
def test_a_spool_that_grows_fires_and_one_that_is_emptied_now_and_then_does_not(story: Story) -> None:
    for age, waiting, elsewhere in ((590, 5, 5), (300, 70, 0), (10, 900, 70)):
        story.delivered(age, spooled=waiting)
        story.delivered(age, "perf", spooled=elsewhere)
    assert story.fires() == {"spool"}
    assert story.says("spool").firing == [{"env": "staging", "test": "nightly"}]


@on_influxdb
def test_losing_requests_fires_while_more_are_lost_and_not_for_ever_after(story: Story) -> None:
    story.delivered(500, dropped=7)
    story.delivered(60, dropped=7)
    assert story.fires() == set()
    story.delivered(10, dropped=9)
    assert story.fires() == {"dropped"}
    assert list(story.says("dropped").values.values()) == [2]


@on_influxdb
def test_a_detector_that_stands_still_or_only_fails_is_an_alert(influxdb: Server) -> None:
    with new_bucket(influxdb) as name:
        story = Story(influxdb, name)
        assert story.fires() == {"stalled"}
        story.passed(400)
        story.passed(30, PassName.ROLL_UP)
        story.passed(20, trouble=True)
        assert story.fires() == {"stalled"}
        story.passed(200)
        assert story.fires() == set()


def test_each_alert_names_the_section_that_says_what_to_do_about_it() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^## (.+)$", page, flags=re.MULTILINE))
    for rule in RULES:
        assert rule.title in headings
        assert rule.page == f"docs/alerts.md#{rule.title.lower().replace(' ', '-')}"
    metrics = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    assert set(re.findall(r"- alert: (\w+)", metrics)) <= headings
