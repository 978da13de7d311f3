"""The onset of an incident: what the intervals of its findings say together."""

from collections.abc import Sequence

from soakwatch.core.span import Span


def agreed_onset(onsets: Sequence[Span]) -> Span:
    """What at least half of `onsets` reach back to, up to what at least half of them reach on to.

    It contains all that most of them contain: the majority vote of Gasparin & Ramdas (2024, "Merging uncertainty sets
    via majority vote", section 2), which misses at most twice as often as one of them whatever they share, and more
    rarely than one of them where they err independently. An intersection would miss more the more endpoints are slow,
    a hull would grow with each. Where their number is even the first has the casting vote, so that two make neither.
    Raises ValueError where there are none.
    """
    if not onsets:
        raise ValueError("an incident without findings has no onset")
    votes = [*onsets, onsets[0]] if len(onsets) % 2 == 0 else list(onsets)
    middle = len(votes) // 2
    return Span(sorted(one.start for one in votes)[middle], sorted(one.end for one in votes)[middle])


def gap_between(one: Span, other: Span) -> float:
    """Seconds between two spans, 0 where they overlap or touch."""
    return max(0.0, one.start - other.end, other.start - one.end)
