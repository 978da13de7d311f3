"""The subject: what a verdict is about, as plain text for titles."""

from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import Series
from soakwatch.reporter.escaping import LONGEST, clean, shorten


def subject(series: Series) -> str:
    """The name of `series` on one line, cleaned and not endless; an empty one says that it is empty."""
    name = f"all endpoints of {series.service}" if is_whole_service(series) else str(series)
    return shorten(clean(name), LONGEST) or "(empty)"
