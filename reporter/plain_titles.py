"""Titles: one line of plain text that anybody may have a part in."""

import re

from soakwatch.reporter.escaping import clean, shorten

LONGEST_TITLE = 255
"""What GitHub takes, in characters; it takes one more."""

_ZERO_WIDTH_SPACE = "\u200b"
_AT = re.compile(r"(?:@|&#0*64;|&#x0*40;|&commat;)(?=\w|&(?!#8203;))", re.IGNORECASE)
"""What could be a mention once the page is drawn. Our own reports hold none, but anybody may have edited one."""


def title_of(text: str) -> str:
    """`text` on one line, not endless, mentioning nobody."""
    return without_mentions(shorten(clean(text), LONGEST_TITLE))[:LONGEST_TITLE]


def without_mentions(text: str) -> str:
    """`text` with what breaks a mention after each place where one could begin."""
    return _AT.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", text)
