"""Overdue: tests that should have begun and did not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from soakwatch.core.detector_settings import DueSection
from soakwatch.core.incident import Finding, Kind, Shape, Testimony
from soakwatch.core.numbers import format_duration
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric, Severity
from soakwatch.detector.cron import moments
from soakwatch.detector.signal import Key, Signal, Standing

_MINUTE = 60.0
_LONGEST = 32 * 86_400.0
"""How far a moment may lie back: monthly tests are the rarest that are watched."""

_UNENDED = 12 * 3600.0
"""How long a run without an end is believed to be under way."""

_EARLY = 5 * _MINUTE
"""Clocks differ, and some begin a little before the hour."""


@dataclass(frozen=True, slots=True)
class DueTests:
    """The settings' `[[due]]`: what should run in `environment`, with times of the day in `time_zone`."""

    sections: Sequence[DueSection]
    environment: str
    time_zone: str

    def signals(self, runs: Sequence[Run], step: Span, watched: Collection[Key] = ()) -> list[Signal]:
        """Of each test whether, at the end of `step`, it had begun when it was due; `runs` may be later ones, too.

        Of each section the last moment counts at which the test had to have begun. A run that was under way then is as
        good as one that begins. An incident begins in the step in which patience ends, so that nothing is told of
        moments before anybody watched; one that is open, of which the keys are in `watched`, goes on until the test
        runs, or until no section asks for it any more.
        """
        known = [run for run in runs if run.environment == self.environment and run.start <= step.end]
        signals: dict[Key, Signal] = {}
        for section in self.sections:
            signal = self._signal(section, known, step, watched)
            # of several sections about one test, the one that is not fulfilled is told
            if signal is not None and (signal.standing is Standing.ALARM or signal.key not in signals):
                signals[signal.key] = signal
        for key in watched:
            if key[2] is Kind.NO_DATA and key[0].service == WHOLE_SERVICE:
                signals.setdefault(key, Signal(step.end, *key, Standing.NORMAL))
        return list(signals.values())

    def _signal(self, section: DueSection, known: Sequence[Run], step: Span, watched: Collection[Key]) -> Signal | None:
        moment = _last_moment(section, step.end, self.time_zone)
        if moment is None:
            return None
        series = Series(self.environment, section.test, WHOLE_SERVICE, WHOLE_SERVICE, WHOLE_SERVICE)
        key = (series, Metric.THROUGHPUT, Kind.NO_DATA)
        if any(run.test == section.test and _fulfils(run, moment) for run in known):
            return Signal(step.end, *key, Standing.NORMAL)
        is_news = moment + section.within * _MINUTE > step.start and _was_there(known, moment)
        if not is_news and key not in watched:
            return None
        finding = _finding(series, section, moment, step.end, self.time_zone)
        return Signal(step.end, *key, Standing.ALARM, finding, immediate=True)


def _last_moment(section: DueSection, at: float, time_zone: str) -> float | None:
    """The last moment whose patience is over at `at`."""
    latest = at - section.within * _MINUTE
    for days in (1.0, 8.0, _LONGEST / 86_400):
        found = list(moments(section.cron, Span(latest - days * 86_400, latest + 1e-3), time_zone))
        if found:
            return found[-1]
    return None


def _finding(series: Series, section: DueSection, moment: float, at: float, time_zone: str) -> Finding:
    clock = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(time_zone))
    waited = format_duration(section.within * _MINUTE)
    says = f"the test {section.test} was due at {clock:%Y-%m-%d %H:%M %Z} and did not begin within {waited}"
    return Finding(
        series,
        Metric.THROUGHPUT,
        Severity.CRITICAL,
        Shape.STEP,
        Span(moment, moment + section.within * _MINUTE),
        baseline=None,
        current=None,
        effect=None,
        evidence=(Testimony(at, "due", says),),
    )


def _was_there(known: Sequence[Run], moment: float) -> bool:
    """Whether tests ran before `moment`; where none ever did, that may be what is wrong."""
    return not known or min(run.start for run in known) < moment


def _fulfils(run: Run, moment: float) -> bool:
    # a run that was killed has no end for ever
    end = run.start + _UNENDED if run.end is None else run.end
    return run.start >= moment - _EARLY or end > moment
