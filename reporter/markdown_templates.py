"""Templates for Markdown: whatever they write is escaped, unless it is Markdown already."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from soakwatch.reporter.escaping import Markdown, code, escape


@cache
def markdown_template(name: str) -> Template:
    """The template in the file `name` of this package."""
    environment = Environment(
        loader=PackageLoader("soakwatch.reporter", ""),
        autoescape=False,  # noqa: S701  (this is Markdown: `finalize` escapes, and HTML's escaping would not suffice)
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "markdown": Markdown}
    return environment.get_template(name)


def _finalize(value: object) -> str:
    return escape(value if isinstance(value, str) else str(value))
