"""The types of what stands in our JSON files: each says what makes a value valid, also in the published schemas."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from soakwatch.core.histogram import Histogram
from soakwatch.store.timestamps import TIMESTAMP_PATTERN, parse_timestamp

_LARGEST_COUNT = 2**53
"""Larger integers are not exact in every reader of JSON."""

_LARGEST_BUCKET = 2**16
"""Twice the index of the largest float's bucket; more would only cost time."""


def _text(value: object) -> str:
    # pydantic's own strings refuse halves of surrogate pairs, and names are any text
    if not isinstance(value, str):
        raise ValueError(f"should be a text, not {value!r}")  # noqa: TRY004  (pydantic catches ValueError)
    return value


def _histogram(text: str) -> str:
    hist = Histogram.decode(text)
    is_canonical = hist.encode() == text
    if not is_canonical or hist.count > _LARGEST_COUNT or max(map(abs, hist.buckets), default=0) > _LARGEST_BUCKET:
        raise ValueError("not a histogram as soakwatch encodes them")
    return text


def _timestamp(text: str) -> str:
    parse_timestamp(text)
    return text


Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
Count = Annotated[int, Field(strict=True, ge=0, le=_LARGEST_COUNT)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Timestamp = Annotated[
    str, Field(pattern=TIMESTAMP_PATTERN, json_schema_extra={"format": "date-time"}), AfterValidator(_timestamp)
]
HistogramText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$"), AfterValidator(_histogram)]
Percent = Annotated[str, Field(pattern=r"^(100|[0-9]{1,2}(\.[0-9]+)?)$")]


class Record(BaseModel):
    """Unknown keys are ignored: a later version may add some without a new schema."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
