"""Pages of Markdown as a browser shows them, without what GitHub makes of mentions afterwards."""

from html.parser import HTMLParser

from markdown_it import MarkdownIt

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
"""What GitHub understands, but for the links that it finds in plain text."""

_CODE = frozenset({"code", "pre"})


class Page(HTMLParser):
    """What a reader's browser would make of a page: its tags, links, and its text, also that outside of code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.prose = ""
        self.comments: list[str] = []
        self._depth = 0
        self.feed(MARKDOWN.render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._depth += tag in _CODE
        self.links += [value or "" for name, value in attrs if (tag, name) == ("a", "href")]
        assert not attrs or tag in {"a", "code", "th", "td"}

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in _CODE

    def handle_data(self, data: str) -> None:
        self.text += data
        self.prose += "" if self._depth else data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)
