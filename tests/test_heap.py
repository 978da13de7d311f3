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

SMALL_THINGS = """
from pathlib import Path
from soakwatch.scheduler.heap import give_back_what_is_free

def resident():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024

pieces = [bytes(5_000) for _ in range(20_000)]
last = bytes(5_000)  # glibc by itself only gives back what is above all that is in use
before = resident()
pieces.clear()
kept = resident() - before
give_back_what_is_free()
print(kept, resident() - before)
"""


def growth(how: str) -> float:
    done = subprocess.run([sys.executable, "-c", PEAK, how], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_what_large_arrays_took_is_given_back_though_small_things_that_stay_were_made_between_them() -> None:
    assert growth("given back") < 15.0
    assert growth("kept") > 50.0


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_what_is_free_between_things_that_stay_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", SMALL_THINGS], capture_output=True, text=True, check=True)
    kept, given_back = (float(number) for number in done.stdout.split())
    assert kept > -50.0
    assert given_back < -80.0
