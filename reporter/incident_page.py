"""One HTML page of incidents with their pictures, which needs no other file."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from soakwatch.core.verdict import Severity
from soakwatch.reporter.incident_picture import Picture, picture_svg


@dataclass(frozen=True, slots=True)
class Section:
    """One incident: what it was, its picture, and sentences on it, such as why it fired. All of it may be hostile."""

    fingerprint: str
    severity: Severity
    heading: str
    picture: Picture
    sentences: Sequence[str]


def render_page(title: str, sections: Sequence[Section]) -> str:
    """Write the page; the same sections give the same text."""
    environment = Environment(
        loader=PackageLoader("soakwatch.reporter", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    shown = [
        {
            "fingerprint": one.fingerprint,
            "severity": str(one.severity),
            "heading": one.heading,
            # matplotlib has escaped what is from outside
            "picture": Markup(picture_svg(one.picture)),  # noqa: S704  (matplotlib escapes its texts)
            "sentences": one.sentences,
        }
        for one in sections
    ]
    return environment.get_template("incident_page.html.j2").render(title=title, sections=shown)
