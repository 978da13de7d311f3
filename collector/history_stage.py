"""The stage: where a history waits until its last line was read, a file without a name of about a tenth of its size."""

import errno
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soakwatch.collector.history_entry import Part
from soakwatch.collector.history_facts import Stretch
from soakwatch.core.errors import StoreUnavailable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Stage:
    """Stretches of time in a temporary file of `folder` (None: where temporary files go).

    Nothing is left of it when it is closed, nor when the process is killed. All methods raise StoreUnavailable when
    the disk is full or the folder cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        """Open it, empty."""
        self._folder = folder or Path(tempfile.gettempdir())
        with self._told():
            self._file = tempfile.TemporaryFile(  # noqa: SIM115  (it lives as long as this, see `close`)
                "w+", encoding="utf-8", dir=self._folder
            )

    def keep(self, stretch: Stretch) -> None:
        """Add a stretch at the end."""
        with self._told():
            self._file.write(json.dumps(stretch, separators=(",", ":")))
            self._file.write("\n")

    def finish(self) -> None:
        """Nothing more comes."""
        with self._told():
            self._file.flush()

    def stretches(self) -> Iterator[Stretch]:
        """All that was kept, in order; only one such iterator may be used at a time."""
        self._file.seek(0)
        for line in self._file:
            number, users, parts = json.loads(line)
            yield Stretch(number, users, [Part(*part) for part in parts])

    def close(self) -> None:
        """Let go of the file, which is gone then."""
        # what the disk had no room for is written once more, in vain
        with suppress(OSError):
            self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = "make room on the disk" if error.errno in _FULL else "let this user write there"
            raise StoreUnavailable(
                f"{self._folder}: the temporary file of a history cannot be written ({error.strerror}); {remedy}"
            ) from None
