"""Golden files: texts as they were when somebody read them last.

SOAKWATCH_TEST_UPDATE_GOLDEN=1 writes them anew; read the difference before it is committed.
"""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"
_UPDATE = bool(os.environ.get("SOAKWATCH_TEST_UPDATE_GOLDEN"))


def assert_golden(name: str, written: str) -> None:
    """Hold that `written` is what the golden file `name` says."""
    file = _FOLDER / name
    if _UPDATE:
        file.write_text(written, encoding="utf-8")
    assert written == file.read_text(encoding="utf-8")
