"""Wishes: which annotations there should be about runs, deploys, incidents and maintenance."""

from collections.abc import Iterable
from hashlib import sha256

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, State
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.run import Run
from soakwatch.grafana.annotation import About, Annotation
from soakwatch.grafana.annotation_words import ANY, deploy_text, incident_text, maintenance_text, run_text, tag_of


def wishes(
    runs: Iterable[Run],
    deploys: Iterable[Deploy],
    incidents: Iterable[Incident],
    maintenance: Iterable[Maintenance] = (),
) -> list[Annotation]:
    """One annotation for each run, deploy and maintenance, and for each incident that was confirmed; oldest first.

    What has no time that Grafana could show has none: runs that were read from files without one.
    """
    confirmed = (one for one in incidents if one.confirmed is not None)
    made = [
        *map(of_run, runs),
        *map(of_deploy, deploys),
        *map(of_incident, confirmed),
        *map(of_maintenance, maintenance),
    ]
    return sorted((one for one in made if one.start > 0), key=lambda one: (one.start, one.identity))


def of_run(run: Run) -> Annotation:
    """From start to end. A run whose end is not known is a point: one that was killed would go on for ever."""
    start = _milliseconds(run.start)
    return Annotation(
        About.RUN,
        _identity(About.RUN, run.environment, run.id),
        start,
        start if run.end is None else max(start, _milliseconds(run.end)),
        run_text(run),
        (*tag_of("env", run.environment), *tag_of("test", run.test)),
    )


def of_deploy(deploy: Deploy) -> Annotation:
    """A point."""
    at = _milliseconds(deploy.at)
    return Annotation(
        About.DEPLOY,
        _identity(About.DEPLOY, deploy.environment, deploy.service, f"{deploy.at:.3f}"),
        at,
        at,
        deploy_text(deploy),
        (*tag_of("env", deploy.environment), *tag_of("service", deploy.service)),
    )


def of_incident(incident: Incident) -> Annotation:
    """From the onset to the recovery; up to the last moment that was judged where there is none yet.

    Grafana has no regions without an end. One that ends where the detector's knowledge does says neither that it is
    over nor more than is known.
    """
    start = _milliseconds(incident.onset.start)
    return Annotation(
        About.INCIDENT,
        incident.fingerprint,
        start,
        max(start, _milliseconds(_end(incident))),
        incident_text(incident),
        (*tag_of("env", incident.environment), *tag_of("service", incident.service)),
        is_moving=incident.state in {State.SUSPECT, State.CONFIRMED},
    )


def of_maintenance(maintenance: Maintenance) -> Annotation:
    """From its beginning to its end, which may be to come. One that was planned is told by when it began."""
    start = _milliseconds(maintenance.span.start)
    told_by = (maintenance.mute,) if maintenance.mute else (maintenance.service, maintenance.title, str(start))
    patterns = ("env", maintenance.environment), ("service", maintenance.service)
    return Annotation(
        About.MAINTENANCE,
        _identity(About.MAINTENANCE, *told_by),
        start,
        max(start, _milliseconds(maintenance.span.end)),
        maintenance_text(maintenance),
        tuple(tag for key, name in patterns if name != ANY for tag in tag_of(key, name)),
    )


def _end(incident: Incident) -> float:
    if incident.state in {State.RECOVERING, State.RESOLVED}:
        recovered = incident.recovering
        if recovered is not None and recovered >= (incident.confirmed or recovered):
            return recovered
    ends = (incident.resolved, incident.judged, incident.confirmed)
    return next((end for end in ends if end is not None), incident.suspected)


def _identity(about: About, *names: str) -> str:
    """Twelve hexadecimal digits, as an incident's fingerprint: names may hold what a tag must not."""
    return sha256("\0".join((about, *names)).encode(errors="surrogatepass")).hexdigest()[:12]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
