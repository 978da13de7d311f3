"""SoakKeeper: keeps the soaks of the configuration running on this machine, for the daemon that works."""

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import SoakwatchError
from soakwatch.core.roll_up import MINUTE
from soakwatch.scheduler.job import Stopping
from soakwatch.scheduler.kept_soak import KeptSoak
from soakwatch.scheduler.soak_book import (
    Whereabouts,
    Wish,
    forget_whereabouts,
    note_whereabouts,
    whereabouts,
    wishes,
)
from soakwatch.scheduler.soak_host import ProcessHost, SoakHost
from soakwatch.scheduler.soak_occasion import next_begin, occasion_at
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.scheduler.soak_trouble import Asked
from soakwatch.store.ledger import Ledger

MARGIN = 30.0
"""Seconds by which the leash is longer than the lease: another daemon of this machine has taken over by then."""

LEASH = MINUTE + MARGIN
"""Seconds after which Locust ends itself, when no daemon looks after it, where a lease lasts for a minute."""

_TOLD_AFTER = 30.0
"""Seconds after which the ledger is told anew where a soak is."""

_LAST_RECORDS = 30.0
"""Seconds that Locust needs to end, at most as a rule."""

_RELEASED_WITHIN = 6.0
_LOOKED_AFTER = 0.1


@dataclass(frozen=True, slots=True)
class _Book:
    """What the ledger says."""

    wishes: Mapping[str, Wish]
    places: Mapping[str, Whereabouts]


class SoakKeeper:
    """Keeps soaks running while it is asked to `keep`; may be asked for `states` from any thread.

    Locust outlives this process. Whoever keeps them next on this machine adopts what runs; on another machine, it waits
    until what ran here has ended, by itself if need be.
    """

    def __init__(
        self,
        configuration: Configuration,
        ledger: Ledger,
        file: Path | None = None,
        host: SoakHost | None = None,
        leash: float = LEASH,
    ) -> None:
        """Touch nothing yet. `file` is where the configuration was read, if Locust would not find it by itself.

        `leash` is how long Locust goes on without a daemon, in seconds.
        """
        self._ledger = ledger
        self._time_zone = configuration.detector.time_zone
        self._leash = leash
        places = host or ProcessHost()
        self._soaks = [KeptSoak(section, configuration, file, places, leash) for section in configuration.soak]
        self._book: _Book | None = None
        self._told: dict[str, float] = {}
        self._states: tuple[SoakState, ...] = ()
        self._lock = threading.Lock()

    def keep(self, now: float, stopping: Stopping) -> Sequence[str]:
        """Look after each soak at `now`; gives what is wrong, a sentence each. To be asked every other second."""
        trouble = self._read_book()
        states = []
        for soak in self._soaks:
            name = soak.section.name
            # what was wrong before anybody knew what is wanted is said already
            asked = self._asked(name, soak, now)
            failed = "" if stopping() or asked is None else self._keep_one(soak, asked, now)
            state = self._state(soak, asked, now)
            wrong = _together(failed, state.trouble)
            trouble += [f"soak {name}: {wrong}"] if wrong else []
            # only for who asks now: in the log it would be another sentence every other second
            waits = soak.waiting_for(asked, now) if asked is not None else ""
            states.append(replace(state, trouble=_together(wrong, waits)))
        with self._lock:
            self._states = tuple(states)
        return trouble

    def states(self) -> tuple[SoakState, ...]:
        """All soaks as they were when they were looked after last, in the order of the configuration.

        None while this keeper looks after none.
        """
        with self._lock:
            return self._states

    def release(self) -> None:
        """Ask every Locust to end, and wait for some seconds; each goes on with that by itself. Never raises."""
        for soak in self._soaks:
            _quietly(soak.release, time.time())
        until = time.monotonic() + _RELEASED_WITHIN
        left = [soak for soak in self._soaks if soak.is_there]
        while left and time.monotonic() < until:
            time.sleep(_LOOKED_AFTER)
            left = [soak for soak in left if not _quietly(soak.has_gone, time.time())]
        for soak in self._soaks:
            _quietly(self._tell, soak, time.time() + _LAST_RECORDS)
            soak.forget()
        self._told.clear()
        with self._lock:
            # who keeps them from now on knows how they are
            self._states = ()

    def _keep_one(self, soak: KeptSoak, asked: Asked, now: float) -> str:
        """What went wrong, if anything did: one soak must not hinder the others."""
        try:
            soak.keep(asked, now, lambda: self._note_start(soak, now))
            if soak.is_there != (soak.section.name in self._told) or self._is_old(soak, now):
                self._tell(soak, now + self._leash + 2 * _TOLD_AFTER)
                if soak.is_there:
                    self._told[soak.section.name] = now
        except (SoakwatchError, OSError) as error:
            return str(error)
        return ""

    def _note_start(self, soak: KeptSoak, now: float) -> None:
        self._note(soak.section.name, now + self._leash + 2 * _TOLD_AFTER)
        self._told[soak.section.name] = now

    def _is_old(self, soak: KeptSoak, now: float) -> bool:
        return soak.is_there and abs(now - self._told.get(soak.section.name, 0.0)) > _TOLD_AFTER

    def _tell(self, soak: KeptSoak, until: float) -> None:
        """Note in the ledger where it is, or that it has ended; nothing where nothing was noted."""
        name = soak.section.name
        if soak.is_there:
            self._note(name, until)
        elif name in self._told:
            with self._ledger.transaction() as work:
                forget_whereabouts(work, name)
            del self._told[name]

    def _note(self, name: str, until: float) -> None:
        with self._ledger.transaction() as work:
            note_whereabouts(work, name, Whereabouts(_this_machine(), until))

    def _read_book(self) -> list[str]:
        try:
            self._book = _Book(wishes(self._ledger), whereabouts(self._ledger))
        except SoakwatchError as error:
            return [f"soaks go on as they are, as the ledger cannot be read: {error}"]
        return []

    def _asked(self, name: str, soak: KeptSoak, now: float) -> Asked | None:
        """What is asked of a soak; None while nobody knows it."""
        if self._book is None:
            return None
        place = self._book.places.get(name)
        elsewhere = place is not None and place.machine != _this_machine()
        wish = self._book.wishes.get(name)
        occasion = occasion_at(soak.section, wish, now, self._time_zone)
        longest = self._leash + 3 * _TOLD_AFTER
        # one that is told for longer was told by a clock that is ahead of this one
        free = min(place.until, now + longest) if place is not None and elsewhere else None
        return Asked(occasion, free, wish.at if wish is not None and wish.wanted else -inf)

    def _state(self, soak: KeptSoak, asked: Asked | None, now: float) -> SoakState:
        section, record = soak.section, soak.record
        wish = self._book.wishes.get(section.name) if self._book else None
        is_wanted = asked is not None and asked.occasion is not None
        begins = next_begin(section, wish, now, self._time_zone)
        return SoakState(
            section.name,
            wanted=is_wanted,
            test=section.test_name,
            process=record.process if soak.is_there else 0,
            run=soak.run,
            since=record.began if soak.is_there else None,
            due=((soak.due(asked, now) if is_wanted else None) or begins) if asked is not None else None,
            restarts=record.restarts,
            trouble=soak.trouble(asked, now) if asked is not None else "",
        )


def _together(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


def _this_machine() -> str:
    return f"{socket.gethostname()}:{Path.cwd()}"


def _quietly(work: Callable[..., object], *arguments: object) -> bool:
    """Whether it was done, and gave nothing else than None or True."""
    try:
        return work(*arguments) is not False
    except (SoakwatchError, OSError):
        return False
