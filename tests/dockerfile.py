"""A Dockerfile, read as far as tests need it."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile.locust"


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, and the rest of its line."""

    word: str
    rest: str


def read_instructions(path: Path = DOCKERFILE) -> list[Instruction]:
    """The instructions of a Dockerfile, in order."""
    return list(_instructions(path.read_text(encoding="utf-8")))


def _instructions(text: str) -> Iterator[Instruction]:
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in without_comments.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word, rest.strip())


def last(word: str, instructions: Sequence[Instruction]) -> str:
    """What the last instruction `word` says."""
    return [instruction.rest for instruction in instructions if instruction.word == word][-1]


def entrypoint(instructions: Sequence[Instruction]) -> list[str]:
    """The command that the image runs, before its arguments."""
    words = json.loads(last("ENTRYPOINT", instructions))
    assert isinstance(words, list)
    return words
