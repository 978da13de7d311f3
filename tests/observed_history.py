"""What the detector sees of a simulated history, without a store between."""

from collections.abc import Iterator

import numpy as np

from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.observation import Load, Observation


def observations_of(history: SimulatedHistory) -> Iterator[Observation]:
    """A step each minute, with the rows of whole services; series without requests are not there, as in a store."""
    test = (history.plan.environment, history.plan.test)
    for day in history.days():
        whole = day.with_whole_services()
        success_sum = whole.success_sum  # of the whole day at once: it is a product of large matrices
        for minute in range(whole.requests.shape[1]):
            seen = np.flatnonzero(whole.requests[:, minute])
            load = Load(float(whole.users[minute]), bool(whole.saturated[minute]))
            yield Observation(
                start=whole.start + 60.0 * minute,
                width=60.0,
                series=tuple(whole.series[row] for row in seen),
                requests=whole.requests[seen, minute].astype(np.float64),
                failures=whole.failures[seen, minute].astype(np.float64),
                zeros=np.zeros(len(seen)),
                success_sum=success_sum[seen, minute],
                counts=whole.counts[seen, minute].astype(np.float64),
                first_bucket=whole.first_bucket,
                load={test: load} if whole.recorded[minute] else {},
            )
