"""The sequence: one scenario after the other, from the readiness of its target to its results."""

from collections.abc import Generator as Events
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from soakwatch.core.errors import ServiceUnavailable, SoakwatchError, StoreError
from soakwatch.scheduler.attendance import Attendance
from soakwatch.scheduler.generator import Generator, Site, presentable
from soakwatch.scheduler.interruption import Interruption
from soakwatch.scheduler.readiness import Target, problem_with, without_credentials
from soakwatch.scheduler.scenario import SizedScenario
from soakwatch.scheduler.scenario_files import Progress, ScenarioFiles, Totals
from soakwatch.scheduler.stored_run import StoredRun, copy_run, new_run, runs_of
from soakwatch.store.execution_metadata import (
    FILE_NAME,
    Execution,
    ExecutionOutcome,
    WrittenFile,
    read_metadata,
    record_execution,
)

_NO_SPACE = "no space left on device"
_LAST_LINES = 3
_SEARCHED_LINES = 200


@dataclass(frozen=True, slots=True)
class Waiting:
    """It is `what` that comes before the scenario."""

    sized: SizedScenario
    what: str


@dataclass(frozen=True, slots=True)
class Running:
    """The scenario runs; `progress` is None before Locust has written of it."""

    sized: SizedScenario
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The scenario has ended, or will not start; `totals` are None where Locust has not written them."""

    sized: SizedScenario
    execution: Execution
    totals: Totals | None = None


Event: TypeAlias = Waiting | Running | Ended


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited, in seconds: between two scenarios, and for the target to be ready (0 does not ask it)."""

    cool_down: float
    ready: float


class ScenarioSequence:
    """Scenarios in order. One that fails does not keep the others from running; an interruption does."""

    def __init__(self, site: Site, target: Target, generator: Generator, pace: Pace) -> None:
        self._site = site
        self._target = target
        self._generator = generator
        self._pace = pace

    @property
    def metadata(self) -> Path:
        """The document that says what was executed."""
        return self._site.folder / FILE_NAME

    def run(self, scenarios: Sequence[SizedScenario], interruption: Interruption) -> Events[Event, None, None]:
        """Run `scenarios`; gives several times a second where it is, and the end of each.

        Raises UsageError for a metadata file of something else, ServiceUnavailable when Locust cannot be started at
        all, or when results cannot be written. Closing the iterator kills what runs.
        """
        try:
            read_metadata(self.metadata)
            self._require_generator(scenarios)
            for number, sized in enumerate(scenarios):
                if number:
                    yield Waiting(sized, f"cooling down for {self._pace.cool_down:g} s")
                    interruption.pause(self._pace.cool_down)
                yield from self._in_turn(sized, interruption)
        except OSError as error:
            place = error.filename or self._site.folder
            raise ServiceUnavailable(f"{place}: {error.strerror or error}; results so far are kept") from error

    def _require_generator(self, scenarios: Sequence[SizedScenario]) -> None:
        try:
            self._generator.check()
        except SoakwatchError as error:
            for sized in scenarios:
                self._record(self._not_started(sized, str(error)))
            raise

    def _in_turn(self, sized: SizedScenario, interruption: Interruption) -> Iterator[Event]:
        yield Waiting(sized, "waiting for the target")
        problem = problem_with(self._target, self._pace.ready, interruption.pause, lambda: bool(interruption))
        if interruption:
            problem = f"{interruption.name} came before its turn"
        if problem:
            yield Ended(sized, self._record(self._not_started(sized, problem)))
        else:
            yield from self._executed(sized, interruption)

    def _executed(self, sized: SizedScenario, interruption: Interruption) -> Iterator[Event]:
        files = self._site.files_of(sized)
        files.clear()
        before = self._stored_runs(sized)
        # should soakwatch itself be killed, this is what remains
        begun = self._record(self._begun(sized))
        yield Running(sized, None)
        with Attendance(self._generator, sized, files) as attendance:
            while attendance.goes_on(interruption):
                yield Running(sized, files.progress())
        totals = files.totals()
        outcome, reason = self._judge(attendance, files, totals, interruption)
        run, trouble = self._kept_run(sized, before)
        reason = _sentences(reason, attendance.left, trouble)
        ended = {"outcome": outcome, "reason": reason, "ended": datetime.now(UTC), "exit_code": attendance.code}
        results = self._results(files, totals, run)
        yield Ended(sized, self._record(begun.model_copy(update={**ended, **results})), totals)

    def _results(self, files: ScenarioFiles, totals: Totals | None, run: StoredRun | None) -> Mapping[str, object]:
        """What an execution has left, as fields of its record."""
        return {
            "requests": totals.requests if totals else None,
            "failures": totals.failures if totals else None,
            "services": run.services if run else (),
            "run": run.id if run else None,
            "files": tuple(WrittenFile.of(path, self._site.folder) for path in files.written()),
        }

    def _judge(
        self, attendance: Attendance, files: ScenarioFiles, totals: Totals | None, interruption: Interruption
    ) -> tuple[ExecutionOutcome, str]:
        if interruption:
            return ExecutionOutcome.INTERRUPTED, f"stopped by {interruption.name}"
        if attendance.late:
            return ExecutionOutcome.FAILED, "Locust did not end in time, and was stopped"
        if attendance.code:
            return ExecutionOutcome.FAILED, f"{self._generator.explain(attendance.code)}; {_last_words(files)}"
        if totals is None or not totals.requests:
            return ExecutionOutcome.FAILED, f"no request was made; {_last_words(files)}"
        return ExecutionOutcome.COMPLETED, ""

    def _stored_runs(self, sized: SizedScenario) -> frozenset[str]:
        return runs_of(self._generator.store_of(sized), self._site.test_of(sized))

    def _kept_run(self, sized: SizedScenario, before: frozenset[str]) -> tuple[StoredRun | None, str]:
        """The run that is not among those of `before`, in the store where runs are kept; or why it is not there."""
        store = self._generator.store_of(sized)
        run = new_run(store, self._site.test_of(sized), before)
        if run is None or store.store == self._site.keeping.store:
            return run, ""
        try:
            copy_run(store, self._site.keeping, run.id)
        except StoreError as error:
            return run, f"its run is in {store.store.address} only: {error}"
        return run, ""

    def _begun(self, sized: SizedScenario) -> Execution:
        return self._describe(
            sized,
            outcome=ExecutionOutcome.INTERRUPTED,
            reason="soakwatch was ended before this scenario was",
            started=datetime.now(UTC),
        )

    def _not_started(self, sized: SizedScenario, reason: str) -> Execution:
        return self._describe(sized, outcome=ExecutionOutcome.NOT_STARTED, reason=reason)

    def _describe(
        self, sized: SizedScenario, *, outcome: ExecutionOutcome, reason: str, started: datetime | None = None
    ) -> Execution:
        return Execution(
            scenario=sized.name,
            kind=self._generator.kind,
            outcome=outcome,
            started=started,
            host=without_credentials(self._site.host),
            users=sized.most_users,
            command=tuple(presentable(self._generator.command(sized))),
            image=self._generator.image,
            reason=reason,
        )

    def _record(self, execution: Execution) -> Execution:
        record_execution(self.metadata, execution)
        return execution


def _last_words(files: ScenarioFiles) -> str:
    if _NO_SPACE in files.last_words(_SEARCHED_LINES).lower():
        return f"the disk is full; make room for {files.folder} and run it again with --only {files.name}"
    words = files.last_words(_LAST_LINES)
    return f"{files.log} ends with:\n{words}" if words else f"{files.log} is empty"


def _sentences(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)
