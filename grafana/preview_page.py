"""The page of a preview: one HTML file with everything in it, which asks no server for anything."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from soakwatch.grafana.colours import BACKGROUND, MUTED, TEXT
from soakwatch.grafana.preview import DrawnDashboard
from soakwatch.grafana.units import written_moment

_TEMPLATE = "preview_page.html.j2"


def page_of(drawn: Sequence[DrawnDashboard], now: float) -> str:
    """Write the page; `now` is in seconds since the epoch."""
    # names come from load tests: nothing of them may become HTML
    environment = Environment(
        loader=PackageLoader("soakwatch.grafana", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": written_moment, "json": _json}
    return environment.get_template(_TEMPLATE).render(
        drawn=drawn,
        made=f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}",
        # a script that a name might smuggle in would not know it
        nonce=token_urlsafe(16),
        plotly=Markup(get_plotlyjs()),  # noqa: S704  (the library's own text)
        colours={"text": TEXT, "muted": MUTED, "panel": BACKGROUND},
    )


def _json(document: Any) -> Markup:  # noqa: ANN401  (any JSON)
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (no character is left that could end the element)
