"""Draw docs/demo.svg: what a real `soakwatch demo` shows on a terminal. Run it with the environment of `make`."""

import io
import re
import tempfile
from pathlib import Path

import typer
from rich.console import Console

from soakwatch.cli import demo, terminal

WIDTH = 110


def main() -> None:
    """Run the demo with a console that records, and write down what it showed."""
    console = Console(record=True, width=WIDTH, color_system="truecolor", highlight=False, file=io.StringIO())
    terminal.results = terminal.notes = console
    vars(demo)["notes"] = console
    console.print("[bold]$ soakwatch demo --seed 3[/]")
    with tempfile.TemporaryDirectory() as folder:
        try:
            demo.demo(Path(folder), seed=3)
        except typer.Exit as ended:
            console.print(f"[bold]$ echo $?[/]\n{ended.exit_code}")
        shown = console.export_svg(title="soakwatch demo").replace(folder, "soakwatch-demo")
    # the picture shows in any monospaced font, and fetches none
    shown = re.sub(r"@font-face \{.*?\}\s*", "", shown, flags=re.DOTALL)
    Path(__file__).with_name("demo.svg").write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
