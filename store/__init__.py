"""store: what is kept and how.

The window store's contract and SQLite behind it; baselines and metrics as files. It never decides anything, and never
sees a single request.
"""
