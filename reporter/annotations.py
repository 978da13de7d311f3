"""Annotations: the worst regressions as commands that GitHub Actions shows beside a workflow's run.

The runner reads commands from whatever a step prints: `::error title=...::...` at the beginning of a line, and in an
older form `##[error]...` anywhere within one. Names are on one line and escaped, so none can end its command; `fence`
is for output in which names stand as they are.
"""

from collections.abc import Sequence

from soakwatch.core.numbers import format_change, format_value
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Severity, Verdict
from soakwatch.reporter.escaping import LONGEST_SENTENCE, clean, shorten
from soakwatch.reporter.ranking import headlines
from soakwatch.reporter.subject import subject
from soakwatch.reporter.summary import metric_name

MOST = 10
"""GitHub shows so many errors and so many warnings of one step; more are dropped without a word."""


def annotations(*comparisons: Comparison) -> list[str]:
    """At most ten lines for standard output, the worst series first: critical ones are errors, others warnings.

    Where more regressed, the tenth says how many. Of several tests, each title names its own.
    """
    regressions = [verdict for comparison in comparisons for verdict in comparison.regressions]
    worst = headlines(regressions)
    shown = worst if len(worst) <= MOST else worst[: MOST - 1]
    name = _title_with_test if len({comparison.current.test for comparison in comparisons}) > 1 else _title
    lines = [_annotation(name(verdict), verdict, _metrics(regressions, verdict.series)) for verdict in shown]
    rest = worst[len(shown) :]
    return [*lines, *([_more(rest)] if rest else [])]


def fence(token: str) -> tuple[str, str]:
    """The lines before and after which the runner obeys again; between them it obeys nothing but `token`.

    `token` must be one that no printed name can hold, so a new random one each time.
    """
    return f"::stop-commands::{token}", f"::{token}::"


def _title(verdict: Verdict) -> str:
    return f"{metric_name(verdict.metric)} of {subject(verdict.series)}"


def _title_with_test(verdict: Verdict) -> str:
    return f"{verdict.series.test}: {_title(verdict)}"


def _annotation(title: str, verdict: Verdict, metrics: Sequence[str]) -> str:
    others = [metric for metric in metrics if metric != metric_name(verdict.metric)]
    also = f" (also {', '.join(others)})" if others else ""
    return _command(_level([verdict]), title, f"{_change(verdict)}{also}: {verdict.reason}")


def _metrics(regressions: Sequence[Verdict], series: Series) -> list[str]:
    return list(dict.fromkeys(metric_name(verdict.metric) for verdict in regressions if verdict.series == series))


def _change(verdict: Verdict) -> str:
    if verdict.is_objective:
        return format_value(verdict.metric, verdict.current)
    return format_change(verdict.metric, verdict.baseline, verdict.current, verdict.effect)


def _more(rest: Sequence[Verdict]) -> str:
    title = f"{len(rest)} more regressed"
    return _command(_level(rest), title, "the job summary and the report have all of them")


def _level(verdicts: Sequence[Verdict]) -> str:
    return "error" if any(verdict.severity is Severity.CRITICAL for verdict in verdicts) else "warning"


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _data(text: str) -> str:
    """As GitHub's own toolkit escapes; line breaks are gone already, and stay in the list lest that change."""
    line = shorten(clean(text), LONGEST_SENTENCE)
    return line.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
