"""Request tally: how many requests of this process GitHub has answered."""


class RequestTally:
    """PyGithub makes its connections by itself and cannot be given one, so this is of the process."""

    answered = 0
