"""A bar on standard error that says what is being done, where that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from soakwatch.cli.terminal import notes

Show = Callable[[str, float, float], None]
"""Shows what is being done, how much of it is, and how much there is."""


@contextmanager
def progress_bar() -> Iterator[Show]:
    """Show a bar while the block runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)
