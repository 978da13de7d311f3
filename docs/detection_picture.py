"""A picture of a past: what was measured, what was normal, and what was said when."""

import numpy as np
from detection_past import Past
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from soakwatch.core.incident import Finding, Shape, State
from soakwatch.core.verdict import Metric
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.story import Story

_SIZE = (10.0, 3.4)
_DOTS_PER_INCH = 100
_COLOURS = {
    State.SUSPECT: "#d89020",
    State.CONFIRMED: "#c03030",
    State.RECOVERING: "#4080c0",
    State.RESOLVED: "#309050",
}
_MOST, _ROOM = 0.97, 1.5
"""The quantile of the values that decides how high the picture is: single spikes are cut off."""


def draw(past: Past, days: tuple[float, float]) -> Figure:
    """Draw `past` between two of its days."""
    figure = Figure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    times, scale = past.days(past.starts), _scale(past)
    axes.plot(times, past.values * scale, color="#8898a8", linewidth=0.7, label=past.metric.replace("_", " "))
    if not np.isnan(past.normal).all():
        axes.plot(times, past.normal * scale, color="#203040", linewidth=1.4, label="curve of the day")
    for story in past.confirmed:
        _draw_incident(axes, past, story)
    _draw_load(axes, past)
    inside = past.values[(times >= days[0]) & (times < days[1])]
    axes.set_xlim(*days)
    axes.set_ylim(0, _ROOM * scale * float(np.quantile(inside, _MOST)))
    axes.set_xlabel("day of the history")
    axes.set_ylabel("failures, %" if past.metric is Metric.ERROR_RATE else f"{past.metric}, ms")
    axes.grid(visible=True, alpha=0.25)
    named = {label: line for one in figure.axes for line, label in zip(*one.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), fontsize=7, loc="outside right upper")
    return figure


def _scale(past: Past) -> float:
    return 100.0 if past.metric is Metric.ERROR_RATE else 1.0


def _draw_incident(axes: Axes, past: Past, story: Story) -> None:
    told = story.confirmed or story.last
    begin, end = past.day(told.onset.start), past.day(told.onset.end)
    axes.axvspan(begin, end, color="#e06040", alpha=0.35, linewidth=0, label="it began (90 %)")
    _draw_levels(axes, past, past.finding(told), story)
    for change in story.changes:
        axes.axvline(past.day(change.at), color=_COLOURS[change.state], linewidth=1.3, label=str(change.state))
    if told.deploy_before is not None and told.deploy_before.at > past.starts[0]:
        axes.axvline(past.day(told.deploy_before.at), color="#606060", linestyle=":", label="deploy")


def _draw_levels(axes: Axes, past: Past, finding: Finding, story: Story) -> None:
    """The level before and the one that was found, up to the end; they follow the curve of the day."""
    if finding.shape is not Shape.STEP or finding.baseline is None or finding.current is None:
        return
    judged = finding.course.heard
    until = next((change.at for change in story.changes if change.state is State.RECOVERING), past.starts[-1])
    inside = (past.starts >= finding.onset.end) & (past.starts <= until)
    times, curve = past.days(past.starts[inside]), _relative(past, judged)[inside] * _scale(past)
    axes.plot(times, finding.baseline * curve, "--", color="#309050", linewidth=1.3, label="level before")
    axes.plot(times, finding.current * curve, "--", color="#c03030", linewidth=1.3, label="level found")


def _relative(past: Past, moment: float) -> FloatArray:
    """The curve of the day relative to what it was at `moment`; 1 where there is none."""
    return np.nan_to_num(past.normal / np.interp(moment, past.starts, past.normal), nan=1.0)


def _draw_load(axes: Axes, past: Past) -> None:
    """What was unknown, and the users where they changed."""
    times = past.days(past.starts)
    if past.unknown.any():
        axes.fill_between(
            times, 0, 1, where=past.unknown > 0, transform=axes.get_xaxis_transform(),
            color="#e0c060", alpha=0.4, linewidth=0, label="unknown",
        )  # fmt: skip
    if np.ptp(past.users):
        beside, most = axes.twinx(), float(past.users.max())
        beside.plot(times, past.users, color="#4080c0", linewidth=1.0, label="users")
        beside.set_ylim(-2.2 * most, 1.15 * most)  # above what was measured
        beside.set_yticks(np.unique(past.users))
        beside.set_ylabel("users")
