"""Sets of spans: sorted, none touching another."""

from collections.abc import Iterable, Iterator

from soakwatch.core.span import Span

Spans = tuple[Span, ...]


def union(spans: Iterable[Span]) -> Spans:
    """All moments that are in any of `spans`; those without length are in none."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        elif span.start < span.end:
            joined.append(span)
    return tuple(joined)


def within(spans: Iterable[Span], bounds: Span) -> Spans:
    """What of `spans`, a set, is in `bounds`."""
    cut = (Span(max(span.start, bounds.start), min(span.end, bounds.end)) for span in spans)
    return tuple(span for span in cut if span.start < span.end)


def widened(spans: Iterable[Span], width: float) -> Spans:
    """The aligned stretches of `width` seconds that `spans` touch."""
    return union(Span(span.start // width * width, -(-span.end // width) * width) for span in spans)


def stretches(span: Span, width: float) -> Iterator[Span]:
    """The aligned stretches of `width` seconds that `span`, aligned itself, consists of."""
    first = round(span.start / width)
    for number in range(first, round(span.end / width)):
        yield Span(number * width, (number + 1) * width)
