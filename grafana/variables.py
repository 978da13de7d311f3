"""Variables: what is chosen at the top of a dashboard, and what follows from it unseen."""

from typing import Literal

from grafana_foundation_sdk.builders.dashboard import (
    DatasourceVariable,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from soakwatch.grafana.questions import ANY_ENDPOINT, ENVIRONMENT, SERVICE, TEST
from soakwatch.grafana.target import SOURCE

DATA_SOURCE_UID = "soakwatch-influxdb"
"""Fixed uid of the data source that is provisioned."""

_RUNS = 'ON "${bucket:raw}" FROM "runs"'
"""Runs are there from their first second on, and for ever."""

_SERIES = 'ON "${bucket:raw}_${exact:raw}" FROM "requests_${exact:raw}"'
"""What is there in the windows that the time range is shown with."""

Variable = Builder[VariableModel]


def place() -> list[Variable]:
    """Where the data is."""
    source = (
        DatasourceVariable("datasource")
        .label("Data source")
        .description("An InfluxDB data source that speaks InfluxQL")
        .type("influxdb")
        .current(VariableOption(text="soakwatch", value=DATA_SOURCE_UID))
    )
    bucket = (
        _asked("bucket", "SHOW DATABASES")
        .label("Store")
        .description("The configured store.bucket, found by its bucket of ten minutes")
        .regex("/^(.+)_10m$/")
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    )
    return [source, bucket]


def environment() -> Variable:
    """What is tested."""
    return _asked("env", f'SHOW TAG VALUES {_RUNS} WITH KEY = "env"').label("Environment")


def test() -> Variable:
    """The test whose series are shown."""
    return _asked("test", f'SHOW TAG VALUES {_RUNS} WITH KEY = "test" WHERE {ENVIRONMENT}').label("Test")


def service() -> Variable:
    """One service, or some, or all."""
    asked = _asked("service", f'SHOW TAG VALUES {_SERIES} WITH KEY = "service" WHERE {TEST}')
    return asked.label("Service").multi(True).include_all(True).all_value(".*")


def endpoint() -> Variable:
    """One endpoint, or some; `All` is the service as a whole."""
    where = f"{SERVICE} AND \"endpoint\" != '*'"
    asked = _asked("endpoint", f'SHOW TAG VALUES {_SERIES} WITH KEY = "endpoint" WHERE {where}')
    everything = VariableOption(text="All", value="$__all")
    return asked.label("Endpoint").multi(True).include_all(True).all_value(ANY_ENDPOINT).current(everything)


def run(name: str, label: str) -> Variable:
    """A run that is over; the newest first."""
    where = f'ON "${{bucket:raw}}_10m" FROM "run_series" WITH KEY = "run" WHERE {TEST}'
    return _asked(name, f"SHOW TAG VALUES {where}").label(label).sort(VariableSort.ALPHABETICAL_DESC)


def trace_address() -> Variable:
    """Where traces are shown, if anywhere."""
    return (
        TextBoxVariable("traces")
        .label("Trace URL")
        .description("Beginning of the address of a trace, such as https://tempo.example.com/trace/; its id is added")
        .default_value("")
    )


Follower = Literal["every", "slowly", "seconds", "data", "exact", "width"]
"""What follows the time range: fields of core's `Resolution`."""


def resolution(*names: Follower) -> list[Variable]:
    """What follows the time range unseen: the steps of lines, and which windows are read."""
    return [_of_range(name) for name in names]


def _of_range(name: Follower) -> Variable:
    query = (
        f'SELECT "{name}" FROM "${{bucket:raw}}".."resolutions" '
        'WHERE "longest" >= ${__to} - ${__from} AND "shortest" < ${__to} - ${__from}'
    )
    return _asked(name, query).hide(VariableHide.HIDE_VARIABLE).sort(VariableSort.DISABLED)


def _asked(name: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
