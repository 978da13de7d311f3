"""A real headless Chromium that looks at a page of a file."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

_PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_PATIENCE = 60_000
"""Milliseconds: a bound against hanging."""


@dataclass
class Looked:
    """A page that is drawn, with all that its console said and all that it asked for beside itself."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def looking_at(file: Path, until: str) -> Iterator[Looked]:
    """Open `file`, and wait until something matches the CSS selector `until`."""
    if _PROGRAM is None:
        pytest.skip("no chromium (Debian's package of that name brings it)")
    with sync_playwright() as playwright:
        # its sandbox needs rights that root and containers do not have; the page is our own
        browser = playwright.chromium.launch(executable_path=_PROGRAM, args=["--no-sandbox"])
        looked = Looked(browser.new_page(viewport={"width": 1600, "height": 1000}))
        looked.page.on("console", lambda message: looked.console.append(message.text))
        looked.page.on("pageerror", lambda error: looked.console.append(str(error)))
        looked.page.on("request", lambda request: looked.requests.append(request.url))
        looked.page.goto(file.as_uri())
        looked.page.wait_for_selector(until, timeout=_PATIENCE)
        yield looked
        browser.close()
