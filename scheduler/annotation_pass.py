"""The annotation pass: asks Grafana what it has, decides what should change, and does it, one after the other.

What was done needs no note to be found again: each annotation carries what it is about in a tag. Killed anywhere, the
next pass finds what had been written. The ledger only remembers what was there once, so that it stays deleted when
people delete it.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from soakwatch.core.errors import SurfaceError, SurfaceRefused, SurfaceUnavailable
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.span import Span
from soakwatch.detector.maintenance import NOTHING_PLANNED, MaintenanceCalendar
from soakwatch.grafana.annotation import Annotation
from soakwatch.grafana.annotation_plan import Change, Create, Remove, Update, changes_of, dropped_of, plan
from soakwatch.grafana.annotation_shelf import AnnotationShelf
from soakwatch.grafana.annotation_wishes import wishes
from soakwatch.grafana.api_errors import NotTaken, NotThere
from soakwatch.scheduler.annotation_memory import AnnotationMemory
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.known_deploys import KnownDeploys
from soakwatch.scheduler.mute_book import known_mutes
from soakwatch.store.contract import WindowStore

_DAY = 86_400.0
SINCE = 7 * _DAY
"""Seconds that a pass looks back, unless told otherwise."""

_MOST_CHANGES = 200
"""Changes of one pass; what is more is left to the next."""

_MOST_MAINTENANCE = 500
"""Of what was planned or muted; a schedule may hold each few minutes."""

_LONGEST = 30.0
"""Seconds after which a pass begins no other change: a slow Grafana must not keep the daemon from its next tick."""

_MOST_TROUBLE = 3
"""Changes in a row that fail before the rest is left to the next pass."""

Hears = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What should change, the identities of what is wanted, and of what Grafana has. Nothing was written anywhere."""

    changes: Sequence[Change] = ()
    wanted: Collection[str] = ()
    there: Collection[str] = ()


@dataclass(slots=True)
class AnnotationReport:
    """What a pass did: changes that were made, requests that it took, what went wrong, and what it left."""

    done: list[Change] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    requests: int = 0
    left: int = 0

    @property
    def made(self) -> int:
        """How many annotations were written."""
        return sum(isinstance(one, Create) for one in self.done)

    @property
    def changed(self) -> int:
        """How many were changed or taken away."""
        return len(self.done) - self.made


