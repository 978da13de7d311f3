"""Room: what GitHub takes into one body, and the first of several pages that fits into it."""

from collections.abc import Iterable

LONGEST_BODY = 65_535
"""Characters; GitHub takes one more. Those beyond the basic plane count as two, as whoever counts most counts them."""

ROOM_BESIDE_MARKER = LONGEST_BODY - 24_000
"""What is left beside a marker with all the parts and members that one can have."""


def units(text: str) -> int:
    """How much room `text` takes."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def first_that_fits(pages: Iterable[str]) -> str:
    """The first of `pages` that fits beside a marker; they go from all that is to what matters most."""
    page = ""
    for page in pages:
        if units(page) <= ROOM_BESIDE_MARKER:
            return page
    return cut(page)


def cut(page: str) -> str:
    """As many whole lines of `page` from its beginning as fit beside a marker."""
    lines: list[str] = []
    room = ROOM_BESIDE_MARKER
    for line in page.splitlines(keepends=True):
        room -= units(line)
        if room < 0:
            break
        lines.append(line)
    return "".join(lines)
