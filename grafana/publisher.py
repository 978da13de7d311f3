"""The publisher: looks at what Grafana has, and writes the dashboards that should be other than they are.

What was written stays written; whoever publishes again after any trouble goes on with the rest.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from soakwatch.core.errors import SurfaceError, SurfaceRefused
from soakwatch.grafana.api_errors import Conflict, NotTaken, NotThere
from soakwatch.grafana.dashboard_mark import Dashboard
from soakwatch.grafana.dashboard_shelf import DashboardShelf
from soakwatch.grafana.publishing import OWN_FOLDER, Folder, Step, folder_named, step_for

DATA_SOURCE = "soakwatch-influxdb"
"""Uid of the data source that the dashboards ask by default."""

_MOST_TROUBLE = 3
"""Dashboards in a row that fail before the rest is left."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What should be done. `folder` is where new dashboards go, and whether it is there; None where there are none."""

    steps: Sequence[Step]
    folder: Folder | None = None
    folder_is_there: bool = False
    warnings: Sequence[str] = ()


@dataclass(slots=True)
class PublishReport:
    """What was done: the steps as they were carried out, those that were not, and what went wrong."""

    done: list[Step] = field(default_factory=list)
    left: list[Step] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


Hears = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes into the folder titled `folder`; with `force` also over what people changed in Grafana."""

    shelf: DashboardShelf
    folder: str = OWN_FOLDER
    force: bool = False

    def look(self, dashboards: Iterable[Dashboard]) -> Outlook:
        """What should be done; nothing is written. Raises SurfaceError."""
        steps = [self._step(one) for one in dashboards]
        warnings = self._warnings() if steps else []
        if all(step.found for step in steps):
            return Outlook(steps, warnings=warnings)
        there = self._find_folder()
        return Outlook(steps, there or folder_named(self.folder), there is not None, warnings)

    def carry_out(self, outlook: Outlook, told: Hears = lambda _step: None) -> PublishReport:
        """Do what `outlook` says; `told` hears of each dashboard that was written.

        Raises SurfaceError where the folder cannot be made: nothing was done then.
        """
        folder = self._make_folder(outlook.folder) if outlook.folder and not outlook.folder_is_there else outlook.folder
        report, in_a_row, is_final = PublishReport(), 0, False
        for step in outlook.steps:
            if is_final or in_a_row >= _MOST_TROUBLE:
                report.left.append(step)
                continue
            try:
                done = self._take(step, folder.uid if folder else "")
            except SurfaceError as error:
                report.left.append(step)
                report.trouble.append(str(error))
                in_a_row += 1
                is_final = isinstance(error, SurfaceRefused) and not isinstance(error, NotTaken | Conflict | NotThere)
            else:
                report.done.append(done)
                in_a_row = 0
                if done.is_writing:
                    told(done)
        return report

    def _step(self, dashboard: Dashboard) -> Step:
        return step_for(dashboard, self.shelf.dashboard(dashboard.uid), force=self.force)

    def _take(self, step: Step, folder: str) -> Step:
        """Carry out a step; where somebody was quicker, what should be done is decided anew, once."""
        try:
            self._write(step, folder)
        except (Conflict, NotThere):
            before = step.found.folder if step.found else folder
            step = self._step(step.dashboard)
            self._write(step, folder or before)
        return step

    def _write(self, step: Step, folder: str) -> None:
        if step.is_writing:
            self.shelf.save(step.dashboard, step.found, folder)

    def _find_folder(self) -> Folder | None:
        # by its uid first: people may have given ours another title
        return self.shelf.folder(folder_named(self.folder).uid) or self.shelf.folder_called(self.folder)

    def _make_folder(self, folder: Folder) -> Folder:
        try:
            return self.shelf.make_folder(folder)
        except Conflict:
            there = self._find_folder()
            if there is None:
                raise
            return there

    def _warnings(self) -> list[str]:
        if not self.shelf.lacks_data_source(DATA_SOURCE):
            return []
        where = f"Grafana ({self.shelf.api.where.url}) has no data source {DATA_SOURCE!r}, which the dashboards ask"
        todo = "add it (`soakwatch grafana export` writes provisioning/datasources), or choose another at their top"
        return [f"{where}; {todo}"]
