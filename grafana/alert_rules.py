"""Alert rules: what Grafana watches over in what soakwatch stores, and whom it tells.

`rules_document` is the file that Grafana provisions; a test holds that `provisioning/alerting/rules.yaml` is it. Three
things in it are not obvious (pkg/services/provisioning/alerting/rules_types.go and values/values.go of Grafana):

- Environment variables are put into labels, but neither into queries nor, in version 12, into annotations: `$labels` is
  `$$labels` in a label, and as it is in an annotation; a query has the name of its bucket and a plain `$timeFilter`.
- Where a rule names its receiver, the tree of notification policies is neither asked nor changed. A provisioned policy
  would replace the whole tree, the routes of other teams included.
- The states of no data and of errors are chosen per rule: silence is good news of incidents, and bad of the daemon.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soakwatch.grafana.frame import OVERVIEW, PIPELINE
from soakwatch.grafana.variables import DATA_SOURCE_UID

FOLDER = RECEIVER = "soakwatch"
INCIDENT_LABEL = "soakwatch_incident"
"""Tells soakwatch which incident an alert is about."""

EVERY = 60
_EXPRESSIONS = "__expr__"
_OPEN_INCIDENTS, _SPOOL, _LOST, _PASSES = 9, 8, 11, 14
"""Panels, by their numbers in the dashboards."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule: fires where `reducer` of what `query` gives over the last `seconds` is `compared` with `bounds`.

    `query` is InfluxQL with `{bucket}` for the base name of the buckets. The alert links to `panel` of `dashboard`.
    `pending` are the seconds for which it must hold. `no_data` and `error` are the states of Grafana when the query
    gives nothing, or fails.
    """

    uid: str
    title: str
    query: str
    seconds: int
    reducer: str
    compared: str
    bounds: Sequence[float]
    dashboard: str
    panel: int
    labels: Mapping[str, str]
    summary: str
    description: str
    pending: int = 0
    no_data: str = "OK"
    error: str = "KeepLast"

    @property
    def page(self) -> str:
        """Where it is said what to do about it."""
        return f"docs/alerts.md#{self.title.lower().replace(' ', '-')}"


_ABOUT_INCIDENT = {INCIDENT_LABEL: "{{ $$labels.fingerprint }}"}
_OF_INCIDENTS = (
    'SELECT last("alarm") FROM "{{bucket}}_10m".."incidents"'
    " WHERE $timeFilter AND \"state\" != 'suspect' AND \"kind\" {kind} 'no data'"
    ' GROUP BY "env", "service", "fingerprint"'
)
_OF_DELIVERY = (
    'SELECT sum("more") FROM (SELECT {more} FROM "{{bucket}}_raw".."collector" WHERE $timeFilter'
    ' GROUP BY "env", "test", "source"){where} GROUP BY "env", "test"'
)
_OF_PASSES = (
    'SELECT count("duration") FROM "{bucket}_raw".."passes" WHERE $timeFilter'
    ' AND "pass" = \'detection\' AND "trouble" = 0'
)
_REGRESSED = _OF_INCIDENTS.format(kind="!=")
_WHICH = "{{ $labels.service }} in {{ $labels.env }}"
_INCIDENT = "incident {{ $labels.fingerprint }}; `soakwatch incidents show {{ $labels.fingerprint }}` says why"

RULES = (
    AlertRule(
        uid="soakwatch-critical",
        title="Critical regression",
        query=_REGRESSED,
        seconds=3_600,
        reducer="last",
        compared="gt",
        bounds=(2.5,),
        dashboard=OVERVIEW,
        panel=_OPEN_INCIDENTS,
        labels={"severity": "critical", **_ABOUT_INCIDENT},
        summary=f"{_WHICH} has regressed, critically",
        description=f"A confirmed regression: {_INCIDENT}.",
    ),
    AlertRule(
        uid="soakwatch-warning",
        title="Regression",
        query=_REGRESSED,
        seconds=3_600,
        reducer="last",
        compared="within_range",
        bounds=(1.5, 2.5),
        dashboard=OVERVIEW,
        panel=_OPEN_INCIDENTS,
        labels={"severity": "warning", **_ABOUT_INCIDENT},
        summary=f"{_WHICH} has regressed",
        description=f"A confirmed regression: {_INCIDENT}.",
    ),
    AlertRule(
        uid="soakwatch-no-data",
        title="No data",
        query=_OF_INCIDENTS.format(kind="="),
        seconds=3_600,
        reducer="last",
        compared="gt",
        bounds=(1.5,),
        dashboard=OVERVIEW,
        panel=_OPEN_INCIDENTS,
        labels={"severity": "critical", **_ABOUT_INCIDENT},
        summary=f"nothing is heard of {_WHICH}",
        description=f"A test has fallen silent, or did not begin when it was due: {_INCIDENT}.",
    ),
    AlertRule(
        uid="soakwatch-spool",
        title="Spool grows",
        query=_OF_DELIVERY.format(
            more='last("spooled") - first("spooled") AS "more", min("spooled") AS "least"', where=' WHERE "least" > 0'
        ),
        seconds=600,
        reducer="last",
        compared="gt",
        bounds=(0,),
        dashboard=PIPELINE,
        panel=_SPOOL,
        labels={"severity": "warning", "service": "soakwatch"},
        summary="more and more requests of {{ $labels.test }} in {{ $labels.env }} wait for the store",
        description="{{ $values.B.Value }} more than ten minutes ago; `soakwatch spool status` on the load generator.",
        pending=300,
    ),
    AlertRule(
        uid="soakwatch-dropped",
        title="Requests lost",
        query=_OF_DELIVERY.format(more='last("dropped") - first("dropped") AS "more"', where=""),
        seconds=600,
        reducer="last",
        compared="gt",
        bounds=(0,),
        dashboard=PIPELINE,
        panel=_LOST,
        labels={"severity": "critical", "service": "soakwatch"},
        summary="requests of {{ $labels.test }} in {{ $labels.env }} are lost, or refused by the store",
        description="{{ $values.B.Value }} within ten minutes; `soakwatch doctor` on the load generator says why.",
    ),
    AlertRule(
        uid="soakwatch-stalled",
        title="Detector stalled",
        query=_OF_PASSES,
        seconds=300,
        reducer="sum",
        compared="lt",
        bounds=(1,),
        dashboard=PIPELINE,
        panel=_PASSES,
        labels={"severity": "critical", "service": "soakwatch"},
        summary="soakwatch has not looked for regressions for five minutes",
        description="`soakwatch watch` does not run, or cannot reach the store: its log says which.",
        pending=60,
        no_data="Alerting",
        error="Alerting",
    ),
)


def rules_document(bucket: str, rules: Sequence[AlertRule] = RULES) -> dict[str, Any]:
    """The rules as Grafana provisions them, for the store whose bucket is called `bucket`."""
    group = {
        "orgId": 1,
        "name": "soakwatch",
        "folder": FOLDER,
        "interval": f"{EVERY}s",
        "rules": [_document(rule, bucket) for rule in rules],
    }
    return {"apiVersion": 1, "groups": [group]}


def _document(rule: AlertRule, bucket: str) -> dict[str, Any]:
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "C",
        "data": [_asked(rule, bucket), _reduced(rule), _compared(rule)],
        "dashboardUid": rule.dashboard,
        "panelId": rule.panel,
        "noDataState": rule.no_data,
        "execErrState": rule.error,
        "for": f"{rule.pending}s",
        "labels": dict(rule.labels),
        "annotations": {"summary": rule.summary, "description": f"{rule.description} What to do: {rule.page}."},
        "notification_settings": {"receiver": RECEIVER, "group_by": ["grafana_folder", "alertname", "env", "service"]},
    }


def _asked(rule: AlertRule, bucket: str) -> dict[str, Any]:
    model = {
        "refId": "A",
        "datasource": {"type": "influxdb", "uid": DATA_SOURCE_UID},
        "query": rule.query.format(bucket=bucket),
        "rawQuery": True,
        "resultFormat": "time_series",
        "intervalMs": 1_000 * EVERY,
        "maxDataPoints": 1_000,
    }
    span = {"from": rule.seconds, "to": 0}
    return {"refId": "A", "relativeTimeRange": span, "datasourceUid": DATA_SOURCE_UID, "model": model}


def _reduced(rule: AlertRule) -> dict[str, Any]:
    return _expression("B", {"type": "reduce", "expression": "A", "reducer": rule.reducer})


def _compared(rule: AlertRule) -> dict[str, Any]:
    condition = {"evaluator": {"type": rule.compared, "params": list(rule.bounds)}}
    return _expression("C", {"type": "threshold", "expression": "B", "conditions": [condition]})


def _expression(name: str, model: Mapping[str, Any]) -> dict[str, Any]:
    source = {"type": _EXPRESSIONS, "uid": _EXPRESSIONS}
    return {"refId": name, "datasourceUid": _EXPRESSIONS, "model": {"refId": name, "datasource": source, **model}}
