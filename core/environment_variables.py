"""Environment variables that are ours. Each key of the configuration is one too, after the prefix."""

ENVIRONMENT_PREFIX = "SOAKWATCH_"
FILE_VARIABLE = "SOAKWATCH_CONFIG"
TOKEN_VARIABLE = "SOAKWATCH_STORE__TOKEN"  # noqa: S105  (where the token is, not a token)
RUN_FILE_VARIABLE = "SOAKWATCH_RUN_FILE"
"""Names a file to which Locust's launcher writes the id of its run when it ends."""

NOT_KEYS = (FILE_VARIABLE, RUN_FILE_VARIABLE, "SOAKWATCH_TEST_")
"""Beginnings of environment variables of ours that are not keys of the file."""
