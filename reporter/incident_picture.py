"""Pictures of incidents: how a metric went, what was usual, and when what was said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import State
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric

FloatArray = npt.NDArray[np.float64]

_SIZE = (10.0, 4.0)
_DOTS_PER_INCH = 110
_LABELS = {Metric.ERROR_RATE: "failures, %", Metric.THROUGHPUT: "requests per second"}
_STATES = {State.SUSPECT: "#e0a030", State.CONFIRMED: "#c03030", State.RECOVERING: "#4080c0", State.RESOLVED: "#309050"}
_LONGEST = 90
_MOST, _ROOM = 0.98, 1.4


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn: n points of `metric`, at `starts` (n,) in seconds since the epoch, `values` (n,) in its unit.

    `usual_low` and `usual_high` (n,) bound what was usual at that time of the day, NaN where nothing is known of it.
    `states` are when the incident came into each. NaN among the values leaves a gap.
    """

    title: str
    metric: Metric
    starts: FloatArray
    values: FloatArray
    usual_low: FloatArray
    usual_high: FloatArray
    onset: Span
    states: Sequence[tuple[float, State]]
    deploys: Sequence[Deploy]


def picture_png(picture: Picture) -> bytes:
    """Draw it as a PNG."""
    out = BytesIO()
    with rc_context({"date.converter": "concise"}):
        _draw(picture).savefig(out, format="png")
    return out.getvalue()


def picture_svg(picture: Picture) -> str:
    """Draw it as an `svg` element, to stand in a page."""
    out = BytesIO()
    # text as text, and names of parts that do not change: pages are small, and two of one history are alike
    with rc_context({"date.converter": "concise", "svg.fonttype": "none", "svg.hashsalt": "soakwatch"}):
        _draw(picture).savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue().decode()
    return text[text.index("<svg") :]


def _draw(picture: Picture) -> Figure:
    figure = Figure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    scale = 100.0 if picture.metric is Metric.ERROR_RATE else 1.0
    times = _times(picture.starts)
    axes.fill_between(
        times, picture.usual_low * scale, picture.usual_high * scale, color="#8090a0", alpha=0.3, linewidth=0,
        label="usual at this time of day",
    )  # fmt: skip
    axes.plot(times, picture.values * scale, color="#203040", linewidth=0.9, label=str(picture.metric))
    begin, end = _time(picture.onset.start), _time(picture.onset.end)
    axes.axvspan(begin, end, color="#e06040", alpha=0.35, linewidth=0, label="it began here (90 %)")
    for at, state in picture.states:
        axes.axvline(_time(at), color=_STATES[state], linewidth=1.2, label=str(state))
    _mark_deploys(axes, picture.deploys)
    _dress(axes, picture, scale)
    figure.legend(fontsize=7, loc="outside right upper")
    return figure


def _mark_deploys(axes: Axes, deploys: Sequence[Deploy]) -> None:
    for number, deploy in enumerate(deploys):
        at = _time(deploy.at)
        axes.axvline(at, color="#606060", linewidth=0.9, linestyle=":", label="" if number else "deploy")
        words = _plain(deploy.version or deploy.commit or deploy.title)[:20]
        axes.annotate(
            words, (at, 1.0), xycoords=("data", "axes fraction"), fontsize=7, rotation=90, va="top", ha="right",
            parse_math=False,
        )  # fmt: skip


def _dress(axes: Axes, picture: Picture, scale: float) -> None:
    # names from outside must neither be read as formulas nor be endless
    axes.set_title(_plain(picture.title)[:_LONGEST], fontsize=9, parse_math=False)
    axes.set_ylabel(_LABELS.get(picture.metric, f"{picture.metric}, ms"))
    axes.set_xlabel("UTC")
    axes.set_ylim(0, _top(picture.values) * scale)
    axes.grid(visible=True, alpha=0.25)


def _top(values: FloatArray) -> float:
    """So high that what lasts can be seen; single spikes are cut off."""
    there = values[np.isfinite(values)]
    highest = float(np.quantile(there, _MOST)) if there.size else 0.0
    return _ROOM * highest or 1.0


def _plain(text: str) -> str:
    """Letters that the font has; others would be boxes, and a warning each."""
    return "".join(letter if " " <= letter <= "\u024f" and letter.isprintable() else "?" for letter in text)


def _times(seconds: FloatArray) -> npt.NDArray[np.datetime64]:
    return np.asarray(seconds, dtype=np.float64).astype("datetime64[s]")


def _time(seconds: float) -> float:
    """As matplotlib counts on an axis of times: in days."""
    return seconds / 86_400
