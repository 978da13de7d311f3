"""detector: what changed between runs, by how much, and how sure that is.

Pure functions from windows to verdicts; it never waits, prints, reads a clock or decides what people hear of it.
"""
