"""Pictures of the dashboards for the documentation: previews of the configured store, photographed by Chromium.

`python docs/dashboard_pictures.py overview --from now-8d` writes docs/grafana/overview.png; further arguments are those
of `soakwatch grafana preview`. The pictures that are there are of `soakwatch simulate history` with a step, a creep,
failures and an outage, which a daemon watched, and of `soakwatch demo` for the comparison of two runs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent / "grafana"
_WIDTH, _COLOURS = 1_400, 96
_HEIGHTS = {"service": 1_340}
"""Of pictures that show the upper part only."""


def main(dashboard: str, *arguments: str) -> None:
    """Write the picture of one dashboard."""
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder, "page.html"), FOLDER / f"{dashboard}.png"
        command = [sys.executable, "-m", "soakwatch.cli.main", "grafana", "preview", dashboard, *arguments]
        subprocess.run([*command, "--out", str(page)], check=True)  # noqa: S603  (what its caller wants to see)
        FOLDER.mkdir(exist_ok=True)
        _photograph(page, picture)
    whole = Image.open(picture)
    image = whole.crop((0, 0, whole.width, min(whole.height, _HEIGHTS.get(dashboard, whole.height))))
    # few colours are enough, for a fifth of the size
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=_COLOURS).save(picture, optimize=True)


def _photograph(page: Path, picture: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": _WIDTH, "height": 900})
        shown.goto(page.as_uri())
        shown.wait_for_timeout(3_000)
        shown.screenshot(path=picture, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
