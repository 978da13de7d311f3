"""Environment variables that are ours. Each key of the configuration is one too, after the prefix."""

ENVIRONMENT_PREFIX = "SOAKWATCH_"
FILE_VARIABLE = "SOAKWATCH_CONFIG"
TOKEN_VARIABLE = "SOAKWATCH_STORE__TOKEN"  # noqa: S105  (where the token is, not a token)
RUN_FILE_VARIABLE = "SOAKWATCH_RUN_FILE"
"""Names a file to which Locust's launcher writes the id of its run when it ends."""

SOAK_FOLDER_VARIABLE = "SOAKWATCH_SOAK_FOLDER"
"""Names the folder in which a Locust that runs as a soak tells how it is, and finds out whether its daemon lives."""

SOAK_TOKEN_VARIABLE = "SOAKWATCH_SOAK_START"  # noqa: S105  (a number drawn by lot, by which a start is known again)
"""Tells one start of a soak from all others, in each of its processes."""

LEASH_VARIABLE = "SOAKWATCH_SOAK_LEASH"
"""Seconds without a word of its daemon after which a soak ends itself."""

CONTINUES_VARIABLE = "SOAKWATCH_SOAK_CONTINUES"
"""The run that a soak goes on from."""

NOT_KEYS = (
    FILE_VARIABLE,
    RUN_FILE_VARIABLE,
    SOAK_FOLDER_VARIABLE,
    SOAK_TOKEN_VARIABLE,
    LEASH_VARIABLE,
    CONTINUES_VARIABLE,
    "SOAKWATCH_TEST_",
)
"""Beginnings of environment variables of ours that are not keys of the file."""
