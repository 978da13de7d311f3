"""Make `.env` of `.env.example`, with secrets that nobody can guess; one that is there is left alone. `make env`."""

import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def required(compose: str) -> list[str]:
    """The variables without which a compose file does not start: `${NAME:?what to do}`."""
    return sorted(set(re.findall(r"\$\{(\w+):\?", compose)))


def filled(example: str, names: list[str]) -> str:
    """`example` with a secret for each of `names`. Raises ValueError when it does not ask for one of them."""
    for name in names:
        example, found = re.subn(rf"^{name}=$", f"{name}={secrets.token_urlsafe(24)}", example, flags=re.MULTILINE)
        if not found:
            raise ValueError(f"{name}= is missing")
    return example


def main(root: Path = ROOT) -> int:
    """Write it, for its owner only."""
    compose = (root / "docker-compose.yml").read_text(encoding="utf-8")
    text = filled((root / ".env.example").read_text(encoding="utf-8"), required(compose))
    try:
        file = os.open(root / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stderr.write(".env is there already, and was left alone\n")
        return 0
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(text)
    sys.stderr.write("wrote .env, with new secrets; `docker compose up` comes next\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
