"""Kept load: what load generators did, also where their samples have expired and only blocks of their runs are left."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from soakwatch.core.run import Run
from soakwatch.core.run_series import RunLoad
from soakwatch.core.span import Span
from soakwatch.core.spans import stretches
from soakwatch.core.window import LoadSample
from soakwatch.store.contract import WindowStore


@dataclass(frozen=True, slots=True)
class KeptLoad:
    """The load of all runs of a store. `runs` are those that it knew in the beginning."""

    store: WindowStore
    runs: Sequence[Run]
    _condensed: dict[str, RunLoad | None] = field(default_factory=dict)

    def by_step(self, stretch: Span, step: float) -> dict[float, list[LoadSample]]:
        """Samples by the start of the step that they are of; `stretch` is whole steps. Raises StoreUnavailable."""
        found: defaultdict[float, list[LoadSample]] = defaultdict(list)
        told = set()
        for sample in self.store.load_between(stretch):
            told.add(sample.run)
            found[Span.aligned(sample.start, step).start].append(sample)
        for run in self.runs:
            if run.id not in told and run.end is not None and run.start < stretch.end and run.end > stretch.start:
                for sample in self._of_blocks(run, stretch, step):
                    found[sample.start].append(sample)
        return found

    def _of_blocks(self, run: Run, stretch: Span, step: float) -> Iterator[LoadSample]:
        """A sample for each step of its blocks, but for a long first one: users may still have been rising."""
        if run.id not in self._condensed:
            self._condensed[run.id] = self.store.run_load(run.id)
        load = self._condensed[run.id]
        for number, block in enumerate(load.blocks if load else ()):
            if number == 0 and block.width > step:
                continue
            for each in stretches(stretch, step):
                if block.start <= each.start < block.start + block.width:
                    yield replace(block, start=each.start, width=step)
