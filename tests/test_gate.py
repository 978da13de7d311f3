"""`soakwatch run --gate`: Locust, and then a verdict on the run that it just made."""

import pytest
from locust_runs import LOCUSTFILE, Bench

pytestmark = pytest.mark.processes

GATED = ("-m", "soakwatch.cli.main", "run", "--gate", "--")
SHORT = ("--headless", "-u", "8", "-r", "100", "-t", "3", "--only-summary")


def test_the_first_run_has_nothing_to_be_compared_with_and_the_second_has(bench: Bench) -> None:
    bench.rewrite(LOCUSTFILE.replace('"/fail"', '"/fine"'))
    first = bench.start(*SHORT, program=GATED).wait()
    assert first.code == 0
    assert "nothing to compare with yet" in first.output
    second = bench.start(*SHORT, program=GATED).wait()
    assert second.code == 0
    old, new = bench.runs()
    assert f"run {new.id} against {old.id}" in second.output


def test_locusts_own_exit_code_counts_more_and_the_verdicts_are_shown_all_the_same(bench: Bench) -> None:
    for _ in range(2):
        ended = bench.start(*SHORT, program=GATED).wait()
    assert ended.code == 1  # requests to /fail failed
    assert "against" in ended.output


def test_a_run_that_left_nothing_is_not_judged_by_older_ones(bench: Bench) -> None:
    bench.headless(seconds=2).wait()
    bench.headless(seconds=2).wait()
    ended = bench.start("--list", program=GATED).wait()
    assert ended.code == 3
    assert "this run is not in the store, so nothing was compared" in ended.output
