"""All of it together for two minutes, with real parts: `make soak` is the same for twenty."""

import logging
from pathlib import Path

import pytest
from long_job import play, short, told, what_is_wrong

logger = logging.getLogger(__name__)


@pytest.mark.alone
@pytest.mark.influxdb
@pytest.mark.processes
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("influxdb")  # where there is none, this says so
def test_a_soak_that_is_left_alone_tells_of_what_goes_wrong_once_and_counts_every_request(tmp_path: Path) -> None:
    script = short()
    balance = play(script, tmp_path, logger.info)
    wrong = what_is_wrong(balance, script)
    logs = "\n".join(path.read_text(errors="replace") for path in sorted(tmp_path.glob("daemon-*.log")))
    assert wrong == [], "\n".join([*told(balance), logs])
