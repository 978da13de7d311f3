"""Record: what all parts of the JSON documents that are written for others have in common."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Stays as it is. Unknown keys are ignored: a later version may add some without a new schema."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
