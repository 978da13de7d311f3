"""Draw the pictures of docs/detection.md: simulated weeks through the detector itself, and what it said of them.

`make docs-figures` draws all of them, and writes below each in the page what happened in it; names draw single ones.
"""

import argparse
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import detection_words as words
from detection_past import LEARNT, Past, watched
from detection_picture import draw

from soakwatch.core.truth import EventKind
from soakwatch.core.verdict import Metric
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.demo.history_plan import HistoryPlan

HERE = Path(__file__).parent
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Scene:
    """A history of one endpoint in which `events` happen; `metric` is drawn between two days, `tell` describes it."""

    seed: int
    metric: Metric
    days: tuple[float, float]
    tell: Callable[[Past], str]
    events: tuple[Event, ...] = ()

    @property
    def plan(self) -> HistoryPlan:
        """What the simulation is asked for: enough days, whole ones."""
        return HistoryPlan(seed=self.seed, series=1, days=int(self.days[1]) + 1, events=self.events)


def _at(day: float) -> float:
    """`day` after the learning, in seconds since the start of the history; a whole minute."""
    return round((LEARNT + day) * DAY / MINUTE) * MINUTE


SCENES = {
    "quiet-week": Scene(11, Metric.P95, (LEARNT, LEARNT + 7), words.of_a_quiet_week),
    "step": Scene(
        3,
        Metric.P95,
        (LEARNT + 0.25, LEARNT + 0.8),
        words.of_a_step,
        (Event(EventKind.STEP, _at(0.4), (0,), size=0.2, length=5 * HOUR, deploy=True),),
    ),
    "creep": Scene(
        2, Metric.P50, (LEARNT, LEARNT + 9), words.of_a_creep, (Event(EventKind.CREEP, _at(1), (0,), size=0.02),)
    ),
    "errors": Scene(
        5,
        Metric.ERROR_RATE,
        (LEARNT + 0.08, LEARNT + 0.4),
        words.of_failures,
        (
            Event(EventKind.ERRORS, _at(0.12), (0,), size=0.2, length=4 * MINUTE),
            Event(EventKind.ERRORS, _at(0.28), (0,), size=0.02, length=1.5 * HOUR),
        ),
    ),
    "load": Scene(
        6,
        Metric.P95,
        (LEARNT + 0.3, LEARNT + 1.8),
        words.of_another_load,
        (
            Event(EventKind.LOAD, _at(0.4), (0,), size=1.0, length=6 * HOUR),
            Event(EventKind.LOAD, _at(1.4), (0,), size=1.0, length=6 * HOUR),
        ),
    ),
}
"""The pictures by name."""


def with_words(page: str, name: str, told: str) -> str:
    """`page` with `told` as the paragraph below the picture `name`. LookupError where it is not shown."""
    found = re.search(rf"!\[[^\]]*\]\(detection/{name}\.png\)\n\n(.*?)\n\n", page, flags=re.DOTALL)
    if found is None:
        raise LookupError(f"the page does not show the picture {name}")
    return (
        page[: found.start(1)]
        + textwrap.fill(told, _WIDTH, break_long_words=False, break_on_hyphens=False)
        + page[found.end(1) :]
    )


def main() -> None:
    """Draw what is asked for, and say in the page what happened in it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME", help=f"pictures [default: all]: {', '.join(SCENES)}")
    options.add_argument("--page", type=Path, default=HERE / "detection.md", help="the page that shows them")
    options.add_argument("--pictures", type=Path, default=HERE / "detection", help="the folder that they go to")
    given = options.parse_args()
    given.pictures.mkdir(exist_ok=True)
    for name in given.names or SCENES:
        scene = SCENES[name]
        past = watched(scene.plan, scene.metric, scene.days[1])
        draw(past, scene.days).savefig(given.pictures / f"{name}.png", metadata={"Software": None})
        page = given.page.read_text(encoding="utf-8")
        given.page.write_text(with_words(page, name, scene.tell(past)), encoding="utf-8")


if __name__ == "__main__":
    main()
