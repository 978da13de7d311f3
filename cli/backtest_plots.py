"""Plots of a backtest: each incident as a picture, and all of them on one page."""

from collections.abc import Sequence
from math import inf
from pathlib import Path

import numpy as np

from soakwatch.cli.incident_views import what_is_worst
from soakwatch.cli.moments import written_moment
from soakwatch.core.deploy import Deploy, changes
from soakwatch.core.errors import UsageError
from soakwatch.core.incident import Incident, findings_worst_first
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.span import Span
from soakwatch.detector.deploys_around import concerns
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.story import Story
from soakwatch.reporter.incident_page import Section, render_page
from soakwatch.reporter.incident_picture import Picture, picture_png
from soakwatch.store.contract import WindowStore
from soakwatch.store.metric_history import metric_history
from soakwatch.store.whole_files import write_whole

PAGE = "incidents.html"

_HOUR, _DAY = 3_600.0, 86_400.0
_BEFORE, _AFTER, _LONGEST = 12 * _HOUR, 3 * _HOUR, 4 * _DAY
"""Seconds that are drawn before the onset and after the end, and of what does not end."""

_USUAL = (0.1, 0.9)
"""Quantiles that bound what is usual at a time of the day."""

_LEARNT_FROM = 14 * _DAY
_FEWEST = 6
"""Points of an hour of the day from which on something is known of it."""


def draw_incidents(stories: Sequence[Story], store: WindowStore, folder: Path) -> Path:
    """Write a PNG of each incident and the page with all of them into `folder`. Raises UsageError, StoreUnavailable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}") from None
    deploys = changes(store.deploys(Span(-inf, inf)))
    sections = [_section(story, store, deploys) for story in stories]
    for section in sections:
        png = folder / f"{section.fingerprint}.png"
        try:
            png.write_bytes(picture_png(section.picture))
        except OSError as error:
            raise UsageError(f"{png} cannot be written: {error.strerror}") from None
    page = folder / PAGE
    write_whole(page, render_page("What soakwatch would have told", sections))
    return page


def _section(story: Story, store: WindowStore, deploys: Sequence[Deploy]) -> Section:
    incident = story.last
    return Section(
        incident.fingerprint,
        incident.severity,
        f"{incident.kind} of {incident.service} in {incident.environment}",
        _picture(story, store, deploys),
        [
            what_is_worst(story.confirmed or incident),
            *(f"{written_moment(change.at)}: {change.state}" for change in story.changes),
            *_words(incident),
        ],
    )


def _words(incident: Incident) -> list[str]:
    """Why it fired: what was said of its worst finding."""
    worst = findings_worst_first(incident.findings)[:1]
    return [
        f"{written_moment(one.at)} {finding.series} {finding.metric}, {one.method}: {one.says}"
        for finding in worst
        for one in finding.evidence
    ]


def _picture(story: Story, store: WindowStore, deploys: Sequence[Deploy]) -> Picture:
    told = story.confirmed or story.last
    finding = findings_worst_first(told.findings)[0]
    begin = told.onset.start - _BEFORE
    end = min(begin + _LONGEST, (story.last.resolved or inf) + _AFTER)
    width = MINUTE if end - begin <= 2 * _DAY else TEN_MINUTES
    drawn = metric_history(store, finding.series, finding.metric, width, Span(begin, end))
    learnt = Span(told.onset.start - _LEARNT_FROM, told.onset.start)
    before = metric_history(store, finding.series, finding.metric, width, learnt)
    low, high = _usual(before, drawn[0])
    return Picture(
        f"{finding.series}: {finding.metric}",
        finding.metric,
        *drawn,
        low,
        high,
        told.onset,
        [(change.at, change.state) for change in story.changes if begin <= change.at <= end],
        [one for one in deploys if begin <= one.at <= end and concerns(one, told)],
    )


def _usual(before: tuple[FloatArray, FloatArray], starts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What bounds the values of the same hour of the days before, for each of `starts`."""
    known, values = before
    hours, wanted = ((moments // _HOUR % 24).astype(np.int64) for moments in (known, starts))
    low, high = np.full(24, np.nan), np.full(24, np.nan)
    for hour in range(24):
        there = values[(hours == hour) & np.isfinite(values)]
        if there.size >= _FEWEST:
            low[hour], high[hour] = np.quantile(there, _USUAL)
    return low[wanted], high[wanted]
