"""Section: what all sections of the configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Values that were checked when it was made; it knows all of its keys, and stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
