"""Deploys around an onset: what had just changed, and what changed next."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from soakwatch.core.deploy import Deploy, changes
from soakwatch.core.incident import Incident
from soakwatch.core.series import WHOLE_SERVICE


def with_deploys(incidents: Iterable[Incident], deploys: Iterable[Deploy], at: float) -> list[Incident]:
    """Say of those of `incidents` that were judged at `at` which deploys were before and after; later ones are unknown.

    Only deploys that changed something count: each run names its version, also when it is the old one.
    """
    given = list(incidents)
    if not any(one.judged == at for one in given):
        return given
    known = changes(deploy for deploy in deploys if deploy.at <= at)
    return [_with_deploys(one, known) if one.judged == at else one for one in given]


def _with_deploys(incident: Incident, deploys: Sequence[Deploy]) -> Incident:
    concerned = [deploy for deploy in deploys if concerns(deploy, incident)]
    before = [deploy for deploy in concerned if deploy.at <= incident.onset.end]
    after = concerned[len(before) :]
    return replace(
        incident,
        deploy_before=before[-1] if before else None,
        deploy_after=after[0] if after else None,
    )


def concerns(deploy: Deploy, incident: Incident) -> bool:
    """Whether `deploy` changed what `incident` is about."""
    return deploy.environment == incident.environment and deploy.service in {incident.service, WHOLE_SERVICE}
