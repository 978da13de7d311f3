"""The job summary: a comparison as the page that GitHub Actions shows for a step."""

from soakwatch.core.verdict import Comparison
from soakwatch.reporter.fitting import fit
from soakwatch.reporter.markdown import render_markdown

LARGEST = 1_048_575
"""Bytes of UTF-8 below the 1 MiB that a step may write; GitHub shows nothing of a summary that is larger."""


def job_summary(comparison: Comparison, room: int = LARGEST) -> str:
    """Write `comparison` as Markdown of at most `room` bytes, with what matters most; see `fit` for what goes first."""
    return fit(render_markdown(comparison), room, _bytes)


def _bytes(text: str) -> int:
    return len(text.encode())
