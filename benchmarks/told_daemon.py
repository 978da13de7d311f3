"""A told daemon: one in a process of its own, without anything of a benchmark, which ticks whenever it is told a time.

It is configured by the environment. Of each tick it says how many CPU seconds it took, and how many MiB are resident
after it. All that `soakwatch watch` loads is loaded, also for HTTP and GitHub.
"""

import sys
import time

from measuring import resident

import soakwatch.cli.daemon  # noqa: F401  (for what it loads)
from soakwatch.cli.ticking import opened_ticker
from soakwatch.core.configuration_file import load_configuration
from soakwatch.scheduler.heap import give_back_large_blocks, give_back_what_is_free


def main() -> None:
    """Tick until nobody tells a time any more."""
    give_back_large_blocks()  # as `soakwatch watch` does
    with opened_ticker(load_configuration()) as ticker:
        for line in sys.stdin:
            begin = time.process_time()
            ticker.tick(float(line))
            give_back_what_is_free()
            sys.stdout.write(f"{time.process_time() - begin} {resident()}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
