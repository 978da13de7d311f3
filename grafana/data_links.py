"""Links of a cell: an address with the row's values in it, or none where it would lead somewhere that it must not."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from soakwatch.grafana.interpolation import interpolate
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice

_REFERENCE = re.compile(
    r"\$\{__(?:data\.fields(?:\.(?P<plain>[^:}\[\"]+)|\[\"?(?P<quoted>[^\"\]]+)\"?\](?:\.\w+)?)|value\.(?P<value>raw|text|numeric)"
    r"|(?P<range>url_time_range))(?::(?P<format>\w+))?\}"
)
_DASHBOARD = re.compile(r"/d/([A-Za-z0-9_-]+)")


def link_of(url: str, row: Mapping[str, str], value: str, choices: Mapping[str, Choice], asked: TimeRange) -> str:
    """The address; that of another dashboard is its place on the same page. Empty where it is no page of the web."""

    def replacement(found: re.Match[str]) -> str:
        if found["range"]:
            return f"from={asked.start}&to={asked.end}"
        name = found["plain"] or found["quoted"]
        text = row.get(name, "") if name else value
        # a value that is the whole address is one already
        return text if found[0] == url or found["format"] == "raw" else quote(text, safe="")

    address = interpolate(_REFERENCE.sub(replacement, url), choices, "percentencode")
    dashboard = _DASHBOARD.match(address)
    if dashboard:
        return f"#{dashboard[1]}"
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in {"http", "https"} and parts.netloc else ""
