"""Objectives: absolute bounds that people set, such as `p95 < 300 ms`."""

import re
from dataclasses import dataclass
from decimal import Decimal

from soakwatch.core.verdict import Metric

_FORM = re.compile(
    r"\s*(?P<metric>p50|p95|p99|mean|errors|error_rate)\s*<\s*(?P<bound>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%)\s*"
)


@dataclass(frozen=True, slots=True)
class Bound:
    """A metric must stay below `limit`: milliseconds for response times, a share (0.005 = 0.5 %) for error rates."""

    metric: Metric
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Bound":
        """Read `p95 < 300 ms`, `mean < 1.5 s` or `errors < 0.5 %`. Raises ValueError with what would be right."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a bound; write it as 'p95 < 300 ms' or 'errors < 0.5 %'")
        metric = Metric.ERROR_RATE if match["metric"] == "errors" else Metric(match["metric"])
        if (match["unit"] == "%") != (metric is Metric.ERROR_RATE):
            raise ValueError(f"{text!r}: response times are bounded in ms or s, errors in %")
        factor = {"ms": 1.0, "s": 1000.0, "%": 0.01}[match["unit"]]
        return cls(metric, float(match["bound"]) * factor)

    def __str__(self) -> str:
        """Write it as people do; `parse` reads the same bound from it."""
        if self.metric is Metric.ERROR_RATE:
            return f"errors < {_plain(self.limit * 100)} %"
        return f"{self.metric} < {_plain(self.limit)} ms"


def _plain(number: float) -> str:
    # not `:g`: it rounds 1,234,567 ms, and writes 1.5e+06, which `parse` does not read
    return f"{Decimal(f'{number:.14g}'):f}"
