"""Windows, and spools that ended processes left behind, for tests."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from soakwatch.core.histogram import Histogram
from soakwatch.core.series import Series
from soakwatch.core.window import Window
from soakwatch.store import rows
from soakwatch.store.contract import Point

BEGIN = 1_795_000_000.0
"""When the first of these windows began, in seconds since the epoch."""

REFUSED = "/\ud800"
"""An endpoint that no store takes: half of a surrogate pair is no text."""


def a_window(number: int, count: int = 3, endpoint: str = "/cart", source: str = "a", start: float = BEGIN) -> Window:
    """The window with this number of a run: so many requests of 12.5 ms."""
    series = Series("perf", "soak", "cart", "GET", endpoint)
    hist = Histogram.of([12.5] * count)
    return Window(series, "run", source, start + 10 * number, 10.0, count, 0, 12.5 * count, 0.0, 12.5, 12.5, hist)


def left_by_a_dead_process(spool: Path, records: Sequence[Sequence[Point]], source: str = "dead") -> None:
    """Leave a spool with these records in the folder `spool`."""
    spool_left_behind(spool, [rows.encode(points) for points in records], source)


def spool_left_behind(spool: Path, payloads: Sequence[bytes], source: str = "dead") -> None:
    """A process that ends without closing keeps its files, and the system takes its lock."""
    code = (
        "import ast, os, sys; from pathlib import Path; from soakwatch.collector.spool import Spool\n"
        "Spool(Path(sys.argv[1]), sys.argv[2], 1 << 30).append(ast.literal_eval(sys.stdin.read())); os._exit(0)\n"
    )
    command = [sys.executable, "-c", code, str(spool), source]
    subprocess.run(command, input=repr(list(payloads)), text=True, check=True, timeout=30)
