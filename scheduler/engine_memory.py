"""Engine memory: what the engine knows, as parts in the ledger, so that a restart goes on where it was."""

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.detector.engine import Engine
from soakwatch.detector.observation import Place, place_of
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_PREFIX = "engine/"
"""How the names of its parts begin in the ledger."""


def remembered_engine(ledger: LedgerReading, settings: DetectorSection) -> Engine:
    """The engine as the last pass left it; it has learnt nothing where there was none."""
    memory = ledger.remembered(_PREFIX)
    return Engine.resume(settings, {name.removeprefix(_PREFIX): part for name, part in memory.items()})


def known_places(ledger: LedgerReading, settings: DetectorSection) -> set[Place]:
    """The services of which the engine knows series; none where nothing was learnt yet. Raises StoreUnavailable."""
    position = DetectionPosition.decode(ledger.cursor(NAME))
    if position is None or position.identity != Engine.identity(settings):
        return set()
    return {place_of(series) for series in remembered_engine(ledger, settings).series}


def changed_parts(engine: Engine) -> dict[str, bytes]:
    """What the ledger is to remember of what the engine learnt since this was last asked."""
    return {_PREFIX + name: part for name, part in engine.changed_memory().items()}


def forget_engine(work: LedgerTransaction) -> None:
    """Have the ledger remember nothing."""
    work.forget(work.remembered(_PREFIX))
