"""Whether faults of the size that `power` names are found as often as it says: the short form of the benchmark."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BOUND = 1_200


@pytest.mark.long
@pytest.mark.timeout(BOUND + 60)
def test_about_four_of_five_faults_of_the_size_that_power_names_are_found_in_time() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/power.py", "--short", "--processes", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    (found,) = re.findall(r"^all +found +80% \+- 12 +([\d.]+)% of ([\d,]+)", done.stdout, re.MULTILINE)
    assert int(found[1].replace(",", "")) >= 400, done.stdout
    assert abs(float(found[0]) - 80) <= 12, done.stdout
    assert done.returncode == 0, done.stderr
