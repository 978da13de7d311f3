"""Questions: the parts of InfluxQL that dashboards ask with, so that each is written once.

Buckets and series are variables of the dashboard, and so is the resolution, which follows the time range (core's
`RESOLUTIONS`). Names may be anything: they are compared by patterns, in which Grafana escapes them. `All` of an
endpoint is the service's own row, whose endpoint is `*`: it is merged exactly, and no percentile is ever averaged.
"""

from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.core.verdict import Metric

ANY_ENDPOINT = r"\**"
"""Pattern of `All`: asterisks only, which is the row of the whole service, and a tag that is not there."""

EXACT = 'FROM "${bucket:raw}_${exact:raw}".."requests_${exact:raw}"'
"""Windows that are merged over all processes, of a minute or ten: percentiles are read from them as they are."""

COUNTED = 'FROM "${bucket:raw}_${data:raw}"../^requests/'
"""The finest windows that the time range allows, of 10 seconds, a minute or ten: to add up counts."""

MEASURED = 'FROM "${bucket:raw}_raw".."requests"'
ERRORS = 'FROM "${bucket:raw}_raw".."errors"'
LOAD = 'FROM "${bucket:raw}_raw".."load"'
TALLIES = 'FROM "${bucket:raw}_raw".."tallies"'
DELIVERY = 'FROM "${bucket:raw}_raw".."collector"'
PASSES = 'FROM "${bucket:raw}_raw".."passes"'
TEN_MINUTES = 'FROM "${bucket:raw}_10m".."requests_10m"'
SERVICES = 'FROM "${bucket:raw}_10m".."services"'
VERDICTS = 'FROM "${bucket:raw}_10m".."verdicts"'
INCIDENTS = 'FROM "${bucket:raw}_10m".."incidents"'
RUN_SERIES = 'FROM "${bucket:raw}_10m".."run_series"'
RUNS = 'FROM "${bucket:raw}".."runs"'
DEPLOYS = 'FROM "${bucket:raw}".."deploys"'
REGIONS = 'FROM "${bucket:raw}".."regions"'

ENVIRONMENT = '"env" =~ /^${env:regex}$/'
TEST = f'{ENVIRONMENT} AND "test" =~ /^${{test:regex}}$/'
SERVICE = f'{TEST} AND "service" =~ /^${{service:regex}}$/'
OF_SERVICE = f'("service" =~ /^${{service:regex}}$/ OR "service" = \'{WHOLE_SERVICE}\')'
"""Of events: those of the services that are chosen, and those of all of them, as a test that did not begin."""

ENDPOINT = f'{SERVICE} AND "endpoint" =~ /^${{endpoint:regex}}$/'
WHOLE = f"\"endpoint\" = '{WHOLE_SERVICE}'"
PARTS = f"\"endpoint\" != '{WHOLE_SERVICE}'"
"""All endpoints, without the rows of whole services."""

CHOSEN = '("endpoint" =~ /^${endpoint:regex}$/ OR "no_such_tag" =~ /^${endpoint:regex}$/)'
"""The endpoints that are chosen, and for `All` every one of them. A tag that no point has is an empty text, which only
the pattern of `All` takes."""

COUNTED_WHOLE = "(\"endpoint\" = '*' OR \"source\" != '')"
"""What adds up to whole services: their own rows, and where there are none, all that processes measured, which alone
has a source."""

MEASURED_ENDPOINT = f"{SERVICE} AND {CHOSEN} AND {PARTS}"
"""The same where there are no rows of whole services: in what processes measured, and what is kept of runs."""

PER_SERVICE = '"service"'
PER_SERIES = '"service", "method", "endpoint"'
SERIES_ALIAS = "$tag_service $tag_method $tag_endpoint"

EVERY = "time($every)"
SLOWLY = "time($slowly)"
"""Steps of what is written each ten minutes."""


def of_metric(metric: Metric) -> str:
    """The condition that a verdict is about `metric`."""
    return f"\"metric\" = '{metric}'"


def select(what: str, source: str, *conditions: str, by: str = "", fill: str = "") -> str:
    """One question, within the time range."""
    where = " AND ".join([*conditions, "$timeFilter"])
    grouped = f" GROUP BY {by}" if by else ""
    return f"SELECT {what} {source} WHERE {where}{grouped}{f' fill({fill})' if fill else ''}"


def select_of(what: str, inner: str, *conditions: str, by: str = "") -> str:
    """A question about the answers to another one."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = f" GROUP BY {by}" if by else ""
    return f"SELECT {what} FROM ({inner}){where}{grouped}"


def newest_rate(*conditions: str) -> str:
    """Requests a second in the newest window. The last step of a line is of no use for it: it has only just begun."""
    counted = select('sum("count") AS "count"', EXACT, *conditions, by="time(${exact:raw})", fill="none")
    # inside, InfluxDB 2 would take a count that is divided for a whole number
    return select_of('last("count") / $width AS "requests"', counted)


def during(what: str, source: str, end: str, *conditions: str) -> str:
    """One question about what lasts: all that touches the time range, also what began before it.

    `end` is when it ended, in milliseconds since the epoch.
    """
    where = " AND ".join([*conditions, "time <= ${__to}ms", f"{end} >= ${{__from}}"])
    return f"SELECT {what} {source} WHERE {where}"


def latest(field: str, source: str, *conditions: str, by: str) -> str:
    """The latest value of `field` of each series, under its own name."""
    return lately(f'last("{field}") AS "{field}"', source, *conditions, by=by)


def lately(what: str, source: str, *conditions: str, by: str) -> str:
    """One question about what was last at the end of the time range, in the day before it, however long the range is.

    In a short one there may be nothing of what is written each ten minutes; in a long one there is what is long gone.
    """
    where = " AND ".join([*conditions, "time > ${__to}ms - 1d", "time <= ${__to}ms"])
    return f"SELECT {what} {source} WHERE {where} GROUP BY {by}"
