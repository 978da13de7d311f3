"""Selection: which runs somebody means by an id, the beginning of one, `latest`, `previous` or `previous:5`."""

from collections.abc import Sequence

from soakwatch.core.errors import UnknownRun, UsageError
from soakwatch.core.run import Run

LATEST, PREVIOUS = "latest", "previous"
_MOST_NAMED = 10


def select_run(runs: Sequence[Run], text: str) -> Run:
    """The run that `text` means: `latest`, an id, or its unique beginning. `runs` are oldest first.

    Raises UnknownRun that says which runs there are.
    """
    if text == LATEST and runs:
        return runs[-1]
    matching = [run for run in runs if run.id == text] or [run for run in runs if text and run.id.startswith(text)]
    if len(matching) == 1:
        return matching[0]
    problem = f"several runs begin with {text!r}" if matching else f"there is no run {text!r}"
    raise UnknownRun(f"{problem}; {_those_there_are(matching or runs)}")


def select_baselines(runs: Sequence[Run], text: str, current: Run) -> list[Run]:
    """The runs to compare `current` with: one by `select_run`, or `previous`, or `previous:5` for several.

    `previous` are the finished runs of the same environment and test that began before. Raises UnknownRun when there
    is none, UsageError when the number is none.
    """
    word, _, number = text.partition(":")
    if word != PREVIOUS:
        base = select_run(runs, text)
        if base == current:
            raise UsageError(f"run {base.id} cannot be compared with itself; 'previous' is the one before it")
        return [base]
    if number and not (number.isascii() and number.isdigit() and int(number)):
        raise UsageError(f"{text!r}: write a number of runs behind the colon, as in 'previous:5'")
    earlier = [run for run in runs if _comes_before(run, current)]
    if not earlier:
        raise UnknownRun(
            f"there is no run before {current.id} in environment {current.environment!r} and test {current.test!r}; "
            f"{_those_there_are(runs)}"
        )
    return earlier[-int(number or 1) :]


def _comes_before(run: Run, current: Run) -> bool:
    like = (run.environment, run.test) == (current.environment, current.test)
    return like and run.start < current.start and run.end is not None


def _those_there_are(runs: Sequence[Run]) -> str:
    if not runs:
        return "the store holds no run yet; `soakwatch run` makes one"
    newest = [run.id for run in reversed(runs[-_MOST_NAMED:])]
    more = f" and {len(runs) - len(newest)} older ones" if len(runs) > len(newest) else ""
    return f"there are {', '.join(newest)}{more}"