class AnnotationPass:
    """Keeps the annotations of one Grafana. All methods raise StoreError, and `look` raises SurfaceError.

    It may be kept for many passes: deploys of long ago are read once. Once another daemon has taken over, it ends
    with LeaseLost before it writes anything more to the ledger or to Grafana.
    """

    def __init__(  # noqa: PLR0913  (what it reads, where it writes, and how; all but three have a usual value)
        self,
        store: WindowStore,
        ledger: FencedLedger,
        shelf: AnnotationShelf,
        since: float = SINCE,
        *,
        clock: Callable[[], float] = time.monotonic,
        planned: MaintenanceCalendar = NOTHING_PLANNED,
    ) -> None:
        """Prepare; nothing is read yet. `since` is how many seconds back from now a pass looks.

        Maintenance is what was `planned`, and what people have muted.
        """
        self._store = store
        self._ledger = ledger.ledger
        self._fenced = ledger
        self._shelf = shelf
        self._since = since
        self._clock = clock
        self._planned = planned
        self._deploys = KnownDeploys(store)
        self._memory = AnnotationMemory(shelf.api.where.url)

    def run(self, now: float) -> AnnotationReport:
        """One whole pass; trouble with Grafana is in the report."""
        before = self._shelf.api.requests
        try:
            report = self.carry_out(self.look(now), now)
        except SurfaceError as error:
            report = AnnotationReport(trouble=[str(error)])
        report.requests = self._shelf.api.requests - before
        return report

    def look(self, now: float) -> Outlook:
        """What should change; one request, none where there is nothing to write about."""
        begin = now - self._since
        incidents = self._ledger.incidents(begin)
        runs = [run for run in self._store.runs() if begin <= (run.end or run.start)]
        deploys = [one for one in self._deploys.changes(now, min(begin, now - _DAY)) if one.at >= begin]
        wanted = wishes(runs, deploys, incidents, self._maintenance(Span(begin, now)))
        dropped = dropped_of(incidents)
        if not wanted and not dropped:
            return Outlook()
        begins = [one.start for one in wanted] + [round(one.suspected * 1000) for one in incidents]
        found = self._shelf.between(min(begins), round((now + _DAY) * 1000))
        deleted = self._memory.gone(self._ledger)
        changes = plan([one for one in wanted if one.identity not in deleted], found, dropped)
        return Outlook(changes, {one.identity for one in wanted}, {one.identity for one in found})

    def _maintenance(self, span: Span) -> Sequence[Maintenance]:
        """What has begun, the newest where there is too much."""
        calendar = self._planned.with_mutes(known_mutes(self._ledger))
        return calendar.during(span)[-_MOST_MAINTENANCE:]

    def carry_out(self, outlook: Outlook, now: float, told: Hears = lambda _change: None) -> AnnotationReport:
        """Do what `outlook` says; `told` hears of each change when it was made."""
        self._note(outlook, now)
        before, in_a_row = self._shelf.api.requests, 0
        report, end = AnnotationReport(left=len(outlook.changes)), self._clock() + _LONGEST
        for change in outlook.changes[:_MOST_CHANGES]:
            if self._clock() > end:
                break
            try:
                done = self._take(change, now)
            except SurfaceError as error:
                report.trouble.append(str(error))
                in_a_row += 1
                if in_a_row >= _MOST_TROUBLE or _is_final(error):
                    break
            else:
                in_a_row = 0
                report.left -= 1
                for one in done:
                    report.done.append(one)
                    told(one)
        report.requests = self._shelf.api.requests - before
        return report

    def write_deleted_again(self) -> None:
        """Forget which annotations people have deleted."""
        gone = self._memory.gone(self._ledger)
        if gone:
            with self._fenced.transaction() as work:
                self._memory.forget(work, gone)

    def _note(self, outlook: Outlook, now: float) -> None:
        """Remember what is there, and forget what nobody wants any more, so that memory does not grow."""
        new = (set(outlook.there) & set(outlook.wanted)) - self._memory.made(self._ledger)
        old = self._memory.old(self._ledger, outlook.wanted, now)
        if new or old:
            with self._fenced.transaction() as work:
                self._memory.keep_made(work, new, now)
                self._memory.forget(work, old)

    def _take(self, change: Change, now: float) -> Sequence[Change]:
        """Carry out a change; gives what was done for it."""
        match change:
            case Create(annotation):
                return self._create(annotation, now)
            case Update(found=found):
                try:
                    self._write(change)
                except NotThere:  # somebody has just deleted it
                    self._note_gone(found.identity, now)
                    return ()
            case Remove():
                self._write(change)
        return (change,)

    def _create(self, annotation: Annotation, now: float) -> Sequence[Change]:
        """Write it, unless it is there outside of what was listed, or was there and somebody has deleted it."""
        changes = changes_of(annotation, self._shelf.about(annotation.identity))
        if any(isinstance(one, Create) for one in changes) and annotation.identity in self._memory.made(self._ledger):
            self._note_gone(annotation.identity, now)
            return ()
        for one in changes:
            self._write(one)
        with self._fenced.transaction() as work:
            self._memory.keep_made(work, [annotation.identity], now)
        return changes

    def _write(self, change: Change) -> None:
        self._fenced.check()
        self._shelf.carry_out(change)

    def _note_gone(self, identity: str, now: float) -> None:
        with self._fenced.transaction() as work:
            self._memory.keep_gone(work, identity, now)


def _is_final(error: SurfaceError) -> bool:
    """Whether nothing more is to be asked now."""
    if isinstance(error, SurfaceUnavailable):
        return error.retry_after is not None
    return isinstance(error, SurfaceRefused) and not isinstance(error, NotTaken | NotThere)
