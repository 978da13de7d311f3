"""Soak files: the folder of one soak: its record, the heartbeat, Locust's pulse and its log."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

from soakwatch.core.soak_pulse import HEARTBEAT_FILE, PULSE_FILE, Pulse
from soakwatch.scheduler.soak_record import SoakRecord, decode_record

_TAIL = 16_384
"""Bytes at the end of the log that are looked through for last words."""

_LONGEST_WORDS = 300
_LAST_LINES = 3
_MARK = "soakwatch starts"
_WHEN = re.compile(r"^\[\d{4}-\d\d-\d\d[ T][\d:.,]+\]\s*")
"""How Locust's lines begin."""


class SoakFiles:
    """The files of the soak in `folder`, which is made where there is none. All methods may raise OSError."""

    def __init__(self, folder: Path, log_limit: int) -> None:
        """Touch nothing yet."""
        self.folder = folder
        self._limit = log_limit

    @property
    def log(self) -> Path:
        """What Locust writes on its standard output and error."""
        return self.folder / "locust.log"

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def record(self) -> SoakRecord | None:
        """The record as it was kept last; None where there is none that can be read."""
        try:
            return decode_record(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def keep(self, record: SoakRecord) -> None:
        """Keep the record, all of it or nothing."""
        aside = self._record.with_suffix(".new")
        aside.write_text(record.encode(), encoding="utf-8")
        aside.replace(self._record)

    def touch(self) -> None:
        """Tell Locust that somebody looks after it; needs no room on the disk but the first time."""
        (self.folder / HEARTBEAT_FILE).touch()

    def pulse(self) -> tuple[int, Pulse | None]:
        """When Locust wrote its pulse last (in nanoseconds; 0 for never), and what it was, where it can be read."""
        file = self.folder / PULSE_FILE
        try:
            return file.stat().st_mtime_ns, Pulse.decode(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return 0, None

    def mark_log(self, what: str) -> None:
        """Note in the log that a start begins here."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{_MARK} {what}\n")

    def bound_log(self) -> None:
        """Keep the log below its limit: what is in it becomes the older part, in place of the one before.

        Locust writes at the end of the file, wherever that is, and goes on in the emptied one.
        """
        with suppress(FileNotFoundError):
            if self.log.stat().st_size <= self._limit:
                return
            try:
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            finally:
                # also where there is no room for an older part: that would only get worse
                with self.log.open("r+b") as log:
                    log.truncate(0)

    def last_words(self) -> str:
        """The last lines of the log since the last start, on one line; empty where there are none.

        When each was written is left out: the same words are to read the same the next time.
        """
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _TAIL))
                text = log.read(_TAIL).decode(errors="replace")
        except OSError:
            return ""
        lines = [_WHEN.sub("", line.strip()) for line in text.splitlines()]
        marks = [number for number, line in enumerate(lines) if line.startswith(_MARK)]
        said = [line for line in lines[marks[-1] + 1 if marks else 0 :] if line]
        return " / ".join(said[-_LAST_LINES:])[-_LONGEST_WORDS:]

    @property
    def _record(self) -> Path:
        return self.folder / "record.json"
