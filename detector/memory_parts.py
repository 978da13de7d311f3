"""Memory parts: what the engine knows, as named bytes for the ledger."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric
from soakwatch.detector.baselines import Baselines
from soakwatch.detector.held_level import Examined, HeldLevel
from soakwatch.detector.memory import Memory
from soakwatch.detector.usual_moves import Spread, UsualMoves

_VERSION = 4
"""What is written differently is learnt again."""

_BLOCKS = 6
"""Blocks of one part: an hour."""

_ROWS = 64
"""Series of which the baselines are one part."""

_OF_USUAL = ("reference", "noise", "slope")
_SPREADS = ("jump", "held", "lasting", "long", "slope_spread")
_OF_BLOCKS = ("levels", "requests", "failures", "reasons", "classes", "failing")


def identity_of(memory: Memory) -> str:
    """All on which it depends what the parts mean: with another one, they are not read."""
    settings = memory.settings
    scale = f"{settings.time_scale:g}/{settings.step:g}" if settings.step else f"{settings.time_scale:g}"
    return f"{_VERSION} {scale} {settings.history:g} {settings.time_zone} {settings.max_load_difference:g}"


def parts_of(memory: Memory) -> dict[str, bytes]:
    """What has changed since the last call. Names are from a bounded set: what is older is written over."""
    parts = {}
    for group in sorted({block // _BLOCKS for block in memory.unwritten.blocks}):
        parts[f"blocks/{group % _slots(memory)}"] = _blocks_part(memory, group)
    for group in sorted({row // _ROWS for row in memory.unwritten.rows}):
        parts[f"baselines/{group}"] = _baselines_part(memory, group)
    for group in sorted(memory.unwritten.groups):
        parts[f"usual/{group}"] = _usual_part(memory, group)
    if memory.unwritten.series:
        parts["series"] = _series_part(memory)
    if memory.unwritten.examined:
        parts["examined"] = _examined_part(memory)
    memory.unwritten.clear()
    return parts


def restored(settings: DetectorSection, parts: Mapping[str, bytes]) -> Memory:
    """The memory that wrote `parts`, but for the steps of the last hours; empty if they are of another identity."""
    memory = Memory(settings)
    head = json.loads(parts["series"]) if "series" in parts else {}
    if head.get("identity") != identity_of(memory):
        return memory
    memory.followed.replace(
        [Series(**series) for series in head["series"]], np.array(head["first_step"], dtype=np.int64)
    )
    memory.make_room()
    memory.numbered_at = head["numbered_at"]
    memory.classes.centres.update({(env, test): centres for env, test, centres in head["classes"]})
    memory.examined.update(_read_examined(parts))
    blocks = []
    for name in sorted(parts):
        what, _, group = name.partition("/")
        arrays = _arrays(parts[name]) if group else {}
        if arrays.get("mark", "") != _mark(memory):
            continue
        if what == "baselines":
            _read_baselines(memory, int(group), arrays)
        elif what == "usual":
            memory.usual[int(group)] = _read_usual(arrays)
        else:
            blocks.append(arrays)
    _read_blocks(memory, blocks)
    return memory


def _mark(memory: Memory) -> str:
    """What is in every part: those left from before the rows were renumbered, or of another identity, do not count."""
    return f"{identity_of(memory)} {memory.numbered_at}"


def _slots(memory: Memory) -> int:
    return memory.blocks.count // _BLOCKS + 2


def _series_part(memory: Memory) -> bytes:
    document = {
        "identity": identity_of(memory),
        "numbered_at": memory.numbered_at,
        "series": [asdict(series) for series in memory.series],
        "first_step": memory.followed.first_step.tolist(),
        "classes": [[*test, centres] for test, centres in memory.classes.centres.items()],
    }
    return json.dumps(document).encode()


def _examined_part(memory: Memory) -> bytes:
    document = [
        {"series": asdict(series), "metric": metric, "block": known.block, "held": asdict(known.held)}
        for (series, metric), known in memory.examined.items()
    ]
    return json.dumps(document, default=float).encode()


def _read_examined(parts: Mapping[str, bytes]) -> dict[tuple[Series, Metric], Examined]:
    return {
        (Series(**one["series"]), Metric(one["metric"])): Examined(one["block"], HeldLevel.read(one["held"]))
        for one in json.loads(parts.get("examined", b"[]"))
    }


def _blocks_part(memory: Memory, group: int) -> bytes:
    numbers = group * _BLOCKS + np.arange(_BLOCKS)
    columns = [memory.blocks.column_of(int(number)) for number in numbers]
    kept = [(number, column) for number, column in zip(numbers, columns, strict=True) if column is not None]
    places = np.array([column for _, column in kept], dtype=np.int64)
    arrays = {name: getattr(memory.blocks, name)[: memory.rows][..., places] for name in _OF_BLOCKS}
    return _bytes(memory, {"numbers": np.array([number for number, _ in kept], dtype=np.int64), **arrays})


def _baselines_part(memory: Memory, group: int) -> bytes:
    rows = slice(group * _ROWS, min((group + 1) * _ROWS, memory.rows))
    arrays = {name: getattr(memory.baselines, name)[rows] for name in Baselines.blanks}
    return _bytes(memory, {"since": memory.since[rows], **arrays})


def _read_baselines(memory: Memory, group: int, arrays: dict[str, npt.NDArray[Any]]) -> None:
    first = group * _ROWS
    last = min(first + len(arrays["since"]), memory.rows)
    memory.since[first:last] = arrays["since"][: last - first]
    for name in Baselines.blanks:
        getattr(memory.baselines, name)[first:last] = arrays[name][: last - first]


def _read_blocks(memory: Memory, parts: list[dict[str, npt.NDArray[Any]]]) -> None:
    newest = max((int(part["numbers"].max()) for part in parts if part["numbers"].size), default=None)
    if newest is None:
        return
    memory.blocks.move_to(newest)
    for part in parts:
        rows = len(part["reasons"])
        for place, number in enumerate(part["numbers"].tolist()):
            column = memory.blocks.column_of(number)
            if column is not None:
                for name in _OF_BLOCKS:
                    getattr(memory.blocks, name)[:rows, ..., column] = part[name][..., place]


def _usual_part(memory: Memory, group: int) -> bytes:
    usual = memory.usual[group]
    spreads = {name: getattr(usual, name) for name in _SPREADS}
    return _bytes(
        memory,
        {name: getattr(usual, name) for name in _OF_USUAL}
        | {f"{name}_deviation": spread.deviation for name, spread in spreads.items()}
        | {f"{name}_freedom": spread.freedom for name, spread in spreads.items()}
        | {"history": np.array(usual.history)},
    )


def _read_usual(arrays: dict[str, npt.NDArray[Any]]) -> UsualMoves:
    spreads = {name: Spread(arrays[f"{name}_deviation"], arrays[f"{name}_freedom"]) for name in _SPREADS}
    reference, noise, slope = (arrays[name] for name in _OF_USUAL)
    jump, held, lasting, long, slope_spread = (spreads[name] for name in _SPREADS)
    return UsualMoves(reference, noise, jump, held, lasting, long, slope, slope_spread, int(arrays["history"]))


def _bytes(memory: Memory, arrays: dict[str, npt.NDArray[np.generic]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, mark=np.array(_mark(memory)), **arrays)
    return file.getvalue()


def _arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return dict(archive)
