"""A peak of memory is over when it is over."""

import subprocess
import sys

import pytest

PEAK = """
import sys
from pathlib import Path
import numpy as np
from soakwatch.scheduler.heap import give_back_large_blocks

def resident():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024

if sys.argv[1] == "given back":
    give_back_large_blocks()
largest = np.ones(3_000_000)
del largest  # once it has freed a block of so many bytes, glibc keeps all that are smaller
before, kept = resident(), []
arrays = []
for number in range(60):
    arrays.append(np.ones(250_000))
    kept.append([bytes(600) for _ in range(50)])
arrays.clear()
print(resident() - before)
"""


def growth(how: str) -> float:
    done = subprocess.run([sys.executable, "-c", PEAK, how], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_what_large_arrays_took_is_given_back_though_small_things_that_stay_were_made_between_them() -> None:
    assert growth("given back") < 15.0
    assert growth("kept") > 50.0
