"""Escaping: text that anybody may have chosen, as Markdown that says that text and does nothing.

Names of endpoints and messages of errors come from whatever answered a load test. On GitHub a name must not mention a
person, refer to an issue, become a link, end a table's row or inject HTML. Three layers hold that:

- line breaks become spaces, characters that reorder or hide others become U+FFFD, and what is long is shortened;
- whatever means something to Markdown or HTML becomes a character reference, which no parser takes for markup;
- references alone do not stop GitHub, which looks for mentions and issues in the text after it was rendered. So a
  zero-width space follows what such a reference begins with, as Dependabot and Renovate do; names are in `<code>`
  besides, where GitHub looks for neither. Backticks would do as well, but a name may hold backticks, and a pipe
  cannot be a character reference between them.

What is exact is in `verdicts.json`; a report is for reading.
"""

import re
import unicodedata

LONGEST = 120
"""Characters of a text in a table; of longer ones the beginning and the end are kept, where endpoints differ."""

LONGEST_SENTENCE = 600
"""Characters of a sentence of ours that names such texts."""

_ZERO_WIDTH_SPACE = "\u200b"
_ZERO_WIDTH_JOINER = "\u200d"
"""Joins emoji, and hides nothing: the one format character that stays."""

_REPLACEMENT = "\ufffd"
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})
"""Control characters, format characters such as those that reverse the text, and halves of surrogate pairs."""

_BEGINS_REFERENCE = re.compile(r"@|#(?=\d)|(?<=GH-)(?=\d)|(?<=www)(?=\.)|:(?=//)", re.IGNORECASE)
"""Where a mention, a number of an issue or an address becomes one."""

_SPECIAL = re.compile(
    rf"[{_ZERO_WIDTH_SPACE}&<>|\\`*\[\]~@#$]"
    r"|:(?!\s)"  # an emoji's name or an address; `service: /path` reads well as it is
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within words underscores are no emphasis
)
"""What means something to Markdown or HTML within a line."""

_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
"""Easier to read in the source than their numbers."""


class Markdown(str):
    """Text that is Markdown already; everything else is escaped by the template."""

    __slots__ = ()


def clean(text: str) -> str:
    """One line of visible characters: any white space is a space, what hides or reorders text is U+FFFD."""
    visible = "".join(map(_visible, text))
    return " ".join(visible.split())


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    hidden = unicodedata.category(character) in _HIDDEN_CATEGORIES and character != _ZERO_WIDTH_JOINER
    return _REPLACEMENT if hidden else character


def shorten(text: str, longest: int = LONGEST) -> str:
    """At most `longest` characters: of a longer text the beginning, an ellipsis, and the end."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def escape(text: str, longest: int = LONGEST) -> Markdown:
    """Markdown that renders as `text`, cleaned and shortened, within a line (at its beginning, `- ` is a list).

    What is Markdown already stays as it is.
    """
    return text if isinstance(text, Markdown) else Markdown(_defuse(shorten(clean(text), longest)))


def sentence(text: str) -> Markdown:
    """Like `escape`, for what is allowed to be longer."""
    return escape(text, LONGEST_SENTENCE)


def code(text: str) -> Markdown:
    """Like `escape`, in the type of code; an empty text says that it is empty."""
    return Markdown(f"<code>{_defuse(shorten(clean(text))) or '(empty)'}</code>")


def _defuse(text: str) -> str:
    broken = _BEGINS_REFERENCE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", text)
    return _SPECIAL.sub(lambda match: _NAMED.get(match[0]) or f"&#{ord(match[0])};", broken)
