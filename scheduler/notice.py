"""Notices: what somebody sends to the daemon over HTTP, read by the form that it must have."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from soakwatch.core.errors import UsageError

Form = TypeVar("Form", bound=BaseModel)


def read_notice(form: type[Form], body: bytes, what: str) -> Form:
    """The notice of `what` in `body`. Raises UsageError that says what is wrong with it, and shows none of it."""
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the notice"
        known = f"unknown key; known are {', '.join(form.model_fields)}"
        wrong = known if first["type"] == "extra_forbidden" else first["msg"]
        raise UsageError(f"no notice of {what}: {place}: {wrong}") from None
