"""core: the words of soakwatch as values, and its configuration.

Series, windows, runs and verdicts, the histogram they are made of, the errors and their exit codes. It does no I/O
beyond reading the configuration, and imports nothing else of soakwatch.
"""
