"""Unknown services: endpoints of which no rule, no name and no host tells the service."""

import sys
from collections.abc import Iterable

from soakwatch.cli.terminal import notes, printable
from soakwatch.core.series import OTHER, UNKNOWN_SERVICE, Series


def tell_unknown_services(series: Iterable[Series]) -> None:
    """Say on standard error how many of `series` have no service, and what to do; nothing where all have one."""
    found = sorted({one for one in series if one.service == UNKNOWN_SERVICE and one.endpoint != OTHER})
    if not found:
        return
    have = "1 endpoint has" if len(found) == 1 else f"{len(found):,} endpoints have"
    example = f"{found[0].method} {found[0].endpoint}".strip()
    message = (
        f"{have} no service, such as {example}; {'it is' if len(found) == 1 else 'they are'} counted under "
        f"{UNKNOWN_SERVICE!r}; "
        "name requests `service: /path`, or write [[service]] rules into soakwatch.toml"
    )
    notes.print(printable(message, sys.maxsize), style="yellow", soft_wrap=True)
