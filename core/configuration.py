"""Configuration: all settings together."""

from typing import Annotated

from pydantic import AfterValidator, Field

from soakwatch.core.detector_settings import DetectorSection, DueSection, LedgerSection, MaintenanceSection
from soakwatch.core.github_settings import AssigneeSection, GithubSection, GrafanaSection
from soakwatch.core.http_settings import HttpSection
from soakwatch.core.schedule_settings import ScheduleSection
from soakwatch.core.section import Section
from soakwatch.core.settings import (
    CollectorSection,
    ComparisonSection,
    DeploySection,
    ObjectiveSection,
    RequireSection,
    RetentionSection,
    ServiceRule,
)
from soakwatch.core.soak_settings import SoakSection, check_soaks
from soakwatch.core.store_settings import StoreSection


class Configuration(Section):
    """All settings; a value is valid when it is here. `configuration_file.load_configuration` makes one."""

    environment: str = Field("default", min_length=1, description="what is tested: staging, perf, ...")
    test: str = Field("", description="name of the test; empty: the locustfile's name")
    version: str = Field("", description="version of what is tested")
    commit: str = Field("", description="commit of what is tested")
    store: StoreSection = StoreSection()
    retention: RetentionSection = RetentionSection()
    collector: CollectorSection = CollectorSection()
    comparison: ComparisonSection = ComparisonSection()
    detector: DetectorSection = DetectorSection()
    ledger: LedgerSection = LedgerSection()
    schedule: ScheduleSection = ScheduleSection()
    github: GithubSection = GithubSection()
    grafana: GrafanaSection = GrafanaSection()
    http: HttpSection = HttpSection()
    service: tuple[ServiceRule, ...] = ()
    objective: tuple[ObjectiveSection, ...] = ()
    require: tuple[RequireSection, ...] = ()
    deploy: tuple[DeploySection, ...] = ()
    maintenance: tuple[MaintenanceSection, ...] = ()
    due: tuple[DueSection, ...] = ()
    soak: Annotated[tuple[SoakSection, ...], AfterValidator(check_soaks)] = ()
    assignee: tuple[AssigneeSection, ...] = ()


def contradictions(configuration: Configuration) -> list[str]:
    """Sentences on values that are right alone, and not together."""
    step, window = configuration.detector.step, configuration.collector.window
    if step and step / window != round(step / window):
        return [
            f"detector.step: a step of {step:g} s does not hold whole windows of {window:g} s; set collector.window"
        ]
    return []
