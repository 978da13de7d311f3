"""HTTP answers: sentences as plain text, which no cache keeps."""

from collections.abc import Iterable, Mapping

from flask import Response

TEXT = "text/plain; charset=utf-8"


def says(status: int, *sentences: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer with a line for each sentence."""
    return answer("".join(f"{sentence}\n" for sentence in sentences).encode(), TEXT, status, (headers or {}).items())


def answer(body: bytes, content_type: str, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """The answer with `body`, to be read as what it says it is and as nothing else."""
    made = Response(body, status, content_type=content_type)
    made.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **dict(headers)})
    return made
