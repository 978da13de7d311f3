"""Deploy notices: what a pipeline sends to say that something was deployed, as a deploy."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from soakwatch.core.deploy import Deploy
from soakwatch.core.deploy_mark import DeployMark
from soakwatch.scheduler.notice import read_notice

_Text = Annotated[str, Field(max_length=1_000)]


class DeployNotice(BaseModel):
    """What was deployed: at least a version, a commit or a title. A key that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    service: Annotated[_Text, Field(min_length=1)] = "*"
    version: _Text = ""
    commit: _Text = ""
    title: _Text = ""
    environment: Annotated[_Text, Field(min_length=1)] | None = None
    at: _Text | None = None


def deploy_of(notice: bytes, environment: str, now: float) -> Deploy:
    """The deploy of a notice that came at `now`, in `environment` unless it says otherwise.

    Raises UsageError that says what is wrong with it.
    """
    told = read_notice(DeployNotice, notice, "a deploy")
    return DeployMark(**told.model_dump()).deploy(environment, now)
