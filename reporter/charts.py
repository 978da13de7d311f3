"""Charts of a series over both runs: Mermaid for GitHub, block characters for where Mermaid is not drawn.

No name is ever part of a chart: neither Mermaid nor a block of code has escapes that hold everywhere.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from soakwatch.core.numbers import format_value
from soakwatch.core.verdict import Metric, Timeline

MOST_POINTS = 30
_FEWEST_POINTS = 2
_BLOCKS = "▁▂▃▄▅▆▇█"
_MISSING = "·"
_WIDTH, _HEIGHT = 800, 280
"""Pixels, as wide as a page on GitHub; Mermaid's own height takes a screen."""

_COLOURS = "#8c959f, #cf222e"
"""Grey and red: readable on GitHub's light and dark pages, and told apart without colour vision by their lightness."""


@dataclass(frozen=True, slots=True)
class Line:
    """Values over the seconds since a run's start; None where there was nothing to measure."""

    seconds: Sequence[float]
    values: Sequence[float | None]

    def on_grid(self, step: float, points: int) -> list[float | None]:
        """The mean of the values nearest to each of `points` multiples of `step`; later values are left out."""
        cells: defaultdict[int, list[float]] = defaultdict(list)
        for second, value in zip(self.seconds, self.values, strict=True):
            if value is not None:
                cells[max(0, round(second / step))].append(value)
        return [fmean(cells[index]) if index in cells else None for index in range(points)]

    @property
    def last(self) -> float:
        """Seconds of the last value, 0 when there is none."""
        return max(self.seconds, default=0.0)


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric of one series in both runs; values in milliseconds, or percent for error rates."""

    metric: Metric
    baseline: Line
    current: Line

    @classmethod
    def of(cls, timeline: Timeline, metric: Metric) -> "Chart":
        """The error rate of `timeline` when `metric` is that, else its p95."""
        if metric is not Metric.ERROR_RATE:
            baseline = Line(timeline.baseline_seconds, timeline.baseline_p95)
            return cls(Metric.P95, baseline, Line(timeline.current_seconds, timeline.current_p95))
        baseline = Line(timeline.baseline_seconds, _percent(timeline.baseline_error_rate))
        return cls(metric, baseline, Line(timeline.current_seconds, _percent(timeline.current_error_rate)))

    def mermaid(self) -> str:
        """An `xychart-beta` of the time that both runs have; empty when that is too short for a line.

        Mermaid spreads the points of every line evenly over the axis and knows no gaps: both lines are put on the same
        grid, and a missing value repeats the one before.
        """
        end = min(self.baseline.last, self.current.last)
        points = min(MOST_POINTS, len(self.baseline.seconds), len(self.current.seconds))
        if points < _FEWEST_POINTS or end <= 0:
            return ""
        lines = [filled(line.on_grid(end / (points - 1), points)) for line in (self.baseline, self.current)]
        return xychart(lines, f'"seconds" 0 --> {end:.0f}', self._axis) if all(lines) else ""

    @property
    def _axis(self) -> str:
        return "errors (percent)" if self.metric is Metric.ERROR_RATE else "p95 (ms)"

    def sparklines(self) -> str:
        """Two lines of block characters on one scale from zero, as long as each run was."""
        points = min(MOST_POINTS, max(len(self.baseline.seconds), len(self.current.seconds)))
        step = max(self.baseline.last, self.current.last) / max(1, points - 1) or 1.0
        named = {"baseline": self.baseline, "current ": self.current}
        cells = {name: line.on_grid(step, max(0, round(line.last / step)) + 1) for name, line in named.items()}
        highest = max((value for line in cells.values() for value in line if value is not None), default=0.0)
        return "\n".join(f"{name} {_sparkline(line, highest)} {self._range(line)}" for name, line in cells.items())

    def _range(self, values: Sequence[float | None]) -> str:
        known = [value for value in values if value is not None]
        if not known:
            return "nothing measured"
        scale = 100 if self.metric is Metric.ERROR_RATE else 1
        return " to ".join(format_value(self.metric, value / scale) for value in (min(known), max(known)))


def _percent(shares: Sequence[float]) -> list[float]:
    return [share * 100 for share in shares]


def filled(values: Sequence[float | None]) -> list[float]:
    """`values` with each that is missing as the one before; those at the beginning as the first."""
    last = next((value for value in values if value is not None), None)
    filled: list[float] = []
    for value in values:
        last = last if value is None else value
        if last is not None:
            filled.append(last)
    return filled


def xychart(lines: Sequence[Sequence[float]], x_axis: str, axis: str) -> str:
    """Mermaid's source of two lines, grey and red, of points that are evenly spread over the `x_axis`."""
    highest = max(value for line in lines for value in line) or 1.0
    theme = f'"themeVariables": {{"xyChart": {{"plotColorPalette": "{_COLOURS}"}}}}'
    size = f'"xyChart": {{"width": {_WIDTH}, "height": {_HEIGHT}}}'
    drawn = [f"    line [{', '.join(map(_fixed, line))}]" for line in lines]
    axes = [f"    x-axis {x_axis}", f'    y-axis "{axis}" 0 --> {_fixed(highest * 1.1)}']
    return "\n".join([f"%%{{init: {{{size}, {theme}}}}}%%", "xychart-beta", *axes, *drawn])


def _fixed(value: float) -> str:
    """Without an exponent, which Mermaid cannot read."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _sparkline(values: Sequence[float | None], highest: float) -> str:
    top = len(_BLOCKS) - 1
    return "".join(
        _MISSING if value is None else _BLOCKS[round(top * value / highest) if highest else 0] for value in values
    )
