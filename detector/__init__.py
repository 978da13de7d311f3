"""detector: what changed, between two runs and over time, by how much, and how sure that is.

Pure functions from what a store holds to verdicts and incidents, and what could be found at all (`power`); it never
waits, prints, reads a clock or decides what people hear of it.
"""
