"""Verdicts inside a Markdown report, as a comment that people do not see and commands read back."""

import re

from soakwatch.core.errors import UsageError
from soakwatch.reporter.verdicts_json import SCHEMA, VerdictsDocument, parse_verdicts

_MARK = "soakwatch:verdicts"
_COMMENT = re.compile(rf"<!-- {_MARK}:(?P<schema>\d+)\s(?P<json>.*?)-->", re.DOTALL)

_UNSAFE = re.compile(r"[<>&@#]|--")
"""What could end the comment, or be taken for a mention by somebody who reads the source; only strings hold any."""


def embed_verdicts(document: VerdictsDocument) -> str:
    """Write `document` as an HTML comment in one line, which nothing inside it can end."""
    escaped = _UNSAFE.sub(lambda match: "".join(f"\\u{ord(one):04x}" for one in match[0]), document.compact())
    return f"<!-- {_MARK}:{SCHEMA} {escaped} -->"


def read_verdicts(markdown: str, place: str = "the report") -> VerdictsDocument:
    """Read the verdicts that a report embeds. Raises UsageError that begins with `place` unless it holds them once.

    A report cannot hold a second comment by what its endpoints are called: names are escaped wherever they stand.
    """
    found = list(_COMMENT.finditer(markdown))
    if not found:
        raise UsageError(f"{place}: holds no verdicts; only reports that `soakwatch compare` wrote can be read back")
    if len(found) > 1:
        raise UsageError(f"{place}: holds the verdicts of {len(found)} reports; give one report at a time")
    schema, text = int(found[0]["schema"]), found[0]["json"]
    if schema > SCHEMA:
        raise UsageError(
            f"{place}: written by a newer soakwatch (schema {schema}, this one reads {SCHEMA}); upgrade soakwatch"
        )
    return parse_verdicts(text, f"{place}: embedded verdicts")
