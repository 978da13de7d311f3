"""A kept soak: one soak on this machine, looked after again and again."""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.soak_settings import SoakSection
from soakwatch.scheduler import soak_command
from soakwatch.scheduler.soak_command import Start
from soakwatch.scheduler.soak_decision import Do, Seen, Step, Wanted, after_end, decide, rest_left
from soakwatch.scheduler.soak_files import SoakFiles
from soakwatch.scheduler.soak_host import SoakHost
from soakwatch.scheduler.soak_occasion import Occasion
from soakwatch.scheduler.soak_record import Ending, SoakRecord
from soakwatch.scheduler.soak_trouble import Asked, trouble_of, waiting_for
from soakwatch.scheduler.soak_watching import SoakWatching


class KeptSoak:
    """One soak. What it does to the world is asked of `host`; what it knows is in its folder.

    All methods may raise OSError.
    """

    def __init__(
        self, section: SoakSection, configuration: Configuration, file: Path | None, host: SoakHost, leash: float
    ) -> None:
        """Touch nothing yet. `file` is the configuration's, where there is one."""
        self.section = section
        self.files = SoakFiles(Path(section.folder).absolute() / section.name, section.log_limit)
        self._configuration = configuration
        self._file = file
        self._host = host
        self._leash = leash
        self._settings = soak_command.fingerprint(section)
        self._record: SoakRecord | None = None
        self._watching = SoakWatching("")
        self._log_trouble = ""
        self._trouble_of_files = ""

    @property
    def record(self) -> SoakRecord:
        """What is known of it."""
        return self._record or SoakRecord()

    @property
    def is_there(self) -> bool:
        """Whether anything of a start was left at the last look."""
        return bool(self.record.token)

    @property
    def run(self) -> str:
        """The run that is under way, else the last one; empty while a start has not begun its own yet."""
        pulse = self._watching.pulse
        return "" if self.is_there and (pulse is None or not pulse.run) else self.record.run

    def keep(self, asked: Asked, now: float, notes_start: Callable[[], None]) -> None:
        """Look, decide, and do what was decided. `notes_start` is called before Locust is started, and may raise."""
        record = self._known(now)
        self.files.touch()
        self._bound_log()
        seen = self._look(record, now)
        if record.token and not (seen.leads or seen.others):
            record = self._end(record, now)
        step = decide(self._wanted(asked, record), record, seen, now)
        if step.do is Do.START and self._host.find(self.files.folder) is not None:
            # another daemon of this machine was at work meanwhile, and what it began is to be adopted
            self._record = None
        elif step.do is Do.START and asked.occasion is not None:
            notes_start()
            self._start(record, asked.occasion, step, now)
        elif step.do is Do.STOP:
            # noted first: one that has ended by itself in between would be taken for a crash
            self._keep(replace(record, asked=now, ending=step.ending))
            if step.ending in {Ending.HANGS, Ending.REMAINS}:
                self._host.ask_each_to_end(record.token)
            else:
                self._host.ask_to_end(record.process, record.token)
        elif step.do is Do.KILL:
            self._host.kill(record.process, record.token)

    def release(self, now: float) -> None:
        """Ask it to end, because nobody will look after it here."""
        record = self._known(now)
        if record.token and record.asked is None:
            self._keep(replace(record, asked=now, ending=Ending.RELEASED))
            self._host.ask_to_end(record.process, record.token)

    def has_gone(self, now: float) -> bool:
        """Look whether anything is left of it."""
        record = self._known(now)
        living = self._host.living(record.process, record.token)
        if record.token and not (living.leads or living.others):
            self._end(record, now)
        return not self.is_there

    def forget(self) -> None:
        """Know nothing any more but what is in the folder: another daemon may keep it from now on."""
        self._record = None

    def due(self, asked: Asked, now: float) -> float | None:
        """When its next run begins, where one is under way, or the next try, where something went wrong."""
        if self.is_there:
            return self._rotation(self.record)
        left = rest_left(self.record, now, asked.wished)
        return now + left if left else None

    def trouble(self, asked: Asked, now: float) -> str:
        """What is wrong with it now, in a sentence that stays the same while the same is wrong; else empty."""
        said = trouble_of(self.record, self._watching, asked, self.section.expect_workers, now)
        return "; ".join(filter(None, [said, self._trouble_of_files, self._log_trouble]))

    def waiting_for(self, asked: Asked, now: float) -> str:
        """How long it is until it begins, in words; empty where it does not wait."""
        return waiting_for(self.record, asked, now)

    def _known(self, now: float) -> SoakRecord:
        """The record; at first from the folder, or made of what runs there already."""
        if self._record is None:
            self.files.prepare()
            kept = self.files.record() or SoakRecord()
            found = self._host.find(self.files.folder)
            if found is not None and (found.token, found.process) != (kept.token, kept.process):
                # the daemon was killed before it could write down what it had started, or there was no room to do so
                began = min(found.began, now)
                kept = replace(kept, token=found.token, process=found.process, began=began, asked=None, ending=None)
            self._record = kept
        if self._watching.token != self._record.token:
            self._watching = SoakWatching(self._record.token)
        return self._record

    def _look(self, record: SoakRecord, now: float) -> Seen:
        if not record.token:
            return Seen()
        living = self._host.living(record.process, record.token)
        written, pulse = self.files.pulse()
        watching = self._watching
        # before Locust has begun it has not made its workers yet
        told = watching.pulse.workers if watching.pulse and watching.is_testing else self.section.processes
        is_complete = watching.pulse is None or min(living.others, told) >= self.section.processes
        watching.look(written, pulse, now, is_complete=is_complete)
        if watching.pulse is not None and watching.pulse.run not in {"", record.run}:
            self._keep(replace(record, run=watching.pulse.run))
        patience = watching.patience(self._configuration.collector.window)
        return Seen(living.leads, living.others, watching.silent, watching.short, patience)

    def _end(self, record: SoakRecord, now: float) -> SoakRecord:
        _, pulse = self.files.pulse()
        in_order = pulse is not None and pulse.start == record.token and pulse.ended
        run = pulse.run if pulse is not None and pulse.start == record.token and pulse.run else record.run
        ended = after_end(replace(record, run=run), now, in_order=in_order, last_words=self.files.last_words())
        self._keep(ended)
        return ended

    def _start(self, record: SoakRecord, occasion: Occasion, step: Step, now: float) -> None:
        start = Start(
            secrets.token_hex(8),
            self.files.folder,
            self._leash,
            elapsed=max(0.0, now - occasion.start),
            continues=step.continues,
            at_once=bool(step.continues),
        )
        self._mark_log(now)
        begun = replace(
            record, token=start.token, process=0, began=now, asked=None, ending=None, settings=self._settings
        )
        # before it begins: should this process be killed in between, what runs there is found by its folder
        self._keep(begun)
        command = soak_command.arguments(self.section, start)
        told = soak_command.variables(self.section, start, self._configuration, self._file, os.environ)
        process = self._host.start(command, told, self.files.log)
        self._keep(replace(begun, process=process))
        self._watching = SoakWatching(start.token)

    def _wanted(self, asked: Asked, record: SoakRecord) -> Wanted:
        return Wanted(asked.occasion, self._settings, self._rotation(record), asked.free, asked.wished)

    def _rotation(self, record: SoakRecord) -> float | None:
        return self.section.rotation_after(record.began, self._configuration.detector.time_zone)

    def _keep(self, record: SoakRecord) -> None:
        self._record = record
        try:
            self.files.keep(record)
        except OSError as error:
            # no reason not to go on: what runs is found without it
            self._trouble_of_files = _cannot_write(self.files.folder, error)
        else:
            self._trouble_of_files = ""

    def _mark_log(self, now: float) -> None:
        try:
            self.files.mark_log(f"{self.section.name} at {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC")
        except OSError as error:
            self._log_trouble = _cannot_write(self.files.log, error)

    def _bound_log(self) -> None:
        try:
            self.files.bound_log()
        except OSError as error:
            self._log_trouble = _cannot_write(self.files.log, error)
        else:
            self._log_trouble = ""


def _cannot_write(log: Path, error: OSError) -> str:
    return f"{log} cannot be kept: {error.strerror or error}; make room on the disk, or mend its folder"
