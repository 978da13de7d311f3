"""Overall: one word for a whole comparison, as a pipeline wants it."""

from soakwatch.core.verdict import Comparison, Decision
from soakwatch.reporter.summary import count_decisions


def overall_verdict(comparison: Comparison) -> Decision:
    """What all verdicts say together.

    `regressed` when any does, else `improved` when any does, else `same`; `unknown` when nothing could be decided.
    """
    counts = count_decisions(comparison.verdicts)
    for decision in (Decision.REGRESSED, Decision.IMPROVED, Decision.SAME):
        if counts[decision]:
            return decision
    return Decision.UNKNOWN
