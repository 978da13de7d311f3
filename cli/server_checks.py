"""Server checks: what `soakwatch doctor` finds out about InfluxDB."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from soakwatch.cli.findings import Check, Finding, State
from soakwatch.cli.server_setup import difference
from soakwatch.core.configuration import Configuration
from soakwatch.core.environment_variables import TOKEN_VARIABLE
from soakwatch.store.influx_buckets import Buckets, changes
from soakwatch.store.influx_setup import BucketRights, InfluxSetup

SUPPORTED = 2
"""Major version of InfluxDB."""

TOLERATED_SKEW = 2.0
"""Seconds by which the clocks may differ; the server says its time in whole ones."""

FOR_GENERATORS = "rights of a load generator"

_UNREACHABLE = "is it running, and are store.url and the way there (firewall, proxy, certificate) right?"
_RIGHTS = "docs/influxdb.md says how to make a token and what it needs"
_BUCKETS = "`soakwatch init --store influxdb` makes them, with a token that may"


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about the server, and whether the store there can be read with this token."""

    findings: Sequence[Finding]
    readable: bool


def examine(configuration: Configuration) -> Examination:
    """All that can be known of the server; nothing after a check without which the others make no sense."""
    findings: list[Finding] = []
    for check in _CHECKS:
        findings += check.findings(configuration)
        if any(finding.state is State.FAILED for finding in findings):
            return Examination(findings, readable=False)
    return Examination(findings, readable=all(finding.check != FOR_GENERATORS for finding in findings))


def _token(configuration: Configuration) -> Iterator[Finding]:
    configuration.store.read_token()
    from_variable = configuration.store.token.get_secret_value().strip()
    yield Finding(
        "token", State.OK, f"taken from {TOKEN_VARIABLE if from_variable else configuration.store.token_file}"
    )


def _server(configuration: Configuration) -> Iterator[Finding]:
    with InfluxSetup.connect(configuration.store) as server:
        yield version_finding(configuration.store.url, server.version())


def version_finding(url: str, version: str) -> Finding:
    """Whether it is an InfluxDB 2."""
    message = f"{url} is InfluxDB {version}"
    try:
        major = Version(version).major
    except InvalidVersion:
        return Finding(
            "server", State.WARNING, message, "soakwatch is made for InfluxDB 2, and cannot read this version"
        )
    if major == SUPPORTED:
        return Finding("server", State.OK, message)
    return Finding("server", State.FAILED, f"{message}, which has no buckets or no Flux", "soakwatch needs InfluxDB 2")


def _clock(configuration: Configuration) -> Iterator[Finding]:
    with InfluxSetup.connect(configuration.store) as server:
        before = time.time()
        theirs = server.server_time()
        yield clock_finding((before + time.time()) / 2, theirs)


def clock_finding(ours: float, theirs: float) -> Finding:
    """How far the clocks are apart; `theirs` was cut to a whole second."""
    skew = ours - (theirs + 0.5)
    if abs(skew) < TOLERATED_SKEW:
        return Finding("clock", State.OK, f"within {TOLERATED_SKEW:g} s of the server's")
    message = f"the clock here is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    return Finding("clock", State.WARNING, message, "let NTP set both; windows carry the time of this clock")


def _rights(configuration: Configuration) -> Iterator[Finding]:
    buckets = _buckets_of(configuration)
    with InfluxSetup.connect(configuration.store) as server:
        rights = {right.bucket: right for right in server.rights(buckets)}
    missing = [name for name, right in rights.items() if not right.exists]
    if missing:
        message = f"not there, or not for this token: {', '.join(missing)}"
        yield Finding("buckets", State.FAILED, message, _BUCKETS)
    else:
        yield Finding("buckets", State.OK, ", ".join(rights))
        yield rights_finding(buckets, rights)


def rights_finding(buckets: Buckets, rights: Mapping[str, BucketRights]) -> Finding:
    """What the token is good for."""
    lacking = {
        (name, what) for name, right in rights.items() for what in ("reads", "writes") if not getattr(right, what)
    }
    if not lacking:
        return Finding("rights", State.OK, "the token reads and writes all buckets")
    told = ", ".join(f"{what.removesuffix('s')} {name}" for name, what in sorted(lacking))
    needed = {
        *((buckets.raw.name, what) for what in ("reads", "writes")),
        *((bucket.name, "writes") for bucket in (buckets.ten_minutes, buckets.for_ever)),
    }
    if lacking & needed:
        return Finding("rights", State.FAILED, f"the token may not {told}", _RIGHTS)
    message = f"enough for load generators; the token may not {told}, as roll-ups and comparisons must"
    return Finding(FOR_GENERATORS, State.OK, message)


def _retention(configuration: Configuration) -> Iterator[Finding]:
    buckets = _buckets_of(configuration)
    with InfluxSetup.connect(configuration.store) as server:
        different = [change for change in changes(buckets, server.existing(buckets)) if change.found is not None]
    for change in different:
        remedy = "`soakwatch init --store influxdb --update-retention`, or change [retention] to what is there"
        yield Finding("retention", State.WARNING, difference(change), remedy)
    if not different:
        yield Finding("retention", State.OK, "as configured")


def _buckets_of(configuration: Configuration) -> Buckets:
    return Buckets.of(configuration.store.bucket, configuration.retention.seconds)


_CHECKS = (
    Check("token", _token, _RIGHTS),
    Check("server", _server, _UNREACHABLE),
    Check("clock", _clock),
    Check("rights", _rights, _RIGHTS),
    Check("retention", _retention),
)
