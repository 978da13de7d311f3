"""Change points: where the level of a series changed for longer than a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from soakwatch.detector.change_location import Location, location_of
from soakwatch.detector.change_scene import Scene, scene_of
from soakwatch.detector.change_votes import Method, Place, Votes, absolute_errors, votes_on
from soakwatch.detector.segmentation import segmented

_CANDIDATE = 3.0
"""Penalty of a candidate, in log n long-run variances: a quarter of what the vote asks for, so that hardly any is
missed."""

_MAJORITY = 3
"""Of the four methods."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """From `index` on the level is another one; with 95 % confidence the change is not before `low` nor after `high`.

    Indices are of the values that were given. `step` is the change of the natural logarithm, from the level before,
    since the change point before, to the level after, until the next one: 0.18 is 20 % slower. `methods` are those that
    say so.
    """

    index: int
    low: int
    high: int
    step: float
    methods: tuple[Method, ...]


def find_change_points(values: npt.ArrayLike, period: int | None = None) -> list[ChangePoint]:
    """Find where the level of `values` (n,) changes, in order; a change is what three of four methods call one.

    `values` are evenly spaced; what is NaN or infinite is missing. `period` is the number of points after which the
    season repeats itself, None if there is none. Changes are ratios: values that are not positive count as very small.

    Candidates are a generous segmentation, and the weakest of them is taken out as long as fewer than three methods
    stand behind it, after which its neighbours are asked again (as Otava merges: Fleming et al., ICPE 2023, section 3).
    Four methods that err at different things are wrong together more rarely than the best of them alone.
    """
    scene = scene_of(np.asarray(values, dtype=np.float64), period)
    if scene is None:
        return []
    candidates = segmented(scene.hard, scene.noise.long_run * _CANDIDATE * scene.log_size)
    elected = _elected(scene, candidates)
    edges = [0, *elected, scene.size]
    return _described(scene, _located(scene, edges), list(elected.values()))


def locate_change(values: npt.ArrayLike, index: int, period: int | None = None) -> Location | None:
    """Say where the one change of level near `index` of `values` (n,) is, whoever found it.

    As far as 30 points, or a season of `period` points, around it there is no other one. None where too few values are
    there to tell. What is missing or not positive is taken as `find_change_points` takes it.
    """
    scene = scene_of(np.asarray(values, dtype=np.float64), period)
    if scene is None:
        return None
    near = int(np.searchsorted(scene.at, index))
    return location_of(Place(0, min(max(near, 1), scene.size - 1), scene.size), scene)


def _elected(scene: Scene, candidates: Sequence[int]) -> dict[int, Votes]:
    edges = [0, *candidates, scene.size]
    errors = absolute_errors(scene, edges)
    votes = [votes_on(place, scene, errors) for place in _places(edges)]
    while votes:
        weakest = min(range(len(votes)), key=lambda i: _support(votes[i]))
        if _support(votes[weakest]) >= 1:
            break
        del votes[weakest], edges[weakest + 1]
        for i in range(max(weakest - 1, 0), min(weakest + 1, len(votes))):
            votes[i] = votes_on(Place(edges[i], edges[i + 1], edges[i + 2]), scene, errors)
    return dict(zip(edges[1:-1], votes, strict=True))


def _support(votes: Votes) -> float:
    """The evidence that a majority has at least, as a ratio to what each method asks for."""
    return sorted(votes.values())[-_MAJORITY]


def _places(edges: Sequence[int]) -> list[Place]:
    return [Place(*three) for three in zip(edges[:-2], edges[1:-1], edges[2:], strict=True)]


def _located(scene: Scene, edges: Sequence[int]) -> list[Location]:
    located: list[Location] = []
    start = 0
    for place in _places(edges):
        # from the last one's new place on, so that two never meet
        located.append(location_of(replace(place, start=start), scene))
        start = int(np.searchsorted(scene.at, located[-1].index))
    return located


def _described(scene: Scene, located: Sequence[Location], votes: Sequence[Votes]) -> list[ChangePoint]:
    inside = [int(np.searchsorted(scene.at, one.index)) for one in located]
    edges = [0, *inside, scene.size]
    return [
        ChangePoint(
            index=one.index,
            low=one.low,
            high=one.high,
            step=float(
                np.median(scene.levels[place.at : place.stop]) - np.median(scene.levels[place.start : place.at])
            ),
            methods=tuple(method for method, evidence in said.items() if evidence >= 1),
        )
        for one, place, said in zip(located, _places(edges), votes, strict=True)
    ]
